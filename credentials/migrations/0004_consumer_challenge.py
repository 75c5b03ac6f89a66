"""Challenges: consumers who sign in during a conversation."""

import credentials.crypto.fields
import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credentials', '0003_consumers'),
        ('organizations', '0002_audit_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConsumerChallenge',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('conversation', models.CharField(max_length=255)),
                ('subject', models.CharField(blank=True, max_length=255)),
                ('confirm', models.BooleanField(default=False)),
                ('handle_digest', models.CharField(max_length=64, unique=True)),
                ('state_digest', models.CharField(max_length=64, null=True, unique=True)),
                ('nonce_digest', models.CharField(blank=True, max_length=64)),
                ('id_token_nonce', credentials.crypto.fields.EncryptedField(default='')),
                ('verifier', credentials.crypto.fields.EncryptedField(default='')),
                ('code', credentials.crypto.fields.EncryptedField(default='')),
                ('answer', credentials.crypto.fields.EncryptedField(default='')),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('confirmation', credentials.crypto.fields.EncryptedField(default='')),
                ('wrong_confirmations', models.PositiveSmallIntegerField(default=0)),
                ('access_token', credentials.crypto.fields.EncryptedField(default='')),
                ('token_type', models.CharField(blank=True, max_length=100)),
                ('scope', models.TextField(blank=True)),
                ('token_expires_at', models.DateTimeField(null=True)),
                ('authenticated_subject', models.CharField(blank=True, max_length=255)),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('started', 'Started'), ('received', 'Received'), ('exchanging', 'Exchanging'), ('unconfirmed', 'Unconfirmed'), ('succeeded', 'Succeeded'), ('failed', 'Failed')], default='waiting', max_length=12)),
                ('error', models.CharField(blank=True, max_length=100)),
                ('error_description', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('claimed_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organizations.account')),
                ('credential', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='challenges', to='credentials.credential')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organizations.organization')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status__in', ['waiting', 'started', 'received', 'exchanging', 'unconfirmed'])), fields=['expires_at'], name='challenge_open'), models.Index(fields=['credential', 'conversation', 'finished_at'], name='challenge_of_conversation'), models.Index(condition=models.Q(('access_token', ''), _negated=True), fields=['token_expires_at'], name='challenge_with_token'), models.Index(fields=['created_at'], name='challenge_by_age')],
            },
        ),
    ]
