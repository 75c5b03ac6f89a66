"""The sweep among a million tokens, held against the sweep among a thousand: as many are due in both."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.installed import POSTGRESQL, missing
from tests.bench.line import Line, Lines, NotMeasured, compared
from tests.support.databases import no_postgres, running_postgres
from tests.support.inside import Inside
from tests.support.processes import ROOT
from tests.support.product import Factory, Product

SWEEPS = 9
DUE = 100
LARGE, SMALL = 1_000_000, 1_000
# Of so many of the tokens there is an authorization, a finished attempt of this month, and an end to be warned of.
USED = 0.3

# Rows that a million credentials would have: cheap to write, and read by the sweep like any others.
_MANY = {
    "postgres": """
        INSERT INTO credentials_credential (id, organization_id, account_id, name, kind, payload, secrets, status,
            status_code, status_reason, status_changed_at, version, created_at, updated_at)
        SELECT gen_random_uuid(), %(organization)s, %(account)s, 'Orders ' || n, 'oauth2', '{}', '',
            'active', '', '', now(), 1, now(), now() FROM generate_series(1, %(count)s) AS n;
        INSERT INTO credentials_oauthtoken (credential_id, organization_id, access_token, refresh_token, token_type,
            scope, refresh_at, expires_at, generation, lease_owner, failures, last_error, endpoint_id)
        SELECT id, organization_id, '', '', 'Bearer', '', now() + random() * interval '1 hour' + interval '1 hour',
            now() + interval '3 hours', 1, '', 0, '', %(endpoint)s FROM credentials_credential;
        UPDATE credentials_oauthtoken SET refresh_at = now() - interval '1 second'
        WHERE credential_id IN (SELECT credential_id FROM credentials_oauthtoken LIMIT %(due)s)""",
    "sqlite": """
        INSERT INTO credentials_credential (id, organization_id, account_id, name, kind, payload, secrets, status,
            status_code, status_reason, status_changed_at, version, created_at, updated_at)
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT %(count)s)
        SELECT lower(hex(randomblob(16))), '%(organization)s', %(account)s, 'Orders ' || n, 'oauth2', '{}', '',
            'active', '', '', datetime('now'), 1, datetime('now'), datetime('now') FROM n;
        INSERT INTO credentials_oauthtoken (credential_id, organization_id, access_token, refresh_token, token_type,
            scope, refresh_at, expires_at, generation, lease_owner, failures, last_error, endpoint_id)
        SELECT id, organization_id, '', '', 'Bearer', '',
            datetime('now', '+1 hour', (abs(random()) %% 3600) || ' seconds'),
            datetime('now', '+3 hours'), 1, '', 0, '', %(endpoint)s FROM credentials_credential;
        UPDATE credentials_oauthtoken SET refresh_at = datetime('now', '-1 second')
        WHERE credential_id IN (SELECT credential_id FROM credentials_oauthtoken LIMIT %(due)s)""",
}
# What the sweep looks through beside the tokens, none of which is to be done or deleted.
_USED = """
    INSERT INTO credentials_authorization (id, credential_id, organization_id, state_digest, nonce_digest, verifier,
        code, redirect_uri, issuer, iss_required, userinfo_url, asked_scope, granted_scope, refresh_token_issued,
        account_issuer, account_subject, account_name, status, error, error_description, created_at, expires_at,
        finished_at)
    SELECT {id}, credential_id, organization_id, {digest}, '', '', '', '', '', false, '', 'read', 'read', true,
        '', '', '', 'succeeded', '', '', {past}, {past}, {past} FROM credentials_oauthtoken LIMIT {count};
    INSERT INTO credentials_tokenattempt (id, token_id, organization_id, "grant", generation, host, state, answer,
        error, started_at, finished_at)
    SELECT {id}, credential_id, organization_id, 'refresh_token', 1, 'id.example:443', 'applied', '', '',
        {past}, {past} FROM credentials_oauthtoken LIMIT {count};
    INSERT INTO credentials_ending (id, organization_id, credential_id, what, mend, ends_at, warn_at)
    SELECT {id}, organization_id, credential_id, 'Client secret', 'edit', {future}, {future}
    FROM credentials_oauthtoken LIMIT {count};
    ANALYZE"""
_WORDS = {
    "postgres": {
        "id": "gen_random_uuid()",
        "digest": "CAST(gen_random_uuid() AS text)",
        "past": "now() - interval '1 hour' - random() * interval '28 days'",
        "future": "now() + interval '1 day' + random() * interval '28 days'",
    },
    "sqlite": {
        "id": "lower(hex(randomblob(16)))",
        "digest": "lower(hex(randomblob(32)))",
        "past": "datetime('now', '-1 hour', '-' || (abs(random()) % 2419200) || ' seconds')",
        "future": "datetime('now', '+1 day', (abs(random()) % 2419200) || ' seconds')",
    },
}
_HOME = """
from credentials.services import endpoints
from organizations import services
from organizations.audit import Actor
stage = Actor.command("bench")
account = services.create_account(stage, "12345566", "Golden Gate Travel")
home = services.create_organization(stage, account, "Bots")
print(home.pk, account.pk, endpoints.found("https://id.example/token").pk)
"""
_SWEEPER = """
import sys, time
import django
django.setup()
from credentials.services import sweep
for line in sys.stdin:
    began = time.perf_counter()
    found = sweep.find()
    sweep.tidy()
    print(time.perf_counter() - began, len(found.renewals), flush=True)
"""


def lines(folder: Path) -> Lines:
    """The sweep's queries and its tidying, in turns in two databases of one server."""
    if why := missing(POSTGRESQL):
        yield NotMeasured("the sweep on PostgreSQL", why)
    else:
        with running_postgres(fsync="on") as postgres:
            yield sweeping(Factory(folder / "postgres", lambda: postgres), "PostgreSQL", "postgres")
    yield sweeping(Factory(folder / "sqlite", no_postgres), "SQLite", "sqlite")


def sweeping(factory: Factory, name: str, database: str) -> Line:
    with ExitStack() as stack:
        large, small = (
            stack.enter_context(sweeper(factory(web=0, workers=0, database=database), database, count))
            for count in (LARGE, SMALL)
        )
        for each in (large, small):
            swept(each)
        pairs = [(swept(large), swept(small)) for _ in range(SWEEPS)]
    return compared(f"sweep, {LARGE:,} tokens, {name}", f"{SMALL:,} tokens", "ms", pairs, at_most=1.5)


@contextmanager
def sweeper(product: Product, database: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that sweeps whenever it is told to, among `count` tokens of which `DUE` are due."""
    organization, account, endpoint = product.manage("shell", "--verbosity", "0", "-c", _HOME).split()
    # As the column holds it.
    organization = f"'{organization}'" if database == "postgres" else uuid.UUID(organization).hex
    values = {"organization": organization, "account": account, "endpoint": endpoint, "count": count, "due": DUE}
    inside = Inside(product)
    inside.run_script(_MANY[database] % values)
    inside.run_script(_USED.format(count=int(count * USED), **_WORDS[database]))
    command = [sys.executable, "-c", _SWEEPER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=product.env
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def swept(process: subprocess.Popen[str]) -> float:
    """Milliseconds that one sweep took."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("sweep\n")
    process.stdin.flush()
    seconds, found = process.stdout.readline().split()
    assert int(found) == DUE
    return float(seconds) * 1000
