"""A log is held against heads that were kept elsewhere: what no hash inside the database can tell is found."""

import io
import json
import uuid
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from organizations import audit, audit_archive
from organizations.models import AuditChain, AuditEntry
from tests.support.people import Cast

WORKER = audit.Actor.worker()


def run(*arguments: str) -> tuple[int, list[dict[str, object]]]:
    out = io.StringIO()
    try:
        call_command("verify_audit", *arguments, "--json", stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return int(end.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def use(cast: Cast, times: int = 1) -> None:
    for number in range(times):
        with transaction.atomic():
            audit.record(cast.organization, WORKER, "token.served", object_id=str(number))


@pytest.fixture
def kept(cast: Cast, tmp_path: Path) -> Path:
    """What `verify_audit --json` printed; the log has gone on since."""
    use(cast, 3)
    file = tmp_path / "heads.json"
    file.write_text(json.dumps(run()[1]))
    use(cast, 2)
    return file


def verdict(cast: Cast, kept: Path) -> tuple[int, object]:
    code, rows = run("--heads", str(kept))
    [row] = [row for row in rows if row["id"] == str(cast.organization.pk)]
    return code, row["verdict"]


def test_a_log_that_has_gone_on_from_its_head_is_intact(cast: Cast, kept: Path) -> None:
    assert verdict(cast, kept) == (0, "intact")


def test_a_chain_that_was_computed_anew_is_found_by_the_head_alone(cast: Cast, kept: Path) -> None:
    head = AuditChain.objects.get(pk=cast.organization.pk)
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_append_only")
    previous = ""
    for entry in AuditEntry.objects.filter(chain_id=head.pk).order_by("position"):
        entry.actor_label, entry.previous_hash = "nobody", previous
        previous = entry.hash = audit.entry_hash(entry)
        Model.save_base(entry)  # as somebody would who has the database and not the application
    AuditChain.objects.filter(pk=head.pk).update(head=previous)
    assert run()[0] == 0
    position = head.position - 2
    assert verdict(cast, kept) == (1, f"entry {position} is not the one whose hash was kept")


def test_a_log_that_ends_before_its_head_is_found(cast: Cast, kept: Path) -> None:
    head = AuditChain.objects.get(pk=cast.organization.pk)
    QuerySet(AuditEntry).filter(chain_id=head.pk, position__gt=head.position - 3).delete()
    last = AuditEntry.objects.get(chain_id=head.pk, position=head.position - 3)
    AuditChain.objects.filter(pk=head.pk).update(position=last.position, head=last.hash)
    assert run()[0] == 0
    said = f"ends at {last.position}, before the head that was kept at {last.position + 1}"
    assert verdict(cast, kept) == (1, said)


def test_a_chain_that_is_gone_is_found_by_its_name(cast: Cast, kept: Path) -> None:
    rows = json.loads(kept.read_text())
    rows.append({"chain": "Once upon a time", "id": str(uuid.uuid4()), "entries": 7, "head": "ab"})
    kept.write_text(json.dumps(rows))
    code, found = run("--heads", str(kept))
    assert code == 1
    [row] = [row for row in found if row["chain"] == "Once upon a time"]
    assert row["verdict"] == "gone: it had 7 entries when its head was kept"


@pytest.mark.parametrize(("behind", "said"), [(-1, "intact"), (0, "intact"), (1, "intact")])
def test_a_head_whose_entry_is_archived_is_no_contradiction(cast: Cast, kept: Path, behind: int, said: str) -> None:
    """`behind`: how many entries more than up to the head are in the archive."""
    position = AuditChain.objects.get(pk=cast.organization.pk).position - 2 + behind
    last = AuditEntry.objects.get(chain_id=cast.organization.pk, position=position)
    AuditChain.objects.filter(pk=cast.organization.pk).update(archived=position, archived_hash=last.hash)
    audit_archive.remove_archived(cast.organization.pk)
    assert verdict(cast, kept) == (0, said)


def test_another_archive_than_the_one_whose_head_was_kept_is_found(cast: Cast, kept: Path) -> None:
    position = AuditChain.objects.get(pk=cast.organization.pk).position - 2
    AuditChain.objects.filter(pk=cast.organization.pk).update(archived=position, archived_hash="ab" * 32)
    # The entries behind it do not follow that either, which is said first.
    code, said = verdict(cast, kept)
    assert code == 1
    assert "does not follow" in str(said)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"id": "x"}]', '[{"chain": "a", "entries": 1}]'])
def test_a_file_that_holds_no_heads_is_refused(db: None, tmp_path: Path, text: str) -> None:
    file = tmp_path / "heads.json"
    file.write_text(text)
    with pytest.raises(CommandError, match="does not hold") as refusal:
        call_command("verify_audit", "--heads", str(file))
    assert refusal.value.returncode == 2


def test_a_file_that_is_not_there_is_refused(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_audit", "--heads", str(tmp_path / "heads.json"))
