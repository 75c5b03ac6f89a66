"""Old segments of a chain leave the database for a file; chain, file and the joint between them still verify."""

import io
import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from organizations import audit, audit_archive
from organizations.audit import Actor, NewEntry
from organizations.models import AuditChain, AuditEntry

WORKER = Actor.worker()
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def chain(cast, monkeypatch):
    """Ten entries of January, ten of February, and those of today; archives are read and deleted in small pieces."""
    monkeypatch.setattr(audit_archive, "BATCH", 4)
    monkeypatch.setattr(audit_archive, "DELETED_AT_ONCE", 3)
    organization = type(cast.organization).objects.create(account=cast.account, name="Archivists")
    for month, days in enumerate((0, 31)):
        monkeypatch.setattr(timezone, "now", lambda days=days: BEGUN + timedelta(days=days))
        entries = [NewEntry(WORKER, "token.served", object_id=str(10 * month + n)) for n in range(10)]
        audit.record_many(organization, entries)
    monkeypatch.undo()
    monkeypatch.setattr(audit_archive, "BATCH", 4)
    monkeypatch.setattr(audit_archive, "DELETED_AT_ONCE", 3)
    audit.record(organization, WORKER, "token.refreshed")
    return organization


def archive(organization, target, before):
    return audit_archive.archive(organization, organization.pk, before=before, to=target, actor=WORKER)


@pytest.fixture
def january(chain, tmp_path):
    """The archive of January."""
    target = tmp_path / "january.jsonl"
    archive(chain, target, BEGUN + timedelta(days=31))
    return target


def positions(organization):
    return list(AuditEntry.objects.of(organization).order_by("position").values_list("position", flat=True))


def test_a_segment_moves_to_a_file_and_the_chain_goes_on_from_it(chain, january):
    kept = AuditChain.objects.get(pk=chain.pk)
    assert (kept.archived, len(kept.archived_hash)) == (10, 64)
    assert positions(chain) == list(range(11, 23))  # ten of February, today's, and that it was archived
    lines = [json.loads(line) for line in january.read_text().splitlines()]
    assert [line["position"] for line in lines[1:]] == list(range(1, 11))
    assert lines[0]["last_hash"] == lines[-1]["hash"] == kept.archived_hash
    assert stat.S_IMODE(january.stat().st_mode) == 0o600
    told = AuditEntry.objects.of(chain)[0]
    assert told.action == "activity.archived"
    assert told.details == {"first": 1, "last": 10, "last_hash": kept.archived_hash, "file": "january.jsonl"}
    found = audit.verify(chain.pk)
    assert (found.ok, found.entries) == (True, 22)


def test_what_is_left_is_still_verified_from_its_first_entry(chain, january):
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER audit_append_only{' ON organizations_auditentry' * _on_postgresql()}")
        cursor.execute(
            "DELETE FROM organizations_auditentry WHERE id = %s",
            [AuditEntry.objects.get(chain=chain.pk, position=11).pk],
        )
    found = audit.verify(chain.pk)
    assert (found.broken_at, found.reason) == (11, "removed")


def test_a_beginning_that_was_moved_on_to_hide_something_is_found(chain, january):
    AuditChain.objects.filter(pk=chain.pk).update(archived=15)
    assert audit.verify(chain.pk).broken_at == 16


def test_archives_follow_one_another(chain, january, tmp_path):
    second = tmp_path / "february.jsonl"
    archive(chain, second, BEGUN + timedelta(days=62))
    assert positions(chain) == [21, 22, 23]
    both = [audit_archive.verify(january), audit_archive.verify(second)]
    assert [audit_archive.joins(each, both) for each in both] == [
        (True, "intact, goes on in the next file"),
        (True, "intact, goes on in the database"),
    ]
    assert audit_archive.joins(both[0], both[:1]) == (True, "intact, what follows it was not given")
    assert audit.verify(chain.pk).ok


def test_nothing_old_enough_writes_no_file(chain, january, tmp_path):
    target = tmp_path / "again.jsonl"
    assert archive(chain, target, BEGUN + timedelta(days=31)) is None
    assert not target.exists()


def test_a_file_that_is_there_is_not_written_over(chain, tmp_path):
    target = tmp_path / "january.jsonl"
    target.write_text("mine")
    with pytest.raises(FileExistsError):
        archive(chain, target, BEGUN + timedelta(days=31))
    assert target.read_text() == "mine"
    assert len(positions(chain)) == 21


def test_a_segment_that_is_not_intact_stays_where_it_is(chain, tmp_path):
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER audit_append_only{' ON organizations_auditentry' * _on_postgresql()}")
        cursor.execute(
            "UPDATE organizations_auditentry SET actor_label = 'nobody' WHERE id = %s",
            [AuditEntry.objects.get(chain=chain.pk, position=7).pk],
        )
    target = tmp_path / "january.jsonl"
    with pytest.raises(audit_archive.CannotArchive, match="entry 7"):
        archive(chain, target, BEGUN + timedelta(days=31))
    assert not target.exists()
    assert len(positions(chain)) == 21


