"""Signing in and out, as it is told in the system's audit chain."""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction

from organizations import audit


def connect() -> None:
    """Connect the handlers; twice is as good as once."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit-signed-in")
    user_logged_out.connect(_signed_out, dispatch_uid="audit-signed-out")
    user_login_failed.connect(_failed, dispatch_uid="audit-sign-in-failed")
    user_locked_out.connect(_locked_out, dispatch_uid="audit-locked-out")


def _signed_in(sender: Any, user: AbstractBaseUser, **kwargs: Any) -> None:
    _record("user.signed_in", user, actor=audit.Actor.for_user(user))


def _signed_out(sender: Any, user: AbstractBaseUser | None, **kwargs: Any) -> None:
    if user is not None:
        _record("user.signed_out", user, actor=audit.Actor.for_user(user))


def _failed(sender: Any, credentials: dict[str, Any], **kwargs: Any) -> None:
    _record("user.sign_in_failed", _known(credentials.get("username")), outcome="denied")


def _locked_out(sender: Any, username: str | None, **kwargs: Any) -> None:
    _record("user.locked_out", _known(username), outcome="denied")


def _known(username: object) -> AbstractBaseUser | None:
    """The person whose name was given. What is nobody's name is not written down: it may be a password."""
    users = get_user_model()._default_manager
    return users.filter(username=str(username).replace("\x00", "")).first() if username else None


def _record(
    action: str, user: AbstractBaseUser | None, *, actor: audit.Actor | None = None, outcome: str = "ok"
) -> None:
    with transaction.atomic():
        audit.record(
            None,
            actor or audit.Actor.anonymous(),
            action,
            object_type="user",
            object_id=str(user.pk) if user else "",
            object_label=user.get_username() if user else "",
            outcome=outcome,
        )
