"""The audit log as CSV and JSON lines: from the page, from the command, and harmless in a spreadsheet."""

import csv
import io
import json
import stat

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from organizations import audit, audit_export, services
from organizations.audit import Actor, NewEntry
from organizations.models import AuditEntry

WORKER = Actor.worker()


@pytest.fixture
def bob(cast, client):
    client.force_login(cast.bob)
    return client


def page(organization, form, query=""):
    return f"/organizations/{organization.pk}/activity/export/{form}/{query}"


def text(response):
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


def records(response):
    return list(csv.DictReader(io.StringIO(text(response), newline="")))


def test_the_page_exports_what_its_filters_show_oldest_first(cast, bob):
    services.create_bot(WORKER, cast.organization, "Booking")
    services.create_bot(WORKER, cast.organization, "Orders")
    response = bob.get(page(cast.organization, "csv", "?action=bot"))
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith('attachment; filename="activity-')
    assert [(row["action"], row["object_label"]) for row in records(response)] == [
        ("bot.created", "Booking"),
        ("bot.created", "Orders"),
    ]
    nobody = bob.get(page(cast.organization, "csv", f"?actor=user:{cast.bob.pk}&until=2020-01-01"))
    assert records(nobody) == []


def test_the_page_links_to_the_export_with_its_filters(cast, bob):
    shown = bob.get(f"/organizations/{cast.organization.pk}/activity/?action=bot&since=2026-01-01&before=9").content
    assert page(cast.organization, "csv", "?action=bot&amp;since=2026-01-01").encode() in shown
    assert page(cast.organization, "jsonl", "?action=bot&amp;since=2026-01-01").encode() in shown


def test_the_page_filters_by_date(cast, bob):
    today = f"{timezone.now():%Y-%m-%d}"
    url = f"/organizations/{cast.organization.pk}/activity/"
    assert bob.get(url, {"since": today, "until": today}).context["page"]["rows"]
    assert bob.get(url, {"until": "2020-01-01"}).context["page"]["rows"] == []
    assert bob.get(url, {"since": "9999-12-31", "until": "9999-12-31"}).context["page"]["rows"] == []
    assert bob.get(url, {"since": "not a date"}).context["page"]["rows"]


def test_json_lines_can_be_verified_one_by_one(cast, bob):
    audit.record(cast.organization, WORKER, "token.served", object_label="é\u2028", details={"n": 0.5})
    lines = text(bob.get(page(cast.organization, "jsonl"))).split("\n")
    assert lines.pop() == ""
    entries = [json.loads(line) for line in lines]
    assert [entry["position"] for entry in entries] == list(range(1, len(entries) + 1))
    for before, entry in zip([{"hash": ""}, *entries], entries, strict=False):
        assert entry["previous_hash"] == before["hash"]
        assert entry["hash"] == AuditEntry.objects.get(chain_id=entry["chain"], position=entry["position"]).hash


def test_an_export_is_in_the_log_and_no_longer_than_it_was_then(cast, bob):
    response = bob.get(page(cast.organization, "csv", "?action=activity"))
    audit.record(cast.organization, WORKER, "activity.exported")
    [row] = records(response)
    assert (row["action"], row["actor_label"]) == ("activity.exported", "bob")
    assert json.loads(row["details"]) == {"format": "csv", "action": "activity"}


def test_promise_29_another_organization_and_a_role_that_is_too_small_export_nothing(cast, client):
    client.force_login(cast.charlie)
    assert client.get(page(cast.organization, "csv")).status_code == 404
    client.force_login(cast.vic)
    assert client.get(page(cast.organization, "csv")).status_code == 403
    client.force_login(cast.bob)
    assert client.get(page(cast.organization, "xlsx")).status_code == 404
    assert client.post(page(cast.organization, "csv")).status_code == 405


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_is_a_formula(cast, bob, start):
    hostile = f'{start}HYPERLINK("http://evil.example","x")'
    entry = NewEntry(Actor("user", "1", hostile), "credential.created", object_label=hostile, outcome=hostile)
    audit.record_many(cast.organization, [entry])
    [row] = records(bob.get(page(cast.organization, "csv", "?action=credential")))
    for column in ("actor_label", "object_label", "outcome"):
        assert row[column].startswith(f"'{start}")


def test_reading_ahead_is_bounded(cast, bob, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr("organizations.activity.BATCH", 10)
    audit.record_many(cast.organization, [NewEntry(WORKER, "token.served") for _ in range(35)])
    response = bob.get(page(cast.organization, "jsonl", "?action=token"))
    stream = iter(response.streaming_content)
    with django_assert_num_queries(1):
        for _ in range(10):
            next(stream)


def run(*arguments):
    out = io.StringIO()
    call_command("export_audit", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_command_writes_to_standard_output_or_to_a_new_file_of_mode_0600(cast, tmp_path):
    audit.record(cast.organization, WORKER, "token.served", object_label="=1+1")
    chosen = ("--organization", str(cast.organization.pk), "--action", "token")
    [line] = run(*chosen).splitlines()
    assert json.loads(line)["object_label"] == "=1+1"
    target = tmp_path / "log.csv"
    run(*chosen, "--format", "csv", "--to", str(target))
    [row] = csv.DictReader(target.open(newline=""))
    assert row["object_label"] == "'=1+1"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="cannot be written") as refusal:
        run(*chosen, "--to", str(target))
    assert refusal.value.returncode == 2
    told = AuditEntry.objects.of(cast.organization)[0]
    assert (told.action, told.actor_id) == ("activity.exported", "export_audit")


def test_the_command_exports_the_systems_chain_between_two_days(cast):
    today = f"{timezone.now():%Y-%m-%d}"
    lines = run("--system", "--since", today, "--until", today).splitlines()
    assert len(lines) == AuditEntry.objects.of(None).count()
    assert run("--system", "--until", "2020-01-01") == ""


@pytest.mark.parametrize(
    "arguments", [[], ["--organization", "0" * 32], ["--system", "--since", "yesterday"], ["--system", "--format", "x"]]
)
def test_the_command_refuses_what_makes_no_sense(db, arguments):
    with pytest.raises(CommandError):
        run(*arguments)


def test_a_cell_that_is_none_of_that_stays_as_it_is():
    assert audit_export.inert("Orders=1") == "Orders=1"
    assert audit_export.inert(-1) == "'-1"
    assert audit_export.inert("") == ""
