"""What the new column says of rows that the old version wrote: in batches, each a transaction of its own."""

from django.db import migrations


def fill(apps, schema_editor):
    Credential = apps.get_model("credentials", "Credential")
    while Credential.objects.filter(pk__in=Credential.objects.filter(tint="").values("pk")[:100]).update(tint="plain"):
        pass


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("credentials", "9902_index")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop, atomic=False)]
