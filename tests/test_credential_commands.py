"""`refresh_due`, `sweep` and `credential_report`: for operators in a terminal, and for scripts."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from credentials.models import Credential, Draft, OAuthToken
from credentials.models.credential import Status
from credentials.services import sweep
from organizations.models import AuditEntry
from tests.support.credentials import ACCESS_TOKEN, CLIENT_SECRET, give_token, make_credential, make_integration
from tests.support.lying_server import LyingServer, error_answer, lying_server, serve, token_answer
from tests.support.people import Cast

__all__ = ["lying_server", "serve"]

pytestmark = pytest.mark.django_db

AGO = timedelta(minutes=-1)


def run(name: str, *arguments: str) -> tuple[str, int]:
    """What a command prints, and its exit code."""
    output = StringIO()
    try:
        call_command(name, *arguments, stdout=output, stderr=StringIO())
    except SystemExit as end:
        return output.getvalue(), int(end.code or 0)
    return output.getvalue(), 0


@pytest.fixture
def due(cast: Cast, lying_server: LyingServer, settings: Any) -> Callable[..., Credential]:
    """Credentials whose token is to be renewed at `path` of a scripted server."""
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]

    def make(name: str, path: str = "/token") -> Credential:
        credential = make_credential(cast.organization, name, token_url=lying_server.url(path))
        give_token(credential, refresh_at=timezone.now() + AGO)
        return credential

    return make


def test_refresh_due_renews_what_is_due_and_nothing_else(
    cast: Cast, due: Callable[..., Credential], lying_server: LyingServer
) -> None:
    lying_server.answers(token_answer("canary-at-2"))
    first, second = due("First"), due("Second")
    later = make_credential(cast.organization, "Later", token_url=lying_server.url("/token"))
    give_token(later)
    printed, code = run("refresh_due", "--json")
    assert code == 0
    assert json.loads(printed)["renewed"] == 2
    assert len(lying_server.requests) == 2
    for credential, generation in ((first, 2), (second, 2), (later, 1)):
        assert OAuthToken.objects.get(pk=credential.pk).generation == generation
    entry = AuditEntry.objects.of(cast.organization).filter(action="token.refreshed")[0]
    assert (entry.actor_kind, entry.actor_id) == ("command", "refresh_due")
    assert json.loads(run("refresh_due", "--json")[0])["renewed"] == 0


def test_refresh_due_says_by_its_exit_code_that_something_failed(
    due: Callable[..., Credential], lying_server: LyingServer
) -> None:
    lying_server.on("/down", error_answer("server_error", status=503))
    lying_server.on("/gone", error_answer("invalid_grant"))
    lying_server.on("/token", token_answer("canary-at-2"))
    due("Down", "/down"), due("Gone", "/gone"), due("Well")
    printed, code = run("refresh_due")
    assert code == 1
    counts = {line.rpartition("  ")[0].strip(): line.split()[-1] for line in printed.splitlines()}
    assert (counts["renewed"], counts["to be tried again"], counts["need a person"]) == ("1", "1", "1")
    assert len(lying_server.requests) == 3


def test_refresh_due_goes_on_past_one_batch(
    due: Callable[..., Credential], lying_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    lying_server.answers(token_answer("canary-at-2"))
    for number in range(5):
        due(f"Credential {number}")
    assert json.loads(run("refresh_due", "--json")[0])["renewed"] == 5


def test_sweep_does_what_the_beat_would_have_woken_workers_for(
    cast: Cast, due: Callable[..., Credential], lying_server: LyingServer
) -> None:
    lying_server.answers(token_answer("canary-at-2"))
    due("Due")
    make_credential(cast.organization, "Ended", expires_at=timezone.now() + AGO)
    Draft.objects.create(organization=cast.organization, owner=cast.bob, expires_at=timezone.now() + AGO)
    printed, code = run("sweep", "--json")
    assert code == 0
    assert json.loads(printed) == {
        "exchanged": 0,
        "taken_up": 0,
        "renewed": 1,
        "consumers_exchanged": 0,
        "consumers_renewed": 0,
        "abandoned": 0,
        "expired": 1,
        "deleted": 1,
        "warned": 0,
        "delivered": 0,
        "mailed": 0,
    }
    assert Credential.objects.get(name="Ended").status == Status.NEEDS_AUTHORIZATION
    printed, _ = run("sweep")
    assert printed.splitlines()[0].split() == ["WHAT", "HOW", "MANY"]


def test_the_report_tells_how_each_credential_stands(cast: Cast) -> None:
    used = make_credential(cast.organization, "Orders")
    give_token(used)
    make_integration(cast.organization, "https://h.example/", credential=used)
    make_credential(cast.organization, "Soon", expires_at=timezone.now() + timedelta(days=2))
    make_credential(
        cast.other_organization, "Theirs", status=Status.FAILED, status_reason="the resource could not be reached"
    )
    printed, code = run("credential_report", "--json")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(printed)}
    assert rows["Orders"] | {"id": "", "organization_id": ""} == {
        "id": "",
        "organization": "Support bots",
        "organization_id": "",
        "name": "Orders",
        "type": "OAuth 2.0, Client Credentials",
        "status": "Active",
        "reason": "",
        "expires": None,
        "last_used": None,
        "used_by": 1,
    }
    assert (rows["Soon"]["status"], rows["Theirs"]["status"]) == ("Expiring", "Failed")
    assert rows["Theirs"]["reason"] == "the resource could not be reached"
    assert not any(secret in printed for secret in (ACCESS_TOKEN, CLIENT_SECRET, "v1:"))


def test_the_report_of_one_organization_is_a_table_that_lines_up(cast: Cast) -> None:
    make_credential(cast.organization, "Orders")
    make_credential(cast.organization, "\x1b[31mred\u202e" + "x" * 100)
    make_credential(cast.other_organization, "Theirs")
    printed, _ = run("credential_report", "--organization", str(cast.organization.pk))
    head, *lines = printed.splitlines()
    assert head.split() == ["NAME", "TYPE", "STATUS", "REASON", "EXPIRES", "LAST", "USED", "USED", "BY"]
    assert "Theirs" not in printed
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert {line.index("OAuth 2.0") for line in lines} == {head.index("TYPE")}
    assert all("never" in line for line in lines)


def test_the_report_of_an_unknown_organization_fails_as_wrong_arguments_do() -> None:
    with pytest.raises(CommandError) as refusal:
        run("credential_report", "--organization", str(uuid4()))
    assert refusal.value.returncode == 2


def test_the_report_says_by_its_exit_code_that_somebody_is_needed_where_that_is_asked_for(cast: Cast) -> None:
    make_credential(cast.organization, "Orders")
    assert run("credential_report", "--check")[1] == 0
    make_credential(cast.organization, "Down", status=Status.FAILED)
    assert run("credential_report")[1] == 0
    printed, code = run("credential_report", "--check", "--json")
    assert code == 1
    assert len(json.loads(printed)) == 2


def test_the_report_costs_the_same_however_long_it_is(cast: Cast, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        make_credential(cast.organization, f"Credential {number}")
    with django_assert_max_num_queries(3):
        assert len(json.loads(run("credential_report", "--json")[0])) == 20
