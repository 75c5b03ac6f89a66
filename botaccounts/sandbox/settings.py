"""Settings of the sandbox resource. Served on loopback, without TLS, for one person or one test run at a time.

Environment (a `.env` beside `manage.py` is read too, the environment wins): `SANDBOX_SECRET_KEY`, `SANDBOX_DATABASE`
(path of its SQLite file), `SANDBOX_ACCESS_TOKEN_SECONDS` (how long an access token lives).
"""

from pathlib import Path

import environ

from botaccounts.sandbox.signing import signing_key

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env")

VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))
SECRET_KEY = env.str("SANDBOX_SECRET_KEY", "")
DEBUG = False
# Loopback names only: a page on the internet cannot reach it through a name of its own (DNS rebinding).
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "botaccounts.sandbox.apps.SandboxConfig",  # before the toolkit: its templates win
    "oauth2_provider",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "botaccounts.sandbox.urls"
WSGI_APPLICATION = "botaccounts.sandbox.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": env.str("SANDBOX_DATABASE", str(VAR_DIR / "sandbox.sqlite3")),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",  # the token endpoint checks and rotates under one write lock
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True

# Cookies ignore ports: on one host these must not overwrite the product's `session` and `csrf`.
SESSION_COOKIE_NAME = "sandbox_session"
CSRF_COOKIE_NAME = "sandbox_csrf"
LANGUAGE_COOKIE_NAME = "sandbox_language"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

OAUTH2_PROVIDER = {
    "OAUTH2_VALIDATOR_CLASS": "botaccounts.sandbox.oauth.SandboxValidator",
    "CLIENT_SECRET_HASHER": "random_secret",
    "SCOPES": {
        "read": "See your orders",
        "write": "Place orders in your name",
        "offline": "Keep access while you are away (a refresh token)",
        "openid": "Know who you are (an ID token)",
    },
    "DEFAULT_SCOPES": ["read", "write", "offline"],
    "ACCESS_TOKEN_EXPIRE_SECONDS": env.int("SANDBOX_ACCESS_TOKEN_SECONDS", 300),
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    "PKCE_REQUIRED": True,
    # It is an identity provider too: ID tokens for applications that were registered for them.
    "OIDC_ENABLED": True,
    "OIDC_RSA_PRIVATE_KEY": signing_key(Path(DATABASES["default"]["NAME"]).with_suffix(".pem")),
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "client_credentials", "refresh_token"],
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
}
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "botaccounts.sandbox.oauth.RandomSecretHasher",
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django": {"handlers": [], "level": "WARNING", "propagate": True}},
}
