"""From an id in a path to a credential of the person's organization, or 404."""

from uuid import UUID

from django.http import Http404

from credentials.models import Credential
from organizations.access import Access


def find_credential(access: Access, credential_id: UUID) -> Credential:
    credential = (
        Credential.objects.select_related("organization__account", "token__endpoint", "created_by", "updated_by")
        .filter(pk=credential_id, organization=access.organization)
        .first()
    )
    if credential is None:
        raise Http404("There is no such credential in this organization.")
    return credential
