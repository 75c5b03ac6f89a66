"""What must be right before anything starts. Each problem has an id and a hint; none repeats a secret.

E001 the keys, E002 the secret key, E003 debugging in public, E004 the public address, E005 the outbound exceptions,
E006 a key that is not the one this database was used with; W001 secrets whose key is gone, W002 a database that says
"committed" before it has written. `manage.py` runs these as Django system checks; the web server, the worker and beat
call `refuse_to_start_when_misconfigured`.
"""

import ipaddress
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from credentials.crypto.keyring import Keyring, keyring
from credentials.models.key_check import KeyCheck, lost_keys
from credentials.outbound import parse_allow

TAG = "credentials"
SETTINGS_TAG = "credentials_settings"
SECRET_KEY_CHARACTERS = 32

DEFERRED = "credentials.checks.verify_keys"

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def refuse_to_start_when_misconfigured() -> None:
    """Raise `ImproperlyConfigured` with every error found; log the warnings. Nothing is written when it raises.

    A database that does not answer is no reason to stay down: then it is verified with the first connection that is
    made, and until the keys are right no connection is handed out.
    """
    _raise_serious(run_checks(tags=[SETTINGS_TAG]))
    try:
        connection.ensure_connection()
    except OperationalError:
        logger.warning("The database does not answer; the keys are verified when it does.")
        connection_created.connect(_verify_database_at_last, dispatch_uid=DEFERRED)
        return
    try:
        _verify_database()
    finally:
        _hang_up()


def remember_keys(**_: Any) -> None:
    """Write the fingerprints of the configured keys, once there are keys and a table for them (after `migrate`)."""
    if not check_keys():
        _when_migrated(lambda: KeyCheck.record(keyring()))


@register(TAG, SETTINGS_TAG)
def check_keys(**_: Any) -> list[CheckMessage]:
    """E001: keys missing or malformed."""
    try:
        keyring()
    except ImproperlyConfigured as reason:
        hint = (
            "Set CREDENTIAL_KEYS (or CREDENTIAL_KEYS_FILE) to ID:BASE64 entries separated by commas; "
            "`manage.py generate_key` prints one."
        )
        return [Error(str(reason), hint=hint, id="credentials.E001")]
    return []


@register(TAG, SETTINGS_TAG)
def check_secret_key(**_: Any) -> list[CheckMessage]:
    """E002: Django's secret key missing or too short to sign sessions with."""
    try:
        length = len(settings.SECRET_KEY)
    except ImproperlyConfigured:
        length = 0
    if length >= SECRET_KEY_CHARACTERS:
        return []
    message = f"SECRET_KEY is {length} characters long." if length else "SECRET_KEY is not set."
    hint = f"Set SECRET_KEY (or SECRET_KEY_FILE) to at least {SECRET_KEY_CHARACTERS} random characters."
    return [Error(message, hint=hint, id="credentials.E002")]


@register(TAG, SETTINGS_TAG)
def check_debug(**_: Any) -> list[CheckMessage]:
    """E003: debugging on where others can reach it."""
    if not settings.DEBUG or _is_loopback(settings.PUBLIC_URL):
        return []
    hint = "Unset DEBUG. It is for PUBLIC_URL on 127.0.0.1, ::1 or localhost."
    return [Error("DEBUG is on and PUBLIC_URL is not this machine.", hint=hint, id="credentials.E003")]


@register(TAG, SETTINGS_TAG)
def check_public_url(**_: Any) -> list[CheckMessage]:
    """E004: the address that every redirect URI is made from is malformed, or is not protected on its way."""
    problem = _public_url_problem(settings.PUBLIC_URL)
    if not problem:
        return []
    hint = "Set PUBLIC_URL to the address that people open, such as https://bots.example.com, without a path."
    return [Error(f"PUBLIC_URL {problem}.", hint=hint, id="credentials.E004")]


@register(TAG, SETTINGS_TAG)
def check_outbound_allow(**_: Any) -> list[CheckMessage]:
    """E005: an exception to the outbound guard that cannot be read."""
    try:
        parse_allow(settings.OUTBOUND_ALLOW)
    except ValueError as reason:
        hint = "Set OUTBOUND_ALLOW to host:port or CIDR entries with commas, such as 10.1.2.0/24,idp.internal:8443."
        return [Error(f"OUTBOUND_ALLOW cannot be read: {reason}", hint=hint, id="credentials.E005")]
    return []


