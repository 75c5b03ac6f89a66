"""The endings of credentials and service tokens that were there before endings were kept."""

import uuid
from datetime import datetime, timedelta

from django.db import migrations
from django.utils import timezone

WARNINGS = (30, 7, 1)  # days


def ends_of(credential):
    """(what, mend, when) as payloads had it at the time of this migration."""
    key = credential.payload.get("key")
    if isinstance(key, dict) and key.get("not_after"):
        yield "Key certificate", "edit", datetime.fromisoformat(key["not_after"])
        trust = credential.payload.get("trust")
        for each in trust["certificates"] if trust else key.get("trusted", []):
            yield f"Trust certificate {each['subject']}"[:255], "edit", datetime.fromisoformat(each["not_after"])
    elif credential.expires_at is not None:
        yield "Access", "authorize", credential.expires_at


def next_warning(ends_at, now):
    moments = (ends_at - timedelta(days=each) for each in WARNINGS)
    return next((moment for moment in moments if moment > now), None)


def fill(apps, schema_editor):
    Credential = apps.get_model("credentials", "Credential")
    Ending = apps.get_model("credentials", "Ending")
    ServiceToken = apps.get_model("organizations", "ServiceToken")
    now = timezone.now()
    for credential in Credential.objects.iterator():
        first = {}
        for what, mend, when in ends_of(credential):
            first[what] = min(first.get(what, (when, mend)), (when, mend))
        Ending.objects.bulk_create(
            Ending(
                id=uuid.uuid4(),
                organization_id=credential.organization_id,
                credential=credential,
                what=what,
                mend=mend,
                ends_at=when,
                warn_at=next_warning(when, now),
            )
            for what, (when, mend) in first.items()
        )
    for token in ServiceToken.objects.iterator():
        Ending.objects.create(
            id=uuid.uuid4(),
            organization_id=token.organization_id,
            service_token=token,
            what="Service token",
            mend="service_tokens",
            ends_at=token.expires_at,
            warn_at=next_warning(token.expires_at, now),
        )


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0006_endings_notices_webhooks'),
        ('organizations', '0002_audit_append_only'),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
