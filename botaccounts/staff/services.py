"""What can be done with second factors; each is in the system's audit chain."""

from django.contrib.auth.models import User
from django.db import transaction

from botaccounts.staff.models import SecondFactor
from credentials.crypto.envelope import Unsealable
from organizations import audit
from organizations.audit import Actor


def of(user: User) -> SecondFactor | None:
    """A person's confirmed second factor."""
    return SecondFactor.objects.filter(user=user, confirmed=True).first()


def being_set_up(user: User) -> SecondFactor | None:
    """One whose key the person has seen, and of which no code has been typed yet."""
    return SecondFactor.objects.filter(user=user, confirmed=False).first()


@transaction.atomic
def begin(user: User) -> SecondFactor | None:
    """A fresh key for somebody who has no second factor yet. None where they have one."""
    User.objects.select_for_update().get(pk=user.pk)
    factor, _ = SecondFactor.objects.get_or_create(
        user=user, defaults={"confirmed": False, "name": "authenticator app"}
    )
    if factor.confirmed:
        return None
    factor.new_key()
    factor.save()
    return factor


def confirm(user: User, token: str) -> tuple[SecondFactor, list[str]] | None:
    """The first code of a new key: from here on it counts. Returns the recovery codes, in plain text this once."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed=False).first()
        if factor is None or not accepts(factor, token):
            return None
        factor.confirmed = True
        factor.save(update_fields=["confirmed"])
        codes = factor.new_recovery_codes()
        record(Actor.for_user(user), "second_factor.enrolled", user)
    return factor, codes


def verify(user: User, token: str) -> SecondFactor | None:
    """A person's second factor where `token` is a code of it; None where it is not, or is closed for now."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed=True).first()
        unused = factor.recovery_codes.filter(used_at=None).count() if factor else 0
        if factor is None or not accepts(factor, token):
            record(Actor.for_user(user), "second_factor.refused", user, outcome="denied")
            return None
        left = factor.recovery_codes.filter(used_at=None).count()
        by_recovery_code = left < unused
        details = {"recovery_codes_left": left} if by_recovery_code else None
        action = "second_factor.recovery_code_used" if by_recovery_code else "second_factor.verified"
        record(Actor.for_user(user), action, user, details=details)
    return factor


def replace_recovery_codes(user: User, token: str) -> list[str] | None:
    """New recovery codes for a code of the app; None where it is wrong."""
    factor = verify(user, token)
    if factor is None:
        return None
    with transaction.atomic():
        codes = factor.new_recovery_codes()
        record(Actor.for_user(user), "second_factor.recovery_codes_replaced", user)
    return codes


@transaction.atomic
def reset(by: Actor, user: User) -> bool:
    """Take somebody's second factor away: their next sign-in to the admin sets up a new one. False without one."""
    removed, _ = SecondFactor.objects.filter(user=user).delete()
    if removed:
        record(by, "second_factor.reset", user)
    return bool(removed)


def accepts(factor: SecondFactor, token: str) -> bool:
    """A key that cannot be opened any more accepts nothing; it can be reset."""
    try:
        return factor.verify_token(token)
    except Unsealable:
        return False


def record(
    actor: Actor, action: str, user: User, *, outcome: str = "ok", details: dict[str, int] | None = None
) -> None:
    audit.record(
        None,
        actor,
        action,
        object_type="user",
        object_id=str(user.pk),
        object_label=user.get_username(),
        outcome=outcome,
        details=details,
    )
