"""A person's second factor: an authenticator app, and codes on paper for the day it is lost.

django-otp's own devices keep the key of an app and the recovery codes in plain text, so that whoever reads a dump of
the database has the second factor of everybody. Here the key is sealed like every other secret, and of a recovery code
only the digest is kept: it has 80 random bits, so neither salt nor a slow hash would add anything.
"""

import base64
import hashlib
import secrets
from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote, urlencode

from django.db import models
from django.utils import timezone
from django_otp.models import Device, DeviceManager
from django_otp.oath import TOTP

from credentials.crypto.fields import EncryptedField, SealedModel

KEY_BYTES = 20  # RFC 4226 §4: 160 bits
STEP_SECONDS = 30
DIGITS = 6
STEPS_EITHER_WAY = 1  # RFC 6238 §5.2
FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
ISSUER = "Bot Accounts"


class SecondFactor(SealedModel, Device):
    """One person's. It counts once it is `confirmed`, by a first code.

    `last_step` is the time step of the newest code that was accepted: no code is accepted twice. Five wrong codes in a
    row close it for fifteen minutes, and each further one does so again.
    """

    objects: ClassVar[DeviceManager] = DeviceManager()

    key = EncryptedField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=-1)
    failures = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user"], name="second_factor_of_person")]

    def __str__(self) -> str:
        return f"second factor of {self.user}"

    def sealing_scope(self) -> str:
        """Staff belong to no organization."""
        return "staff"

    def new_key(self) -> None:
        """Give the row, which has been saved, a fresh key; written by the next `save()`."""
        self.seal("key", base64.b32encode(secrets.token_bytes(KEY_BYTES)).decode("ascii"))

    def secret(self) -> str:
        """The key in base32, as an authenticator app takes it. Raises `Unsealable`."""
        return str(self.unseal("key"))

    def address(self) -> str:
        """The `otpauth://` address of the key, which the QR code shows. Raises `Unsealable`."""
        label = quote(f"{ISSUER}:{self.user.get_username()}")
        query = {"secret": self.secret(), "issuer": ISSUER, "digits": DIGITS, "period": STEP_SECONDS}
        return f"otpauth://totp/{label}?{urlencode(query, quote_via=quote)}"

    def is_locked(self) -> bool:
        return self.locked_until is not None and self.locked_until > timezone.now()

    def verify_token(self, token: str) -> bool:
        """Whether `token` is a code of the app or an unused recovery code; then it is used up.

        The row is locked by the caller. Raises `Unsealable`.
        """
        if self.is_locked():
            return False
        typed = "".join(character for character in token.lower() if character.isascii() and character.isalnum())
        if (len(typed) == DIGITS and self._is_code(typed)) or self._is_recovery_code(typed):
            self.failures, self.locked_until, self.last_used_at = 0, None, timezone.now()
            self.save(update_fields=["failures", "locked_until", "last_used_at", "last_step"])
            return True
        self.failures += 1
        if self.failures >= FAILURES:
            self.locked_until = timezone.now() + LOCKED_FOR
        self.save(update_fields=["failures", "locked_until"])
        return False

    def _is_code(self, typed: str) -> bool:
        if not typed.isdigit():
            return False
        totp = TOTP(base64.b32decode(self.secret()), step=STEP_SECONDS, digits=DIGITS)
        totp.time = timezone.now().timestamp()
        if not totp.verify(int(typed), tolerance=STEPS_EITHER_WAY, min_t=self.last_step + 1):
            return False
        self.last_step = totp.t()
        return True

    def _is_recovery_code(self, typed: str) -> bool:
        unused = self.recovery_codes.filter(digest=digest(typed), used_at=None)
        return bool(self.confirmed and unused.update(used_at=timezone.now()))

    def new_recovery_codes(self) -> list[str]:
        """Ten codes to keep on paper. Those from before are worth nothing any more."""
        random = [secrets.token_bytes(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
        codes = [base64.b32encode(each).decode("ascii").lower() for each in random]
        self.recovery_codes.all().delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(factor=self, digest=digest(code)) for code in codes)
        return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]


class RecoveryCode(models.Model):
    """One code, of which only the digest is known."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["factor", "digest"], name="recovery_code_unique")]

    def __str__(self) -> str:
        return f"recovery code of {self.factor.user}"


def digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