@register(TAG)
def check_database(**_: Any) -> list[CheckMessage]:
    """E006, W001 and W002. Silent while there are no keys, no database or no tables: others speak then."""
    try:
        ring = keyring()
    except ImproperlyConfigured:
        return []
    wrong = _when_migrated(lambda: KeyCheck.contradicted(ring))
    # Asked once: a database that is away is waited for.
    return [] if wrong is None else [*_problems_of_keys(ring, wrong), *_problems_of_commits()]


def _problems_of_keys(ring: Keyring, wrong: Sequence[str]) -> list[CheckMessage]:
    if wrong:
        return [_wrong_key(name) for name in wrong]
    lost: Mapping[str, int] = _when_migrated(lambda: lost_keys(ring)) or {}
    return [_lost_key(name, count) for name, count in sorted(lost.items())]


def _wrong_key(name: str) -> CheckMessage:
    hint = (
        "Configure the key that this database was used with. If it is lost, give the new key an id of its own: "
        "`manage.py generate_key --id NEWID`."
    )
    message = f'The key "{name}" in CREDENTIAL_KEYS is not the key "{name}" that this database was used with.'
    return Error(message, hint=hint, id="credentials.E006")


def _lost_key(name: str, count: int) -> CheckMessage:
    secrets = "1 secret is" if count == 1 else f"{count} secrets are"
    if not name:
        return Warning(
            f"{secrets} not in an envelope and cannot be opened.",
            hint="Somebody changed the rows outside the product. Replace these secrets.",
            id="credentials.W001",
        )
    return Warning(
        f'{secrets} sealed with the key "{name}", which is not configured.',
        hint="Add the key to the end of CREDENTIAL_KEYS; if it is lost, replace or delete what it sealed.",
        id="credentials.W001",
    )


def _problems_of_commits() -> list[CheckMessage]:
    """Only a warning: it can be set so while we serve, untold."""
    if connection.vendor != "postgresql" or _when_migrated(_synchronous_commit) != "off":
        return []
    return [
        Warning(
            'PostgreSQL says "committed" before it has written (synchronous_commit is off): the newest entries of the '
            "audit log, and a refresh token that was just replaced, are lost if it breaks down.",
            hint="ALTER ROLE or ALTER DATABASE … SET synchronous_commit = on, and restart every process.",
            id="credentials.W002",
        )
    ]


def _synchronous_commit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        (value,) = cursor.fetchone()
    return str(value)


def _raise_serious(found: Sequence[CheckMessage]) -> None:
    """Raise `ImproperlyConfigured` with every error, and log every warning."""
    for problem in found:
        if not problem.is_serious():
            logger.warning("%s", problem)
    # Django keeps its checks in a set.
    serious = sorted(str(problem) for problem in found if problem.is_serious())
    if serious:
        raise ImproperlyConfigured("The configuration has errors.\n" + "\n".join(serious))


def _verify_database() -> None:
    _raise_serious(check_database())
    remember_keys()
    # Another process may have remembered another key of a new id a moment earlier.
    wrong = _when_migrated(lambda: KeyCheck.contradicted(keyring())) or []
    _raise_serious([_wrong_key(name) for name in wrong])


def _verify_database_at_last(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """The check that could not be made at the start, before the connection is used for anything else."""
    try:
        _verify_database()
    except ImproperlyConfigured:
        connection.close()
        raise
    if connection.is_usable():  # what was lost before it came has told nothing
        connection_created.disconnect(dispatch_uid=DEFERRED)


def _when_migrated(query: Callable[[], Answer]) -> Answer | None:
    """The query's answer; `None` where the database does not answer, or has not the tables or columns yet."""
    try:
        with _savepoint():
            return query()
    except (OperationalError, ProgrammingError):
        return None


def _savepoint() -> AbstractContextManager[Any]:
    """In a transaction a failed query must not spoil the rest; outside, none is opened: SQLite would lock for it."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _hang_up() -> None:
    """A server that forks its workers must not hand them this connection or the threads of its pool.

    On SQLite it waits for the next one; `organizations.sql.sqlite.idle` closes it before a fork.
    """
    if connection.in_atomic_block:
        return
    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _public_url_problem(url: str) -> str:
    """What is wrong with it, to follow "PUBLIC_URL"; empty when nothing is."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme not in ("https", "http") or not host or not host.isprintable() or " " in host:
        return "is not an http or https address"
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        return "has more than a scheme, a host and a port"
    if parts.scheme == "http" and not _is_loopback(url):
        return "is plain http on a host that is not this machine"
    return ""
