"""Rotation: online, resumable, and it never loses what somebody writes meanwhile."""

import io
import json
import secrets
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

from credentials.crypto.envelope import Unsealable, key_id
from credentials.crypto.fields import SealedModel, sealed_fields
from credentials.models import Credential, Draft, OAuthToken
from credentials.models.key_check import KeyCheck
from credentials.services.rotate_keys import rotate_keys
from organizations import audit
from organizations.models import SYSTEM_CHAIN, AuditEntry, Organization
from tests.support.people import Cast
from tests.support.product import Product, new_credential_keys
from tests.support.screen import Screen

CANARY = "canary-6f1d"

MAKE_AND_ROTATE_UNTIL_KILLED = """
import os, signal
from django.test import override_settings
from credentials.models import Credential
from credentials.services.rotate_keys import rotate_keys
from organizations.models import Account, Organization

account = Account.objects.create(number="1", name="Brand")
organization = Organization.objects.create(account=account, name="Support")
for number in range(9):
    row = Credential(organization=organization, account=account, name=str(number), kind="oauth2")
    row.seal("secrets", {"number": number})
    row.save()

def die(done, total):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

with override_settings(CREDENTIAL_KEYS=os.environ["NEW_KEYS"]):
    rotate_keys(batch_size=2, progress=die)
"""

COUNT_BY_KEY = """
import json
from collections import Counter
from credentials.crypto.envelope import key_id
from credentials.models import Credential
rows = list(Credential.objects.all())
by_key = Counter(key_id(row.secrets) for row in rows)
print("COUNTED", json.dumps([by_key, sorted(row.open_secrets()["number"] for row in rows)]))
"""


def make(organization: Organization, count: int, **values: uuid.UUID) -> list[Credential]:
    made = []
    for _ in range(count):
        name = secrets.token_hex(4)
        row = Credential(organization=organization, account=organization.account, name=name, kind="oauth2", **values)
        row.seal("secrets", {"client_secret": f"{CANARY} {name}"})
        row.save()
        made.append(row)
    return made


def keys_in_use() -> set[str]:
    return {
        key_id(envelope)
        for model, field in sealed_fields()
        for envelope in model._base_manager.exclude(**{field.name: ""}).values_list(field.name, flat=True)
    }


@pytest.fixture
def add_primary(settings: Settings) -> Callable[[str], str]:
    """Put a new key first; answers with the keys as they were before."""

    def add(name: str) -> str:
        before: str = settings.CREDENTIAL_KEYS
        settings.CREDENTIAL_KEYS = f"{new_credential_keys(name)},{before}"
        return before

    return add


def test_promise_27_every_sealed_column_moves_to_the_new_key_and_the_old_one_can_go(
    cast: Cast, add_primary: Callable[[str], str], settings: Settings
) -> None:
    (credential,) = make(cast.organization, 1)
    token = OAuthToken(credential=credential, organization=cast.organization)
    token.seal("access_token", "access")
    token.seal("refresh_token", "refresh")
    token.save()
    draft = Draft(organization=cast.organization, owner=cast.bob, expires_at=timezone.now() + timedelta(hours=1))
    draft.seal("data", {"name": "CRM"})
    draft.save()
    add_primary("newer")

    rotation = rotate_keys()

    assert rotation.complete
    assert keys_in_use() == {"newer"}
    assert sum(tally.resealed for tally in rotation.fields) == 4
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS.split(",")[0]
    assert OAuthToken.objects.get().unseal("access_token") == "access"
    assert OAuthToken.objects.get().unseal("refresh_token") == "refresh"
    assert Draft.objects.get().entered() == {"name": "CRM"}
    assert Credential.objects.get().open_secrets() == {"client_secret": f"{CANARY} {credential.name}"}


@pytest.mark.parametrize(("rows", "batch_size"), [(0, 2), (1, 2), (4, 2), (5, 2), (5, 1), (5, 200)])
def test_batches_of_any_size_reach_every_row_once(
    cast: Cast, add_primary: Callable[[str], str], rows: int, batch_size: int
) -> None:
    make(cast.organization, rows)
    add_primary("newer")
    seen: list[tuple[int, int]] = []
    rotation = rotate_keys(batch_size=batch_size, progress=lambda done, total: seen.append((done, total)))
    assert rotation.complete
    assert seen == [(done, rows) for done in range(1, rows + 1)]
    assert keys_in_use() == ({"newer"} if rows else set())


def test_a_second_run_finds_everything_done_and_writes_nothing(cast: Cast, add_primary: Callable[[str], str]) -> None:
    make(cast.organization, 3)
    add_primary("newer")
    rotate_keys()
    before = dict(Credential.objects.values_list("pk", "secrets"))
    rotation = rotate_keys()
    (tally,) = [tally for tally in rotation.fields if tally.table == "credentials_credential"]
    assert (tally.resealed, tally.current, tally.left) == (0, 3, 0)
    assert dict(Credential.objects.values_list("pk", "secrets")) == before


