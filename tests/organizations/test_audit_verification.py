"""Tampering with the log behind the application's back is found, and found at the right place."""

import io
import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from organizations import audit
from organizations.audit import Actor, NewEntry
from organizations.models import AuditChain, AuditEntry

TABLE = "organizations_auditentry"


@pytest.fixture
def chain(cast, monkeypatch):
    """Twelve entries and the system's, walked in batches of five, with the database's own guard taken away."""
    monkeypatch.setattr(audit, "BATCH", 5)
    recorded = AuditChain.objects.get(pk=cast.organization.pk).position
    worker = Actor.worker()
    audit.record_many(
        cast.organization,
        [NewEntry(worker, "token.served", object_id=str(n), details={"n": n}) for n in range(12 - recorded)],
    )
    with connection.cursor() as cursor:
        on = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_append_only{on}")
    return cast.organization.pk


def tamper(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=TABLE), values)
        assert cursor.rowcount > 0


def pk_at(chain, position):
    return AuditEntry.objects.get(chain_id=chain, position=position).pk


def test_an_untouched_chain_is_intact(chain):
    found = audit.verify(AuditChain.objects.get(pk=chain))
    assert found.ok
    assert found.entries == 12
    assert found.head == AuditChain.objects.get(pk=chain).head


@pytest.mark.parametrize(
    "change",
    [
        "actor_label = 'somebody else'",
        "actor_id = '99'",
        "action = 'token.refreshed'",
        "object_id = 'another'",
        "outcome = 'denied'",
        "details = '{{}}'",
        'details = \'{{"password": "x"}}\'',
        "hash = 'f00'",
    ],
)
def test_promise_42_an_edited_entry_is_found(chain, change):
    tamper("UPDATE {table} SET " + change + " WHERE id = %s", pk_at(chain, 7))  # noqa: S608
    found = audit.verify(chain)
    assert (found.broken_at, found.reason) == (7, "edited")


def test_a_changed_time_is_found(chain):
    entry = AuditEntry.objects.get(chain_id=chain, position=7)
    tamper("UPDATE {table} SET at = %s WHERE id = %s", entry.at.replace(year=2001), entry.pk)
    assert audit.verify(chain).broken_at == 7


@pytest.mark.parametrize("position", [1, 5, 6])
def test_promise_42_a_removed_entry_is_found(chain, position):
    tamper("DELETE FROM {table} WHERE id = %s", pk_at(chain, position))
    found = audit.verify(chain)
    assert (found.broken_at, found.reason) == (position, "removed")


def test_promise_42_a_removed_end_is_found(chain):
    tamper("DELETE FROM {table} WHERE id = %s", pk_at(chain, 12))
    found = audit.verify(chain)
    assert (found.broken_at, found.reason) == (12, "removed from the end")


def test_a_removed_end_with_the_head_set_back_is_found_by_the_hash(chain):
    tamper("DELETE FROM {table} WHERE id = %s", pk_at(chain, 12))
    AuditChain.objects.filter(pk=chain).update(position=11)
    found = audit.verify(chain)
    assert (found.broken_at, found.reason) == (11, "does not match the head")


def test_promise_42_reordered_entries_are_found(chain):
    fourth, fifth = pk_at(chain, 4), pk_at(chain, 5)
    tamper("UPDATE {table} SET position = 1000 WHERE id = %s", fourth)
    tamper("UPDATE {table} SET position = 4 WHERE id = %s", fifth)
    tamper("UPDATE {table} SET position = 5 WHERE id = %s", fourth)
    assert audit.verify(chain).broken_at == 4


def test_an_edited_entry_with_a_hash_of_its_own_breaks_what_follows(chain):
    entry = AuditEntry.objects.get(chain_id=chain, position=7)
    entry.actor_label = "somebody else"
    tamper(
        "UPDATE {table} SET actor_label = %s, hash = %s WHERE id = %s",
        entry.actor_label,
        audit.entry_hash(entry),
        entry.pk,
    )
    found = audit.verify(chain)
    assert (found.broken_at, found.reason) == (8, "does not follow the entry before it")


def test_an_entry_smuggled_in_behind_the_head_is_found(chain):
    copy = AuditEntry.objects.get(chain_id=chain, position=12)
    copy.pk, copy.position = None, 13
    AuditEntry.objects.bulk_create([copy])
    found = audit.verify(chain)
    assert (found.broken_at, found.reason) == (13, "added behind the head")


def test_verifying_reads_in_batches_and_asks_no_more_than_needed(chain, django_assert_num_queries):
    with django_assert_num_queries(2 + 4):  # the newest, the head; 5 + 5 + 2 entries and none
        audit.verify(chain)


def run(*arguments):
    out = io.StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out, no_color=True)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_promise_42_the_command_prints_each_chain_with_its_head(chain, cast):
    code, text = run()
    assert code == 0
    lines = text.splitlines()
    assert lines[0].split() == ["CHAIN", "ENTRIES", "HEAD", "VERDICT"]
    assert lines[1].startswith("system")
    assert AuditChain.objects.get(pk=chain).head in text
    assert text.count("intact") == 3


def test_promise_42_the_command_ends_with_1_when_a_chain_is_broken(chain, cast):
    tamper("UPDATE {table} SET actor_label = 'nobody' WHERE id = %s", pk_at(chain, 3))
    code, text = run()
    assert code == 1
    assert "broken at 3: edited" in text
    assert run("--organization", str(cast.other_organization.pk))[0] == 0


def test_the_command_tells_a_script_in_json(chain, cast):
    tamper("DELETE FROM {table} WHERE id = %s", pk_at(chain, 3))
    code, text = run("--organization", str(chain), "--json")
    [row] = json.loads(text)
    assert code == 1
    assert (row["chain"], row["id"]) == ("Support bots", str(chain))
    assert (row["ok"], row["broken_at"], row["verdict"]) == (False, 3, "broken at 3: removed")


def test_a_log_that_was_emptied_is_found(chain, cast):
    tamper("DELETE FROM {table} WHERE chain_id = %s", chain.hex if connection.vendor == "sqlite" else chain)
    AuditChain.objects.filter(pk=chain).delete()
    code, text = run()
    assert code == 1
    assert "no entry at all" in text


def test_the_command_knows_no_chain_of_nobody(cast):
    with pytest.raises(CommandError, match="no organization"):
        call_command("verify_audit", "--organization", str(uuid.uuid4()))
