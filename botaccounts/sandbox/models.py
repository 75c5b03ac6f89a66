"""What the sandbox remembers besides the tokens: every request that reached its token endpoint."""

from django.db import models


class TokenRequest(models.Model):
    """One request to the token endpoint, granted or refused. Append-only; read by `ledger.py`."""

    received_at = models.DateTimeField(auto_now_add=True)
    client_id = models.CharField(max_length=255, db_index=True, help_text="as the request named it, known or not")
    grant_type = models.CharField(max_length=100)
    status = models.PositiveSmallIntegerField(help_text="HTTP status of the answer")
    error = models.CharField(max_length=100, blank=True, help_text="the OAuth error code of a refusal")

    objects: models.Manager["TokenRequest"] = models.Manager()

    def __str__(self) -> str:
        return f"{self.grant_type} {self.status}"
