"""Service tokens: their form, their life, and what is kept of them."""

import io
import json
import re
import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from organizations import service_tokens, services
from organizations.access import enter
from organizations.audit import Actor
from organizations.models import AuditEntry, ServiceToken
from organizations.policies import Action

COMMAND = Actor.command("create_service_token")


def in_days(days):
    return timezone.now() + timedelta(days=days)


@pytest.fixture
def minted(cast):
    return services.create_service_token(COMMAND, cast.organization, "Booking bot", in_days(30))


def test_promise_31_a_token_has_a_recognizable_beginning_256_random_bits_and_a_checksum():
    tokens = {service_tokens.mint() for _ in range(200)}
    assert len(tokens) == 200
    for token in tokens:
        assert re.fullmatch(r"bat_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", token)
        assert service_tokens.well_formed(token)


def test_every_single_mistyped_character_is_noticed():
    token = service_tokens.mint()
    for position, character in enumerate(token):
        wrong = token[:position] + ("a" if character != "a" else "b") + token[position + 1 :]
        assert not service_tokens.well_formed(wrong)


@pytest.mark.parametrize("text", ["", "bat_", "bat_short", "x" * 53, "bat_" + "é" * 49, "bat_" + "0" * 1_000_000])
def test_what_is_no_token_is_refused_without_asking_the_database(db, text, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert services.authenticate_service_token(text) is None


def test_a_token_is_recognized_with_its_organization_and_account_in_one_query(cast, minted, django_assert_num_queries):
    token, plaintext = minted
    services.authenticate_service_token(plaintext)
    with django_assert_num_queries(1):
        known = services.authenticate_service_token(plaintext)
        assert known == token
        assert known.organization.account == cast.account


def test_promise_31_only_the_hash_and_the_first_characters_are_kept(minted):
    token, plaintext = minted
    assert token.prefix == plaintext[4:12]
    with connection.cursor() as cursor:
        for question in ("SELECT * FROM organizations_servicetoken", "SELECT * FROM organizations_auditentry"):
            cursor.execute(question)
            assert plaintext[12:] not in str(cursor.fetchall())


def test_an_unknown_token_is_nobodys(minted):
    assert services.authenticate_service_token(service_tokens.mint()) is None


def test_promise_31_an_expired_token_is_nobodys(minted):
    token, plaintext = minted
    ServiceToken.objects.update(expires_at=timezone.now())
    assert services.authenticate_service_token(plaintext) is None
    token.refresh_from_db()
    assert token.state == "expired"


def test_a_revoked_token_is_nobodys_from_the_next_call_on(cast, minted):
    token, plaintext = minted
    assert services.authenticate_service_token(plaintext) == token
    assert services.revoke_service_token(COMMAND, token)
    assert services.authenticate_service_token(plaintext) is None
    token.refresh_from_db()
    assert token.state == "revoked"


def test_revoking_twice_is_recorded_once(cast, minted):
    assert services.revoke_service_token(COMMAND, minted[0])
    assert not services.revoke_service_token(COMMAND, minted[0])
    assert AuditEntry.objects.of(cast.organization).filter(action="service_token.revoked").count() == 1


def test_the_last_use_is_written_at_most_once_a_minute(minted):
    token, plaintext = minted
    services.authenticate_service_token(plaintext)
    token.refresh_from_db()
    first = token.last_used_at
    assert timezone.now() - first < timedelta(minutes=1)
    services.authenticate_service_token(plaintext)
    token.refresh_from_db()
    assert token.last_used_at == first
    ServiceToken.objects.update(last_used_at=first - timedelta(minutes=2))
    services.authenticate_service_token(plaintext)
    token.refresh_from_db()
    assert token.last_used_at >= first


@pytest.mark.parametrize("days", [-1, 0, 732])
def test_promise_31_a_lifetime_is_bounded(cast, days):
    with pytest.raises(ValidationError) as refusal:
        services.create_service_token(COMMAND, cast.organization, "Forever", in_days(days))
    assert set(refusal.value.message_dict) == {"expires"}
    assert not ServiceToken.objects.exists()


def test_the_same_form_makes_one_token(cast):
    once = uuid.uuid4()
    services.create_service_token(COMMAND, cast.organization, "Booking bot", in_days(1), token_id=once)
    with pytest.raises(services.AlreadyCreated):
        services.create_service_token(COMMAND, cast.organization, "Booking bot", in_days(1), token_id=once)
    assert ServiceToken.objects.get().pk == once


@pytest.mark.parametrize("who", ["bob", "dana", "vic"])
def test_only_administrators_create_and_revoke(cast, minted, who):
    access = enter(getattr(cast, who), cast.organization.pk, Action.SEE_BOTS)
    with pytest.raises(PermissionDenied):
        services.create_service_token(access, cast.organization, "Mine", in_days(1))
    with pytest.raises(PermissionDenied):
        services.revoke_service_token(access, minted[0])
    assert ServiceToken.objects.get().state == "active"


def run(cast, *arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "create_service_token", "--organization", str(cast.organization.pk), *arguments, stdout=out, stderr=err
    )
    return out.getvalue()


def test_the_command_prints_a_token_that_works(cast):
    plaintext = run(cast, "--name", "Booking bot").strip()
    token = services.authenticate_service_token(plaintext)
    assert token.organization == cast.organization
    assert abs(token.expires_at - in_days(365)) < timedelta(minutes=1)
    entry = AuditEntry.objects.of(cast.organization).first()
    assert (entry.action, entry.actor_kind) == ("service_token.created", "command")


def test_the_command_tells_a_script_in_json(cast):
    until = in_days(90).date()
    answer = json.loads(run(cast, "--name", "Booking bot", "--expires", until.isoformat(), "--json"))
    assert answer["organization"] == str(cast.organization.pk)
    assert answer["expires_at"].startswith(until.isoformat())
    assert str(services.authenticate_service_token(answer["token"]).pk) == answer["id"]


@pytest.mark.parametrize("expires", ["tomorrow", "2027-02-30", "0", "99999", "-5"])
def test_the_command_refuses_a_lifetime_that_makes_no_sense(cast, expires):
    with pytest.raises(CommandError):
        run(cast, "--name", "Booking bot", f"--expires={expires}")
    assert not ServiceToken.objects.exists()


def test_the_command_knows_no_organization_of_nobody(cast):
    with pytest.raises(CommandError, match="no organization"):
        call_command("create_service_token", "--organization", str(uuid.uuid4()), "--name", "x")