def test_only_the_sealed_column_of_a_row_is_written(cast: Cast, add_primary: Callable[[str], str]) -> None:
    (credential,) = make(cast.organization, 1)
    before = Credential.objects.values().get()
    add_primary("newer")
    rotate_keys()
    after = Credential.objects.values().get()
    assert {name for name in before if before[name] != after[name]} == {"secrets"}
    assert after["version"] == credential.version


@pytest.mark.parametrize("writer_key", ["new", "old"])
def test_promise_27_a_secret_written_at_the_same_moment_is_never_lost(
    cast: Cast, add_primary: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, writer_key: str
) -> None:
    (credential,) = make(cast.organization, 1)
    old_keys = add_primary("newer")
    seal_again = SealedModel.sealed_with_primary
    writes = iter(["written meanwhile"])

    def interrupted(row: SealedModel, field: str) -> str:
        sealed = seal_again(row, field)
        for value in writes:
            with override_settings(**({"CREDENTIAL_KEYS": old_keys} if writer_key == "old" else {})):
                credential.seal("secrets", {"client_secret": value})
            credential.save()
        return sealed

    monkeypatch.setattr(SealedModel, "sealed_with_primary", interrupted)
    rotation = rotate_keys()
    assert Credential.objects.get().open_secrets() == {"client_secret": "written meanwhile"}
    assert keys_in_use() == {"newer"}
    assert rotation.complete


@pytest.mark.parametrize("leave", ["delete", "erase"])
def test_a_secret_that_disappears_meanwhile_stays_away(
    cast: Cast, add_primary: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, leave: str
) -> None:
    (credential,) = make(cast.organization, 1)
    add_primary("newer")
    seal_again = SealedModel.sealed_with_primary

    def interrupted(row: SealedModel, field: str) -> str:
        sealed = seal_again(row, field)
        rows = Credential.objects.filter(pk=credential.pk)
        rows.delete() if leave == "delete" else rows.update(secrets="")
        return sealed

    monkeypatch.setattr(SealedModel, "sealed_with_primary", interrupted)
    assert rotate_keys().complete
    assert not Credential.objects.exclude(secrets="").exists()


def test_what_an_old_process_seals_behind_the_walk_is_counted_as_left(
    cast: Cast, add_primary: Callable[[str], str]
) -> None:
    make(cast.organization, 2)
    old_keys = add_primary("newer")
    behind = iter([uuid.UUID(int=1)])

    def write_behind(done: int, total: int) -> None:
        for pk in behind:
            with override_settings(CREDENTIAL_KEYS=old_keys):
                make(cast.organization, 1, id=pk)

    rotation = rotate_keys(progress=write_behind)
    (tally,) = [tally for tally in rotation.fields if tally.left]
    assert (tally.column, tally.left, tally.unopenable) == ("secrets", 1, 0)
    assert not rotation.complete
    assert rotate_keys().complete


@pytest.mark.django_db(transaction=True)
def test_a_run_stopped_by_hand_keeps_what_it_did_and_the_next_one_finishes(
    cast: Cast, add_primary: Callable[[str], str]
) -> None:
    make(cast.organization, 5)
    add_primary("newer")

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_keys(batch_size=2, progress=stop)
    connection.close()
    assert Credential.objects.filter(secrets__startswith="v1:newer:").count() == 3
    rotation = rotate_keys(batch_size=2)
    assert rotation.complete
    assert sum(tally.resealed for tally in rotation.fields) == 2
    assert keys_in_use() == {"newer"}


def test_promise_27_a_run_killed_half_way_is_finished_by_running_again(product: Callable[..., Product]) -> None:
    installation = product(web=0, workers=0)
    new_keys = f"{new_credential_keys('newer')},{installation.env['CREDENTIAL_KEYS']}"

    def count(keys: str) -> tuple[dict[str, int], list[int]]:
        printed = installation.manage("shell", "--command", COUNT_BY_KEY, CREDENTIAL_KEYS=keys)
        by_key, numbers = json.loads(printed.partition("COUNTED")[2])
        return by_key, numbers

    installation.manage("shell", "--command", MAKE_AND_ROTATE_UNTIL_KILLED, check=False, NEW_KEYS=new_keys)
    assert count(new_keys) == ({"test": 4, "newer": 5}, list(range(9)))
    rotation = json.loads(installation.manage("rotate_keys", "--json", CREDENTIAL_KEYS=new_keys))
    assert rotation["complete"]
    assert sum(tally["resealed"] for tally in rotation["fields"]) == 4
    assert count(new_keys.split(",")[0]) == ({"newer": 9}, list(range(9)))


