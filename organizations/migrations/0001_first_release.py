"""Every table as the first release has it.

`replaces`: a database that was made while that was being written, by the last of the migrations from before it, is one
of the first release already. One that is older says so and stays as it is: migrate it with the commit before this file.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('organizations', '0001_initial'), ('organizations', '0003_audit_archive'), ('organizations', '0004_invitation'), ('organizations', '0005_service_token_scopes'), ('organizations', '0006_drop_index_of_chain')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditChain',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveBigIntegerField(default=0, help_text='The position of the newest entry.')),
                ('head', models.CharField(blank=True, help_text='The hash of the newest entry.', max_length=64)),
                ('archived', models.PositiveBigIntegerField(db_default=0, default=0, help_text='The position of the newest entry that was moved to an archive; the chain begins after it.')),
                ('archived_hash', models.CharField(blank=True, db_default='', default='', help_text='The hash of that entry.', max_length=64)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=20, unique=True, validators=[django.core.validators.RegexValidator('\\A[0-9]+\\Z', 'An account number is digits only.')])),
                ('name', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['number'],
                'constraints': [models.CheckConstraint(condition=models.Q(('name', django.db.models.functions.text.Trim(models.F('name'))), models.Q(('name', ''), _negated=True)), name='account_name_stripped', violation_error_message='Give a name without spaces around it.'), models.CheckConstraint(condition=models.Q(('number__regex', '^[0-9]+$')), name='account_number_digits')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='invitation', to=settings.AUTH_USER_MODEL)),
                ('sent_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-sent_at'],
            },
        ),
        migrations.CreateModel(
            name='Organization',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='organizations', to='organizations.account')),
                ('name', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('name', django.db.models.functions.text.Trim(models.F('name'))), models.Q(('name', ''), _negated=True)), name='organization_name_stripped', violation_error_message='Give a name without spaces around it.'), models.UniqueConstraint(fields=('account', 'name'), name='organization_name_unique')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='organizations.organization')),
                ('role', models.CharField(choices=[('administrator', 'Administrator'), ('credentials_manager', 'Credentials manager'), ('api_developer', 'API developer'), ('viewer', 'Viewer')], max_length=20)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['organization_id', 'id'],
                'constraints': [models.UniqueConstraint(fields=('user', 'organization'), name='membership_unique', violation_error_message='This person is a member already.'), models.CheckConstraint(condition=models.Q(('role__in', ['administrator', 'credentials_manager', 'api_developer', 'viewer'])), name='membership_role_known')],
            },
        ),
        migrations.CreateModel(
            name='Bot',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bots', to='organizations.organization')),
                ('name', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('name', django.db.models.functions.text.Trim(models.F('name'))), models.Q(('name', ''), _negated=True)), name='bot_name_stripped', violation_error_message='Give a name without spaces around it.'), models.UniqueConstraint(fields=('organization', 'name'), name='bot_name_unique', violation_error_message='This organization has a bot with this name already.')],
            },
        ),
        migrations.CreateModel(
            name='ServiceToken',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='service_tokens', to='organizations.organization')),
                ('name', models.CharField(max_length=255)),
                ('prefix', models.CharField(db_index=True, help_text='The first characters after bat_, to tell tokens apart.', max_length=8)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('scopes', models.JSONField(default=list, help_text='What it may do: names of organizations.scopes.Scope.')),
                ('credential_ids', models.JSONField(blank=True, help_text='The credentials that it may be used with; null is every one.', null=True)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-created_at', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('name', django.db.models.functions.text.Trim(models.F('name'))), models.Q(('name', ''), _negated=True)), name='service_token_name_stripped', violation_error_message='Give a name without spaces around it.')],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='organizations.auditchain')),
                ('position', models.PositiveBigIntegerField()),
                ('at', models.DateTimeField()),
                ('actor_kind', models.CharField(max_length=20)),
                ('actor_id', models.CharField(blank=True, max_length=64)),
                ('actor_label', models.CharField(blank=True, max_length=255)),
                ('action', models.CharField(max_length=64)),
                ('object_type', models.CharField(blank=True, max_length=40)),
                ('object_id', models.CharField(blank=True, max_length=64)),
                ('object_label', models.CharField(blank=True, max_length=255)),
                ('outcome', models.CharField(max_length=40)),
                ('details', models.JSONField(blank=True, default=dict)),
                ('previous_hash', models.CharField(blank=True, max_length=64)),
                ('hash', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'ordering': ['chain_id', '-position'],
                'indexes': [models.Index(fields=['chain', 'action', 'position'], name='audit_by_action'), models.Index(fields=['chain', 'actor_id', 'position'], name='audit_by_actor'), models.Index(fields=['chain', 'object_id', 'position'], name='audit_by_object')],
                'constraints': [models.UniqueConstraint(fields=('chain', 'position'), name='audit_position_unique')],
            },
        ),
        migrations.AddField(
            model_name='organization',
            name='members',
            field=models.ManyToManyField(related_name='organizations', through='organizations.Membership', to=settings.AUTH_USER_MODEL),
        ),
    ]
