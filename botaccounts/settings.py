"""Settings. Everything that differs between machines comes from the environment (`docs/operations.md` lists it).

A `.env` beside `manage.py` is read too; a variable of the environment wins over it.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env")

# Everything this machine writes by itself: the SQLite file, the broker's folder, collected static files.
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))
# What a running `make run` chose (its address, its sandbox), so that `manage.py` in another terminal means the same.
environ.Env.read_env(VAR_DIR / "running.env")

TESTING = "pytest" in sys.modules

SECRET_KEY = env.str("SECRET_KEY", "")
# `FileAwareEnv` honours CREDENTIAL_KEYS_FILE and SECRET_KEY_FILE. Only credentials/crypto/keyring.py reads this one.
CREDENTIAL_KEYS = env.str("CREDENTIAL_KEYS", "")
DEBUG = env.bool("DEBUG", False)
BEHIND_PROXY = env.bool("BEHIND_PROXY", False)
WEB_ON_ONE_CORE = env.bool("WEB_ON_ONE_CORE", True)
PUBLIC_URL = env.str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
# `host:port` or CIDR, comma separated: private addresses that a credential or an integration may name.
OUTBOUND_ALLOW = env.list("OUTBOUND_ALLOW", default=[])

# What a scraper of /metrics shows; without one only this machine may scrape.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

_public = urlsplit(PUBLIC_URL)
SERVED_OVER_TLS = _public.scheme == "https"
_name = _public.hostname or "127.0.0.1"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[f"[{_name}]" if ":" in _name else _name])
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

INSTALLED_APPS = [
    "botaccounts.staff.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_htmx",
    "django_otp",
    "organizations",
    "credentials",
    "botaccounts.staff.apps.StaffConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # What follows is for pages; bots' calls leave here. What is to see every request goes above this line.
    "botaccounts.straight.StraightToTheApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "botaccounts.canonical.CanonicalHostMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

if BEHIND_PROXY:
    MIDDLEWARE.insert(0, "botaccounts.proxy.ClientAddressMiddleware")

ROOT_URLCONF = "botaccounts.urls"
WSGI_APPLICATION = "botaccounts.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'botaccounts.sqlite3'}")}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Its connections wait open. FULL, not NORMAL: a rotated refresh token that a power cut takes back is a dead grant.
    DATABASES["default"]["ENGINE"] = "organizations.sql.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
    # A file even in tests: threads must see one database.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Django's with a pool that tries connections out, except where that can be spared.
    DATABASES["default"] |= {"ENGINE": "organizations.sql.postgresql", "CONN_HEALTH_CHECKS": False}
    if not TESTING:
        DATABASES["default"]["OPTIONS"] = DATABASES["default"].get("OPTIONS", {}) | {  # what the address says stays
            "pool": {"min_size": 1, "max_size": 32, "timeout": 10},
            # Uses before PostgreSQL keeps the plan of one of our own statements (organizations.sql); 0 is never.
            "prepare_threshold": env.int("DATABASE_PREPARE_AFTER", 3) or None,
        }
else:
    raise ImproperlyConfigured("DATABASE_URL has to begin with postgres:// or sqlite:///.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    # A Redis that accepts and never answers must not hold a request: without the cache it is served all the same.
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Sign-in: five failures, fifteen minutes; the address is the socket's, or what a proxy of ours says (BEHIND_PROXY).
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # fifteen minutes, however often it is tried meanwhile
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_VERBOSE = False
PASSWORD_HASHERS = ["botaccounts.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "organizations:list"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# An upload is a key: it stays in memory and is never spooled to a file.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# Cookies and headers. `__Host-` needs Secure, so it is used exactly where the product is served over TLS.
SESSION_COOKIE_NAME = "__Host-session" if SERVED_OVER_TLS else "session"
SESSION_COOKIE_SECURE = SERVED_OVER_TLS
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"  # a provider's redirect back to the callback must carry the session
CSRF_COOKIE_NAME = "__Host-csrf" if SERVED_OVER_TLS else "csrf"
CSRF_COOKIE_SECURE = SERVED_OVER_TLS
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = SERVED_OVER_TLS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]  # probes ask the process itself, without TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SERVED_OVER_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Chromium applies form-action to the redirect that follows a form as well, and *Authorize* ends at the resource.
_http_targets = [f"http://{entry}" for entry in OUTBOUND_ALLOW if "/" not in entry]
if any(entry.strip().startswith("127.") and "/" in entry for entry in OUTBOUND_ALLOW):
    _http_targets.append("http://127.0.0.1:*")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'", "https:", *_http_targets],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# The queue only wakes workers: ids, JSON, no results, no countdown.
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
if REDIS_URL:
    # A page or a bot's request must not wait for a queue that is down: the sweep does what the message would have.
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
    }
else:
    CELERY_BROKER_TRANSPORT = "botaccounts.broker:Transport"
    _broker = VAR_DIR / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "queue"),
        "data_folder_out": str(_broker / "queue"),
        "control_folder": str(_broker / "control"),
        "processed_folder": str(_broker / "processed"),
        "store_processed": False,
        "polling_interval": 0.2,  # seconds that a message may lie there unseen
    }
    for folder in ("queue", "control", "processed"):
        (_broker / folder).mkdir(parents=True, exist_ok=True)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its queue as long as it takes
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
# Threads: they wait for providers nearly all the time, and share what one process has loaded.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = env.int("WORKER_THREADS", 20)
WORKER_ON_ONE_CORE = env.bool("WORKER_ON_ONE_CORE", True)
# A message that waits behind slow ones is better off with another worker.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Renewals of all workers together that may be under way at one provider's host that answers quickly.
REFRESHES_PER_HOST = env.int("REFRESHES_PER_HOST", 128)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
# A sweep that waited is dropped after six minutes, not sooner: a worker's clock may be five minutes fast.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "credentials.tasks.sweep", "schedule": 30.0, "options": {"expires": 360}},
}

# Without EMAIL_URL mails become files. They name no secret, but whom to tell of what.
_mail = env.email_url_config(env.str("EMAIL_URL", "") or "filemail://")
_mail_folder = f"/{_mail['EMAIL_FILE_PATH']}" if _mail["EMAIL_FILE_PATH"] else str(VAR_DIR / "mail")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH = None
if EMAIL_BACKEND.endswith(".filebased.EmailBackend"):
    EMAIL_FILE_PATH = _mail_folder
    Path(_mail_folder).mkdir(mode=0o700, parents=True, exist_ok=True)
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"] or "localhost", _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", f"Bot Accounts <bot-accounts@{_public.hostname or 'localhost'}>")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"without_links": {"()": "botaccounts.reporting.WithoutLinks"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_links"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Django's own handlers would mail query strings and locals to the administrators.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "celery": {"level": "INFO"},
        # These log tokens and bodies at DEBUG.
        "requests_oauthlib": {"level": "CRITICAL", "propagate": False},
        "oauthlib": {"level": "CRITICAL", "propagate": False},
        "urllib3": {"level": "WARNING"},
    },
}
DEFAULT_EXCEPTION_REPORTER_FILTER = "botaccounts.reporting.SilentReporterFilter"
SILENCED_SYSTEM_CHECKS: list[str] = []
