"""What a person has entered in the wizard so far: sealed, owned, and gone after a while."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models

from credentials.crypto.fields import EncryptedField, SealedModel


class Draft(SealedModel):
    """The step data of one wizard. Its id is the one that the credential will have: its redirect URI is known early."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    data = EncryptedField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"draft {self.pk}"

    def entered(self) -> dict[str, Any]:
        """Step name -> what was entered there."""
        value = self.unseal("data")
        return value if isinstance(value, dict) else {}
