"""What came of an authorization: whose it was, what was granted, and a question where it is another account."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0007_fill_endings'),
        ('organizations', '0002_audit_append_only'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='authorization',
            name='authorization_open',
        ),
        migrations.AddField(
            model_name='authorization',
            name='access_ends_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='authorization',
            name='account_issuer',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='authorization',
            name='account_name',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name='authorization',
            name='account_subject',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name='authorization',
            name='asked_scope',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='authorization',
            name='granted_scope',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='authorization',
            name='refresh_token_issued',
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name='authorization',
            name='userinfo_url',
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name='authorization',
            name='status',
            field=models.CharField(choices=[('started', 'Started'), ('received', 'Received'), ('exchanging', 'Exchanging'), ('asking', 'Asking'), ('succeeded', 'Succeeded'), ('failed', 'Failed')], default='started', max_length=12),
        ),
        migrations.AddIndex(
            model_name='authorization',
            index=models.Index(condition=models.Q(('status__in', ['started', 'received', 'exchanging', 'asking'])), fields=['expires_at'], name='authorization_open'),
        ),
    ]
