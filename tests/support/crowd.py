"""A hundred thousand credentials within seconds: copies of a few, made by the database itself."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from credentials.models import Credential
from credentials.models.credential import Status
from organizations.models import Organization
from tests.support.credentials import give_token, make_credential, make_integration

_IDS = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "gen_random_uuid()"}


def crowd(organization_id: str, count: int, *, prefix: str = "Parcel") -> None:
    """Fill an empty organization with `count` credentials.

    Among them is one of each status, called by it. The others are `prefix` 000001 and so on, active and without a
    token; every third was never used.
    """
    organization = Organization.objects.select_related("account").get(pk=organization_id)
    now = timezone.now()
    used = make_credential(organization, "Active", last_used_at=now - timedelta(hours=3, minutes=30))
    give_token(used)
    make_integration(organization, "https://api.example.com/", credential=used, name="Order status")
    make_credential(organization, "Expiring", expires_at=now + timedelta(days=2, hours=12))
    make_credential(organization, "Not yet authorized", status=Status.NEEDS_AUTHORIZATION, status_code="not_authorized")
    for name, status, code in (
        ("Needs authorization", Status.NEEDS_AUTHORIZATION, "invalid_grant"),
        ("Authorizing", Status.AUTHORIZING, ""),
        ("Failed", Status.FAILED, "invalid_client"),
    ):
        reason = "the resource says that the grant was revoked" if code else ""
        make_credential(organization, name, status=status, status_code=code, status_reason=reason)
    made = Credential.objects.filter(organization=organization).count()
    _copy(used, count - made, prefix)


def _copy(sample: Credential, count: int, prefix: str) -> None:
    """Insert `count` copies that differ in id, name and last use. Every third was never used."""
    changed = {
        "id": _IDS[connection.vendor],
        "name": "%s || ' ' || substr(CAST(1000001 + number AS text), 2)",
        "last_used_at": "CASE number % 3 WHEN 0 THEN NULL ELSE last_used_at END",
    }
    columns = [field.column for field in Credential._meta.concrete_fields]
    values = ", ".join(changed.get(column, column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO credentials_credential ({", ".join(columns)})
            WITH RECURSIVE numbers (number) AS (
                SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < %s
            )
            SELECT {values.replace("number % 3", "number %% 3")} FROM credentials_credential, numbers
            WHERE id = %s""",  # noqa: S608 - names of columns, and nothing that anybody typed
            [count, prefix, sample.pk.hex if connection.vendor == "sqlite" else sample.pk],
        )
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE credentials_credential")  # what autovacuum does by itself within a minute


def disperse(organization_id: str, *, prefix: str = "Parcel") -> None:
    """Delete the copies: what is left of a product is searched for secrets, and they take longer than all the rest."""
    with connection.cursor() as cursor:
        organization = Organization.objects.get(pk=organization_id)
        copies = Credential.objects.filter(organization=organization, name__startswith=f"{prefix} ")
        copies._raw_delete(using="default")  # type: ignore[attr-defined] - nothing refers to them
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