def test_a_run_that_was_killed_before_it_had_removed_everything_is_made_up_for(chain, tmp_path, monkeypatch):
    monkeypatch.setattr(audit_archive, "remove_archived", lambda chain_id: None)
    archive(chain, tmp_path / "january.jsonl", BEGUN + timedelta(days=31))
    monkeypatch.undo()
    assert len(positions(chain)) == 22
    assert audit.verify(chain.pk).ok
    archive(chain, tmp_path / "february.jsonl", BEGUN + timedelta(days=62))
    assert positions(chain)[0] == 21


def test_the_second_of_two_runs_at_once_removes_nothing(chain, tmp_path, monkeypatch):
    write = audit_archive.write

    def and_meanwhile(segment, to, report):
        write(segment, to, report)
        AuditChain.objects.filter(pk=chain.pk).update(archived=3)

    monkeypatch.setattr(audit_archive, "write", and_meanwhile)
    target = tmp_path / "january.jsonl"
    with pytest.raises(audit_archive.CannotArchive, match="another run"):
        archive(chain, target, BEGUN + timedelta(days=31))
    assert not target.exists()


def _on_postgresql():
    return connection.vendor == "postgresql"


def changed(line, **fields):
    return json.dumps({**json.loads(line), **fields})


@pytest.mark.parametrize(
    ("change", "broken_at", "reason"),
    [
        (lambda lines: lines[:4] + lines[5:], 4, "removed"),
        (lambda lines: lines[:-1], 10, "removed from the end"),
        (lambda lines: [*lines[:4], changed(lines[4], actor_label="nobody"), *lines[5:]], 4, "edited"),
        (lambda lines: [*lines[:4], changed(lines[4], details={"password": "x"}), *lines[5:]], 4, "edited"),
        (lambda lines: [*lines[:4], "}{", *lines[5:]], 4, "cannot be read"),
        (lambda lines: [*lines[:4], "[" * 100_000, *lines[5:]], 4, "cannot be read"),
        (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 4, "removed"),
        (lambda lines: [*lines, lines[-1]], 11, "removed"),
        (lambda lines: [changed(lines[0], last_hash="f" * 64), *lines[1:]], 10, "does not match the head"),
        (
            lambda lines: [changed(lines[0], previous_hash="f" * 64), *lines[1:]],
            1,
            "does not follow the entry before it",
        ),
    ],
)
def test_tampering_with_an_archive_is_found(january, change, broken_at, reason):
    january.write_text("\n".join(change(january.read_text().splitlines())) + "\n")
    found = audit_archive.verify(january)
    assert (found.broken_at, found.reason) == (broken_at, reason)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "audit-archive-1"}', "\x00", "[" * 100_000, "1"])
def test_what_is_no_archive_is_told_apart(tmp_path, content):
    path = tmp_path / "something"
    path.write_text(content)
    with pytest.raises(ValueError, match="no archive"):
        audit_archive.verify(path)


def test_an_archive_whose_end_is_not_where_the_chain_begins_does_not_join(chain, january):
    AuditChain.objects.filter(pk=chain.pk).update(archived_hash="f" * 64)
    assert audit_archive.joins(audit_archive.verify(january), []) == (
        False,
        "broken at 11: the chain in the database does not follow it",
    )


def run(name, *arguments):
    out = io.StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_commands_archive_and_verify(chain, tmp_path):
    target = tmp_path / "january.jsonl"
    arguments = ("--organization", str(chain.pk), "--before", "2026-02-01", "--to", str(target))
    code, text = run("archive_audit", *arguments, "--json")
    assert (code, json.loads(text)["last"]) == (0, 10)
    code, text = run("verify_audit", "--organization", str(chain.pk), "--archive", str(target), "--json")
    rows = json.loads(text)
    assert code == 0
    assert [(row["chain"], row["entries"], row["verdict"]) for row in rows] == [
        ("Archivists (january.jsonl)", 10, "intact, goes on in the database"),
        ("Archivists", 22, "intact"),
    ]
    assert rows[0]["head"] == AuditChain.objects.get(pk=chain.pk).archived_hash
    target.write_text(target.read_text().replace('"worker"', '"nobody"'))
    code, text = run("verify_audit", "--archive", str(target))
    assert code == 1
    assert "broken at 1: edited" in text
    code, text = run("archive_audit", *arguments[:-1], str(tmp_path / "again"))
    assert (code, text.strip()) == (0, "Nothing is that old.")


def test_the_commands_refuse_what_makes_no_sense(chain, tmp_path):
    for arguments in (
        ("archive_audit", "--system", "--before", "2999-01-01", "--to", str(tmp_path / "a")),
        (
            "archive_audit",
            "--organization",
            str(chain.pk),
            "--before",
            "2026-02-01",
            "--to",
            str(tmp_path / "no" / "a"),
        ),
        ("verify_audit", "--archive", str(tmp_path / "missing")),
        ("verify_audit", "--archive", __file__),
    ):
        with pytest.raises(CommandError) as refusal:
            run(*arguments)
        assert refusal.value.returncode == 2
