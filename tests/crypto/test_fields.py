"""Sealed columns: bound to their place, closed to forms and dumps, and never plaintext."""

import pickle
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection, models
from django.db.transaction import atomic
from django.forms import modelform_factory
from django.test import RequestFactory
from django.test.utils import isolate_apps
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from credentials.crypto.envelope import Unsealable, prefix
from credentials.crypto.fields import JSON, EncryptedField, SealedModel, sealed_fields
from credentials.crypto.keyring import generate
from credentials.models import Credential, Draft, OAuthToken
from organizations.models import Account, Organization

CANARY = "canary-6f1d"

json_values = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner | st.none()) | st.dictionaries(st.text(), inner | st.none()),
    max_leaves=10,
)


def new_token() -> OAuthToken:
    return OAuthToken(credential_id=uuid.uuid4(), organization_id=uuid.uuid4())


def new_credential(organization: Organization, name: str = "CRM") -> Credential:
    return Credential(organization=organization, account=organization.account, name=name, kind="oauth2")


@pytest.fixture
def organization() -> Organization:
    account = Account.objects.create(number="4711", name="Brand")
    return Organization.objects.create(account=account, name="Support")


@given(value=json_values)
def test_what_was_sealed_comes_back(value: JSON) -> None:
    token = new_token()
    token.seal("access_token", value)
    assert token.unseal("access_token") == value


def test_the_attribute_holds_an_envelope_and_not_the_plaintext() -> None:
    token = new_token()
    token.seal("access_token", CANARY)
    assert token.access_token.startswith("v1:test-b:")
    assert CANARY not in token.access_token


def test_sealing_nothing_empties_the_field() -> None:
    token = new_token()
    assert token.unseal("access_token") is None
    token.seal("access_token", CANARY)
    token.seal("access_token", None)
    assert token.access_token == ""
    assert token.unseal("access_token") is None


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"x": object()}])
def test_a_value_that_is_not_json_is_refused(value: Any) -> None:
    token = new_token()
    with pytest.raises((ValueError, TypeError)):
        token.seal("access_token", value)
    assert token.access_token == ""


def test_an_envelope_does_not_open_in_another_row() -> None:
    one, other = new_token(), new_token()
    other.organization_id = one.organization_id
    one.seal("access_token", CANARY)
    other.access_token = one.access_token
    with pytest.raises(Unsealable):
        other.unseal("access_token")


def test_an_envelope_does_not_open_in_another_column() -> None:
    token = new_token()
    token.seal("refresh_token", CANARY)
    token.access_token = token.refresh_token
    with pytest.raises(Unsealable):
        token.unseal("access_token")


def test_an_envelope_does_not_open_in_another_organization() -> None:
    token = new_token()
    token.seal("access_token", CANARY)
    token.organization_id = uuid.uuid4()
    with pytest.raises(Unsealable):
        token.unseal("access_token")


@isolate_apps("credentials")
def test_an_envelope_does_not_open_in_another_table() -> None:
    class Here(SealedModel):
        secret = EncryptedField()

        class Meta:
            app_label = "credentials"

        def sealing_scope(self) -> str:
            return "system"

    class There(SealedModel):
        secret = EncryptedField()

        class Meta:
            app_label = "credentials"

        def sealing_scope(self) -> str:
            return "system"

    here = Here(id=1)
    here.seal("secret", CANARY)
    assert Here(id=1, secret=here.secret).unseal("secret") == CANARY
    with pytest.raises(Unsealable):
        There(id=1, secret=here.secret).unseal("secret")


def test_an_identifier_given_as_text_is_the_same_place() -> None:
    row, organization = uuid.uuid4(), uuid.uuid4()
    typed = OAuthToken(credential_id=str(row).upper(), organization_id=organization.hex)
    typed.seal("access_token", CANARY)
    loaded = OAuthToken(credential_id=row, organization_id=organization, access_token=typed.access_token)
    assert loaded.unseal("access_token") == CANARY


def test_a_row_without_an_id_or_an_organization_cannot_seal() -> None:
    with pytest.raises(ValueError, match="a primary key"):
        OAuthToken(organization_id=uuid.uuid4()).seal("access_token", CANARY)
    with pytest.raises(ValueError, match="an organization"):
        OAuthToken(credential_id=uuid.uuid4()).seal("access_token", CANARY)


