"""How passwords of people are hashed: as Django does it, but in nobody's way."""

from django.contrib.auth import hashers

from botaccounts import one_core


class PBKDF2PasswordHasher(hashers.PBKDF2PasswordHasher):
    """Some tenths of a second of computing without the interpreter's lock, while bots want their tokens."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with one_core.anywhere():
            return super().encode(password, salt, iterations)
