"""The `.env` of an embedded installation: secrets that nobody has set are made once and kept there."""

import base64
import os
import secrets
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import environ

from botaccounts.embedded import CannotStartError

FIRST_LINE = "# Made by `make run`. Keep it: without its keys the data cannot be read.\n"

MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "CREDENTIAL_KEYS": lambda: f"{datetime.now(UTC):%Y}a:{base64.b64encode(secrets.token_bytes(32)).decode()}",
    "SANDBOX_SECRET_KEY": lambda: secrets.token_urlsafe(50),
}


def add_missing_secrets(env_file: Path, database: Path) -> None:
    """Write the secrets that nobody has set into `.env` (mode 0600, all or nothing), and read them from there.

    `database` is the SQLite file of this installation. Raises CannotStartError where it is there and its key is not: a
    fresh key could not open what it holds.
    """
    missing = [name for name in MAKERS if name not in os.environ and f"{name}_FILE" not in os.environ]
    if not missing:
        return
    if "CREDENTIAL_KEYS" in missing and "DATABASE_URL" not in os.environ and database.exists():
        raise CannotStartError(
            f"{database} was used with a key, and CREDENTIAL_KEYS is neither in {env_file} nor in the environment. "
            "Put it back, or move the database away to begin with an empty one."
        )
    before = env_file.read_text() if env_file.exists() else FIRST_LINE
    if before and not before.endswith("\n"):
        before += "\n"
    _replace(env_file.resolve(), before + "".join(f"{name}={MAKERS[name]()}\n" for name in missing))
    environ.Env.read_env(env_file)


def _replace(path: Path, text: str) -> None:
    """Write a file of mode 0600 so that it is either the old one or the new one, whatever happens."""
    handle, scratch = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    except OSError:
        Path(scratch).unlink(missing_ok=True)
        raise