def test_only_sealed_fields_can_be_sealed() -> None:
    with pytest.raises(TypeError, match="scope is not a sealed field"):
        new_token().seal("scope", CANARY)


@isolate_apps("credentials")
def test_a_place_whose_parts_could_be_read_in_two_ways_is_refused() -> None:
    class Scoped(OAuthToken):
        class Meta:
            proxy = True
            app_label = "credentials"

        def sealing_scope(self) -> str:
            return "one|two"

    with pytest.raises(ValueError, match="cannot be sealed"):
        Scoped(credential_id=uuid.uuid4()).seal("access_token", CANARY)


def test_a_secret_of_the_old_key_opens_while_the_old_key_is_configured(settings: Settings) -> None:
    token = new_token()
    token.seal("access_token", CANARY)
    old = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = f"{generate('newer')},{old}"
    assert token.unseal("access_token") == CANARY
    token.seal("refresh_token", CANARY)
    assert token.refresh_token.startswith("v1:newer:")
    settings.CREDENTIAL_KEYS = generate("newest")
    with pytest.raises(Unsealable, match='"test-b" is not configured'):
        token.unseal("access_token")


def test_no_representation_or_pickle_of_a_row_shows_the_plaintext() -> None:
    credential = Credential(organization_id=uuid.uuid4(), name="CRM")
    credential.seal("secrets", {"client_secret": CANARY})
    assert credential.open_secrets() == {"client_secret": CANARY}
    for shown in (repr(credential), str(credential), repr(vars(credential)), repr(pickle.dumps(credential))):
        assert CANARY not in shown
    assert repr(credential) == f"<credentials.Credential {credential.pk}>"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write",
    [
        lambda row: row.save(),
        lambda row: Credential.objects.bulk_create([new_credential(row.organization, "Second"), row]),
        lambda row: Credential.objects.update(secrets=row.secrets),
        lambda row: Credential.objects.bulk_update([row], ["secrets"]),
        lambda row: Credential.objects.update_or_create(pk=row.pk, defaults={"secrets": row.secrets}),
    ],
    ids=["save", "bulk_create", "update", "bulk_update", "update_or_create"],
)
def test_plaintext_is_refused_on_every_way_to_the_database(
    organization: Organization, write: Callable[[Credential], object]
) -> None:
    credential = new_credential(organization)
    credential.save()
    credential.secrets = CANARY
    with pytest.raises(ValueError, match=r"credentials\.Credential\.secrets takes an envelope") as caught, atomic():
        write(credential)
    assert CANARY not in str(caught.value)
    assert Credential.objects.get().secrets == ""


@pytest.mark.django_db
def test_promise_26_two_ciphertexts_swapped_by_sql_fail_alone_and_can_be_replaced_or_deleted(
    organization: Organization,
) -> None:
    rows = [new_credential(organization, name) for name in ("One", "Two", "Three")]
    for row in rows:
        row.seal("secrets", {"client_secret": row.name})
        row.save()
    one, two, _ = rows
    with connection.cursor() as cursor:
        for row, envelope in ((one, two.secrets), (two, one.secrets)):
            prepared = Credential._meta.pk.get_db_prep_value(row.pk, connection)
            cursor.execute("UPDATE credentials_credential SET secrets = %s WHERE id = %s", [envelope, prepared])

    listed = {row.name: row for row in Credential.objects.all()}
    assert len(listed) == 3
    for name in ("One", "Two"):
        with pytest.raises(Unsealable):
            listed[name].open_secrets()
    assert listed["Three"].open_secrets() == {"client_secret": "Three"}
    listed["One"].seal("secrets", {"client_secret": "replaced"})
    listed["One"].save()
    listed["Two"].delete()
    assert Credential.objects.get(pk=one.pk).open_secrets() == {"client_secret": "replaced"}
    assert {row.name for row in Credential.objects.all()} == {"One", "Three"}


