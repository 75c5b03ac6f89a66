# `make run` needs Python 3.11 or newer and make, nothing else. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
# Processes that run tests side by side, twice as many as there are cores, because many tests wait for a server.
# A file's tests stay together. `make test WORKERS=0` runs all in one process.
WORKERS ?= $(shell $(PYTHON) -c 'import os; cores = os.cpu_count() or 1; print(2 * cores)')
# Rounds of `make chaos`, and which; by chance where SEED is empty.
ROUNDS ?= 500
SEED ?=
# How long `make soak` takes.
MINUTES ?= 20
# Requests of `make fuzz`. The same number makes the same requests.
CASES ?= 10000
BIN := $(VENV)/bin
# What the environment was installed from; the same text again means that there is nothing to do.
INSTALLED := $(VENV)/installed-requirements.txt
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links
# Production as `check --deploy` should see it. Every variable is set, so that neither .env nor the shell has a say.
PRODUCTION := DJANGO_SETTINGS_MODULE=botaccounts.settings DEBUG=off BEHIND_PROXY=on PUBLIC_URL=https://bots.example.com \
	ALLOWED_HOSTS=bots.example.com OUTBOUND_ALLOW= DATABASE_URL=sqlite:///:memory: REDIS_URL= VAR_DIR=$(VENV)/check \
	SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	CREDENTIAL_KEYS="check:$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(32))')"
TYPED := botaccounts credentials organizations
TEMPLATES := templates botaccounts/sandbox/templates

.PHONY: help setup run test check production bench fuzz chaos soak screenshots lock clean

help:
	@echo "make run     start everything on this machine (HOST=127.0.0.1 PORT=8000)"
	@echo "make setup   create $(VENV) with exactly the locked versions"
	@echo "make test    run the tests; ARGS='-k refresh' is handed to pytest"
	@echo "make check   style, types, templates, migrations, deployment checks, known vulnerabilities"
	@echo "make production  walk through the pages behind nginx with TLS, on PostgreSQL and Redis"
	@echo "make bench   ratios of speed, taken in one run; ARGS=--json for scripts"
	@echo "make fuzz    drive the API from its OpenAPI document; CASES=10000 requests"
	@echo "make chaos   rounds of faults against real processes, and what came of them; ROUNDS=500 SEED=1"
	@echo "make soak    bots, people and renewals for a while, and what every process takes of memory; MINUTES=20"
	@echo "make screenshots  take the four pictures of the README (needs Chromium)"
	@echo "make lock    resolve requirements*.in into requirements*.txt"
	@echo "make clean   remove $(VENV) and caches; var/ and .env stay"

setup:
	@if ! cmp -s requirements-dev.txt $(INSTALLED); then \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.11 ...")' && \
		echo "Installing the locked packages into $(VENV) ..." && \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt && \
		cp requirements-dev.txt $(INSTALLED); \
	fi

run: setup
	@exec $(BIN)/python -m botaccounts.embedded

# The tests start some hundreds of processes, each of which would compile all of the code anew.
test production chaos soak: export PYTHONDONTWRITEBYTECODE :=
test: setup
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "mypy $(TYPED)"
	@$(PRODUCTION) $(BIN)/mypy $(TYPED)
	$(BIN)/djlint --lint --check $(TEMPLATES)
	@echo "manage.py makemigrations --check, manage.py check --deploy"
	@$(PRODUCTION) $(BIN)/python manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(BIN)/python .ci/audit_dependencies.py requirements.txt requirements-dev.txt

production: setup
	$(BIN)/python -m pytest tests/e2e --shape production $(ARGS)

bench: setup
	$(BIN)/python -m tests.bench $(ARGS)

fuzz: setup
	FUZZ_CASES=$(CASES) $(BIN)/python -m pytest -q --timeout 0 tests/fuzz $(ARGS)

chaos: setup
	$(BIN)/python -m tests.chaos --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: setup
	$(BIN)/python -m tests.chaos.soak --minutes $(MINUTES) $(ARGS)

screenshots: setup
	$(BIN)/python -m pytest -q tests/e2e/screenshots.py

lock: setup
	$(LOCK) --output-file requirements.txt requirements.in
	$(LOCK) --output-file requirements-dev.txt requirements-dev.in

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
