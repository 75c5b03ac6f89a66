"""Environment of scratch processes: the machine's, without anything that configures a product or a sandbox."""

import os

_OURS = (
    "ALLOWED_HOSTS",
    "BEHIND_PROXY",
    "CREDENTIAL_KEYS",
    "DATABASE_URL",
    "DEBUG",
    "DJANGO_ALLOW_ASYNC_UNSAFE",
    "DJANGO_SETTINGS_MODULE",
    "EMAIL_FROM",
    "EMAIL_URL",
    "HOST",
    "OUTBOUND_ALLOW",
    "PORT",
    "PUBLIC_URL",
    "REDIS_URL",
    "SANDBOX_",
    "SECRET_KEY",
    "VAR_DIR",
)


def scratch_environment(**values: str) -> dict[str, str]:
    """A copy of the environment without our own variables (and their `…_FILE` forms), plus `values`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "PYTHONUNBUFFERED": "1", **values}