@pytest.mark.django_db
def test_promise_25_a_dump_holds_envelopes_and_loads_again(organization: Organization) -> None:
    credential = new_credential(organization)
    credential.seal("secrets", {"client_secret": CANARY})
    credential.save()
    for form in ("json", "jsonl", "xml", "python"):
        dumped = serializers.serialize(form, Credential.objects.all())
        assert CANARY not in str(dumped)
        assert credential.secrets in str(dumped)
    dumped = serializers.serialize("json", Credential.objects.all())
    Credential.objects.all().delete()
    for loaded in serializers.deserialize("json", dumped):
        loaded.save()
    assert Credential.objects.get().open_secrets() == {"client_secret": CANARY}


def test_no_form_can_be_made_for_a_sealed_field() -> None:
    with pytest.raises(FieldError, match="non-editable"):
        modelform_factory(Credential, fields=["secrets"])
    assert "secrets" not in modelform_factory(Credential, fields="__all__").base_fields
    assert Credential._meta.get_field("secrets").formfield() is None


def test_the_administration_offers_no_sealed_field() -> None:
    page = admin.ModelAdmin(Credential, admin.AdminSite())
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_superuser=True, is_active=True)
    assert "name" in page.get_fields(request)
    assert "secrets" not in page.get_fields(request)


@pytest.mark.django_db
def test_opening_many_rows_needs_no_more_queries_than_loading_them(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        credential = new_credential(organization, f"CRM {number}")
        credential.seal("secrets", {"number": number})
        credential.save()
    with django_assert_num_queries(1):
        assert {row.open_secrets()["number"] for row in Credential.objects.all()} == set(range(5))


def test_the_walk_knows_every_sealed_column_once() -> None:
    columns = [field.place for _, field in sealed_fields()]
    assert len(columns) == len(set(columns))
    assert {
        ("credentials_credential", "secrets"),
        ("credentials_draft", "data"),
        ("credentials_authorization", "code"),
        ("credentials_authorization", "verifier"),
        ("credentials_oauthtoken", "access_token"),
        ("credentials_oauthtoken", "refresh_token"),
    } <= set(columns)


@isolate_apps("credentials")
def test_a_sealed_field_outside_a_sealed_model_is_an_error_of_the_checks() -> None:
    class Loose(models.Model):  # noqa: DJ008
        secret = EncryptedField()

        class Meta:
            app_label = "credentials"

    class Sealed(SealedModel):
        secret = EncryptedField()

        class Meta:
            app_label = "credentials"

    assert [problem.id for problem in Loose.check()] == ["credentials.E010"]
    assert Sealed.check() == []


@isolate_apps("credentials")
def test_an_inherited_column_is_sealed_for_the_table_that_has_it() -> None:
    class Parent(SealedModel):
        secret = EncryptedField(null=True)

        class Meta:
            app_label = "credentials"

        def sealing_scope(self) -> str:
            return "system"

    class Child(Parent):
        class Meta:
            app_label = "credentials"

    child = Child(id=1, parent_ptr_id=1)
    assert child.secret is None
    child.seal("secret", CANARY)
    assert Parent(id=1, secret=child.secret).unseal("secret") == CANARY


def test_a_migration_rebuilds_the_field_as_it_is() -> None:
    for original in (EncryptedField(), EncryptedField(null=True)):
        original.set_attributes_from_name("secret")
        _, path, args, kwargs = original.deconstruct()
        assert path == "credentials.crypto.fields.EncryptedField"
        assert not {"editable", "blank"} & set(kwargs)
        rebuilt = EncryptedField(*args, **kwargs)
        assert not rebuilt.editable
        assert rebuilt.blank
        assert rebuilt.null == original.null
        assert rebuilt.get_default() == original.get_default()


@pytest.mark.django_db
def test_rows_of_another_key_are_found_by_a_query(organization: Organization) -> None:
    user = get_user_model().objects.create_user("bob")
    draft = Draft(organization=organization, owner=user, expires_at=timezone.now() + timedelta(hours=1))
    draft.seal("data", {"name": "CRM"})
    draft.save()
    assert not Draft.objects.exclude(data__startswith=prefix("test-b")).exists()
    assert Draft.objects.exclude(data__startswith=prefix("test_b")).exists()
    assert Draft.objects.exclude(data__startswith=prefix("test-")).exists()
