"""Token endpoints and their breakers; which endpoint a token comes from."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0010_search_by_part_of_a_name'),
        ('organizations', '0002_audit_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='TokenEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('host', models.CharField(max_length=300)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('first_failed_at', models.DateTimeField(null=True)),
                ('last_failed_at', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, max_length=100)),
                ('witness', models.UUIDField(null=True)),
                ('witness_organization', models.UUIDField(null=True)),
                ('several_tokens', models.BooleanField(default=False)),
                ('several_organizations', models.BooleanField(default=False)),
                ('down_since', models.DateTimeField(null=True)),
                ('probes', models.PositiveIntegerField(default=0)),
                ('probe_at', models.DateTimeField(null=True)),
                ('prober', models.UUIDField(null=True)),
                ('answered_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddIndex(
            model_name='tokenattempt',
            index=models.Index(condition=models.Q(('finished_at__isnull', True)), fields=['token'], name='attempt_unfinished'),
        ),
        migrations.AddIndex(
            model_name='tokenendpoint',
            index=models.Index(condition=models.Q(('down_since__isnull', False)), fields=['down_since'], name='endpoint_down'),
        ),
        migrations.AddIndex(
            model_name='tokenendpoint',
            index=models.Index(fields=['host'], name='endpoint_of_host'),
        ),
        migrations.AddField(
            model_name='consumertoken',
            name='endpoint',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='credentials.tokenendpoint'),
        ),
        migrations.AddField(
            model_name='oauthtoken',
            name='endpoint',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='credentials.tokenendpoint'),
        ),
        migrations.AddIndex(
            model_name='consumertoken',
            index=models.Index(fields=['endpoint', 'organization'], name='consumer_token_of_endpoint'),
        ),
        migrations.AddIndex(
            model_name='oauthtoken',
            index=models.Index(fields=['endpoint', 'organization'], name='token_of_endpoint'),
        ),
    ]
