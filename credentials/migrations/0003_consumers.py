"""Consumers: the account's identity provider, their tokens, and at most one Consumer Pre-Authentication in an account."""

import credentials.crypto.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0002_domain'),
        ('organizations', '0002_audit_append_only'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ConsumerIdentityProvider',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='identity_provider', serialize=False, to='organizations.account')),
                ('flow', models.CharField(choices=[('implicit', 'Implicit'), ('code', 'Code')], default='code', max_length=10)),
                ('use_pkce', models.BooleanField(default=True)),
                ('display_name', models.CharField(max_length=255)),
                ('issuer', models.TextField()),
                ('authorization_endpoint', models.TextField()),
                ('token_endpoint', models.TextField(blank=True)),
                ('client_id', models.TextField()),
                ('client_authentication', models.CharField(default='basic', max_length=10)),
                ('secrets', credentials.crypto.fields.EncryptedField(default='')),
                ('verification', models.CharField(choices=[('jwks', 'JWKS endpoint'), ('public_key', 'JWT public key')], default='jwks', max_length=12)),
                ('jwks_url', models.TextField(blank=True)),
                ('public_key', models.TextField(blank=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ConsumerToken',
            fields=[
                ('access_token', credentials.crypto.fields.EncryptedField(default='')),
                ('refresh_token', credentials.crypto.fields.EncryptedField(default='')),
                ('token_type', models.CharField(blank=True, max_length=100)),
                ('scope', models.TextField(blank=True)),
                ('obtained_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('refresh_at', models.DateTimeField(null=True)),
                ('generation', models.PositiveBigIntegerField(default=0)),
                ('lease_owner', models.CharField(blank=True, max_length=32)),
                ('lease_until', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_error', models.TextField(blank=True)),
                ('last_error_at', models.DateTimeField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('subject', models.CharField(max_length=255)),
                ('last_used_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ConsumerTokenAttempt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('grant', models.CharField(choices=[('authorization_code', 'Authorization Code'), ('client_credentials', 'Client Credentials'), ('refresh_token', 'Refresh Token')], max_length=20)),
                ('generation', models.PositiveBigIntegerField()),
                ('state', models.CharField(choices=[('started', 'Started'), ('answered', 'Answered'), ('applied', 'Applied'), ('failed', 'Failed')], default='started', max_length=10)),
                ('answer', credentials.crypto.fields.EncryptedField(default='')),
                ('error', models.TextField(blank=True)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'consumer_pre_authentication')), fields=('account',), name='credential_once_per_account'),
        ),
        migrations.AddField(
            model_name='consumeridentityprovider',
            name='updated_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='consumertoken',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='consumer_tokens', to='organizations.account'),
        ),
        migrations.AddField(
            model_name='consumertoken',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organizations.organization'),
        ),
        migrations.AddField(
            model_name='consumertokenattempt',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organizations.account'),
        ),
        migrations.AddField(
            model_name='consumertokenattempt',
            name='token',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='credentials.consumertoken'),
        ),
        migrations.AddIndex(
            model_name='consumertoken',
            index=models.Index(condition=models.Q(('lease_until__isnull', False)), fields=['lease_until'], name='consumer_token_leased'),
        ),
        migrations.AddIndex(
            model_name='consumertoken',
            index=models.Index(fields=['expires_at'], name='consumer_token_ended'),
        ),
        migrations.AddConstraint(
            model_name='consumertoken',
            constraint=models.UniqueConstraint(fields=('account', 'subject'), name='consumer_token_unique'),
        ),
        migrations.AddIndex(
            model_name='consumertokenattempt',
            index=models.Index(fields=['token', 'started_at'], name='consumer_attempt_of_token'),
        ),
        migrations.AddIndex(
            model_name='consumertokenattempt',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='consumer_attempt_finished'),
        ),
    ]
