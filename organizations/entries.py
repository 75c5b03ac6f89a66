"""What an audit entry says: who did it, what was done, and details that fit the columns and carry no secret."""

import math
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from organizations.models import ServiceToken

MAX_TEXT = 500
MAX_LABEL = 255
MAX_DEPTH = 6

# Names under which a secret arrives by mistake. A yes or no under such a name is fine: `{"refresh_token": True}`.
_SECRET_NAMES = frozenset(
    {"access_token", "refresh_token", "id_token", "client_secret", "password", "code_verifier", "private_key", "token"}
)


@dataclass(frozen=True)
class Actor:
    """Who does something: a person, a service token, a worker, a command, or somebody not signed in."""

    kind: str
    id: str = ""
    label: str = ""

    @classmethod
    def for_user(cls, user: AbstractBaseUser) -> "Actor":
        return cls("user", str(user.pk), user.get_username())

    @classmethod
    def for_service_token(cls, token: ServiceToken) -> "Actor":
        return cls("service_token", str(token.pk), str(token))

    @classmethod
    def worker(cls) -> "Actor":
        return cls("worker", label="worker")

    @classmethod
    def command(cls, name: str) -> "Actor":
        return cls("command", name, f"manage.py {name}")

    @classmethod
    def anonymous(cls) -> "Actor":
        return cls("anonymous", label="not signed in")


@dataclass(frozen=True)
class NewEntry:
    """An entry that is to be appended; `organizations.chain` gives it its place in the chain."""

    actor: Actor
    action: str
    object_type: str = ""
    object_id: str = ""
    object_label: str = ""
    outcome: str = "ok"
    details: dict[str, Any] = field(default_factory=dict)


def cleaned(new: NewEntry) -> NewEntry:
    """What fits the columns and survives the way into the database and back unchanged, on PostgreSQL and SQLite."""
    return NewEntry(
        actor=Actor(new.actor.kind, _text(new.actor.id, 64), _text(new.actor.label, MAX_LABEL)),
        action=new.action,
        object_type=new.object_type,
        object_id=_text(str(new.object_id), 64),
        object_label=_text(new.object_label, MAX_LABEL),
        outcome=_text(new.outcome, 40),
        details=plain(new.details),
    )


def _text(value: str, limit: int) -> str:
    """Cut to `limit` characters; PostgreSQL stores no NUL, and UTF-8 no half of a surrogate pair."""
    value = value.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
    return value if len(value) <= limit else value[: limit - 1] + "…"


def plain(value: Any, depth: int = 0) -> Any:
    """Plain JSON only: an object that turns itself into text could carry a secret along."""
    if depth > MAX_DEPTH:
        raise ValueError("The details of an audit entry are nested too deep.")
    match value:
        case None | bool() | int():
            return value
        case float():
            # PostgreSQL gives 3600.0 and 1e22 back as integers.
            if not math.isfinite(value):
                return str(value)
            return int(value) if value.is_integer() else value
        case str():
            return _text(value, MAX_TEXT)
        case list() | tuple():
            return [plain(item, depth + 1) for item in value]
        case dict():
            return {_key(key, item): plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"The details of an audit entry are plain JSON, not {type(value).__name__}.")


def _key(key: object, value: object) -> str:
    if not isinstance(key, str):
        raise TypeError("The keys in the details of an audit entry are texts.")
    if key.lower() in _SECRET_NAMES and not isinstance(value, bool | None):
        raise ValueError(f"The details of an audit entry name a secret: {key}.")
    return _text(key, 64)