def test_a_tampered_secret_is_left_alone_and_reported_with_exit_code_1(
    cast: Cast, add_primary: Callable[[str], str]
) -> None:
    good, damaged = make(cast.organization, 2)
    envelope = f"{damaged.secrets[:-1]}{'A' if damaged.secrets[-1] != 'A' else 'Q'}"
    Credential.objects.filter(pk=damaged.pk).update(secrets=envelope)
    add_primary("newer")
    output = io.StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("rotate_keys", stdout=output)

    assert ended.value.code == 1
    assert f"Left alone: credentials_credential.secrets of row {damaged.pk}" in output.getvalue()
    assert CANARY not in output.getvalue()
    assert Credential.objects.get(pk=damaged.pk).secrets == envelope
    assert key_id(Credential.objects.get(pk=good.pk).secrets) == "newer"


def test_secrets_of_a_lost_key_are_left_alone_and_the_others_move(cast: Cast, settings: Settings) -> None:
    lost = make(cast.organization, 2)
    settings.CREDENTIAL_KEYS = new_credential_keys("second")
    make(cast.organization, 1)
    settings.CREDENTIAL_KEYS = f"{new_credential_keys('third')},{settings.CREDENTIAL_KEYS}"

    rotation = rotate_keys(batch_size=1)

    assert {left.row for left in rotation.left_alone} == {str(row.pk) for row in lost}
    assert all('"test-b" is not configured' in left.reason for left in rotation.left_alone)
    assert keys_in_use() == {"test-b", "third"}
    with pytest.raises(Unsealable):
        lost[0].open_secrets()


def test_a_long_list_of_what_was_left_alone_is_cut_in_the_table_and_whole_in_json(
    cast: Cast, settings: Settings
) -> None:
    make(cast.organization, 25)
    settings.CREDENTIAL_KEYS = new_credential_keys("newer")
    table, document = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit):
        call_command("rotate_keys", stdout=table)
    with pytest.raises(SystemExit):
        call_command("rotate_keys", "--json", stdout=document)
    assert table.getvalue().count("Left alone:") == 20
    assert "and 5 more" in table.getvalue()
    assert len(json.loads(document.getvalue())["left_alone"]) == 25


def test_the_table_names_every_sealed_column_and_the_key(cast: Cast, add_primary: Callable[[str], str]) -> None:
    make(cast.organization, 2)
    add_primary("newer")
    output = io.StringIO()
    call_command("rotate_keys", stdout=output)
    lines = output.getvalue().splitlines()
    assert lines[0].split() == ["COLUMN", "RE-SEALED", "ALREADY", "CURRENT", "UNOPENABLE", "LEFT"]
    assert [line.split() for line in lines if line.startswith("credentials_credential.secrets")] == [
        ["credentials_credential.secrets", "2", "0", "0", "0"]
    ]
    assert len(lines) == len(list(sealed_fields())) + 2
    assert lines[-1] == 'Everything is sealed with the key "newer".'


def test_a_terminal_sees_a_progress_bar_and_a_pipe_does_not(cast: Cast, add_primary: Callable[[str], str]) -> None:
    make(cast.organization, 2)
    add_primary("newer")
    quiet, drawn = io.StringIO(), Screen()
    call_command("rotate_keys", stdout=io.StringIO(), stderr=quiet)
    add_primary("newest")
    call_command("rotate_keys", stdout=io.StringIO(), stderr=drawn)
    assert quiet.getvalue() == ""
    assert "2/2" in drawn.getvalue()


@pytest.mark.parametrize("size", ["0", "-1", "many"])
def test_a_batch_has_at_least_one_row(db: None, size: str) -> None:
    with pytest.raises(CommandError, match="at least 1"):
        call_command("rotate_keys", f"--batch-size={size}")


def test_the_beginning_and_the_end_of_a_rotation_are_audited(cast: Cast, add_primary: Callable[[str], str]) -> None:
    make(cast.organization, 2)
    add_primary("newer")
    rotate_keys()
    began, ended = AuditEntry.objects.filter(chain_id=SYSTEM_CHAIN).order_by("-position")[:2][::-1]
    assert (began.action, began.outcome, began.actor_id) == ("keys.rotation_started", "ok", "rotate_keys")
    assert (ended.action, ended.outcome) == ("keys.rotated", "ok")
    assert ended.details == {"primary": "newer", "current": 0, "resealed": 2, "unopenable": 0, "left": 0}
    assert audit.verify(SYSTEM_CHAIN).ok


def test_an_incomplete_rotation_is_audited_as_such(cast: Cast, settings: Settings) -> None:
    make(cast.organization, 1)
    settings.CREDENTIAL_KEYS = new_credential_keys("newer")
    rotate_keys()
    ended = AuditEntry.objects.filter(chain_id=SYSTEM_CHAIN).order_by("-position")[0]
    assert (ended.action, ended.outcome, ended.details["left"]) == ("keys.rotated", "incomplete", 1)


def test_the_new_key_is_remembered_before_anything_is_sealed_with_it(
    cast: Cast, add_primary: Callable[[str], str]
) -> None:
    make(cast.organization, 1)
    add_primary("newer")
    known: list[bool] = []
    rotate_keys(progress=lambda done, total: known.append(KeyCheck.objects.filter(key_id="newer").exists()))
    assert known == [True]
