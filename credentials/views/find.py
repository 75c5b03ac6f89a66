"""From an id in a path to a row of the person's organization, or 404."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404

from credentials.models import ApiIntegration, Credential, Domain
from organizations.access import Access

Row = TypeVar("Row", bound=Model)


def find_credential(access: Access, credential_id: UUID) -> Credential:
    rows = Credential.objects.select_related("organization__account", "token__endpoint", "created_by", "updated_by")
    return _find(rows, access, credential_id)


def find_integration(access: Access, integration_id: UUID) -> ApiIntegration:
    rows = ApiIntegration.objects.select_related("bot", "organization", "credential__organization", "credential__token")
    return _find(rows, access, integration_id)


def find_domain(access: Access, domain_id: UUID) -> Domain:
    rows = Domain.objects.select_related("organization", "credential__organization", "credential__token")
    return _find(rows, access, domain_id)


def _find(rows: QuerySet[Row], access: Access, row_id: UUID) -> Row:
    row = rows.filter(pk=row_id, organization=access.organization).first()
    if row is None:
        raise Http404(f"There is no such {rows.model._meta.verbose_name} in this organization.")
    return row
