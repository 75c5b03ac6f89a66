"""What gets into the audit log, and that nothing gets out of it again."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction

from organizations import audit
from organizations.audit import Actor, NewEntry
from organizations.models import SYSTEM_CHAIN, AppendOnly, AuditChain, AuditEntry

WORKER = Actor.worker()


def test_entries_of_an_organization_follow_one_another(cast):
    before = AuditChain.objects.get(pk=cast.organization.pk)
    first = audit.record(cast.organization, WORKER, "token.refreshed", object_type="credential", object_id="7")
    second = audit.record(cast.organization, WORKER, "token.refreshed")
    assert (first.position, second.position) == (before.position + 1, before.position + 2)
    assert (first.previous_hash, second.previous_hash) == (before.head, first.hash)
    head = AuditChain.objects.get(pk=cast.organization.pk)
    assert (head.position, head.head) == (second.position, second.hash)


def test_each_organization_and_the_system_has_a_chain_of_its_own(cast):
    here = audit.record(cast.organization, WORKER, "token.refreshed")
    there = audit.record(cast.other_organization, WORKER, "token.refreshed")
    nowhere = audit.record(None, WORKER, "key.rotated")
    assert [row.chain_id for row in (here, there, nowhere)] == [
        cast.organization.pk,
        cast.other_organization.pk,
        SYSTEM_CHAIN,
    ]
    assert nowhere not in AuditEntry.objects.of(cast.organization)
    assert list(AuditEntry.objects.of(None).filter(action="key.rotated")) == [nowhere]


def test_many_entries_are_written_with_as_many_queries_as_one(cast, django_assert_num_queries):
    with django_assert_num_queries(3):
        audit.record(cast.organization, WORKER, "token.served")
    with django_assert_num_queries(3):
        rows = audit.record_many(cast.organization, [NewEntry(WORKER, f"token.served_{n}") for n in range(40)])
    assert [row.position for row in rows] == list(range(rows[0].position, rows[0].position + 40))
    assert audit.verify(cast.organization.pk).ok


def test_no_entries_are_nothing_to_lock_for(cast, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert audit.record_many(cast.organization, []) == []


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused():
    with pytest.raises(transaction.TransactionManagementError):
        audit.record(None, WORKER, "token.refreshed")
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_goes_back_together_with_its_change():
    with transaction.atomic():
        entry = audit.record(None, WORKER, "token.refreshed")
        assert audit.recorded(entry)
        transaction.set_rollback(True)
    assert not audit.recorded(entry)


@pytest.mark.django_db(transaction=True)
def test_entries_written_at_the_same_time_stand_in_one_chain():
    together = threading.Barrier(4, timeout=20)

    def write():
        try:
            together.wait()
            for _ in range(5):
                with transaction.atomic():
                    audit.record(None, WORKER, "token.refreshed")
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = audit.verify(SYSTEM_CHAIN)
    assert (found.ok, found.entries) == (True, 20)


@pytest.mark.parametrize(
    "details",
    [
        {"access_token": "canary"},
        {"nested": [{"Client_Secret": "canary"}]},
        {"password": 12345678},
        {"raw": b"canary"},
        {"object": object()},
        {1: "a key that is no text"},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}},
    ],
)
def test_details_that_could_carry_a_secret_are_refused(cast, details):
    with pytest.raises((TypeError, ValueError)) as refusal:
        audit.record(cast.organization, WORKER, "credential.created", details=details)
    assert "canary" not in str(refusal.value)


def test_details_may_say_whether_there_was_a_secret(cast):
    details = {"refresh_token": True, "token_type": "Bearer", "id_token": None}
    assert audit.record(cast.organization, WORKER, "token.refreshed", details=details).details == details


def test_long_texts_are_cut_and_unstorable_characters_replaced(cast):
    entry = audit.record(
        cast.organization,
        Actor("user", "1", "\ud83d" + "x" * 400),
        "credential.created",
        object_label="a\x00b",
        details={"reason": "y" * 10_000},
    )
    entry.refresh_from_db()
    assert len(entry.actor_label) == 255
    assert entry.actor_label.startswith("?")
    assert entry.object_label == "a�b"
    assert len(entry.details["reason"]) == 500
    assert audit.verify(cast.organization.pk).ok


@pytest.mark.parametrize(
    "number", [0, -0.0, 1.0, 1e22, 0.1, 1e-7, 3599.5, 2**70, float("inf"), float("nan"), True, 1.7976931348623157e308]
)
def test_numbers_come_back_from_the_database_as_they_were_hashed(cast, number):
    audit.record(cast.organization, WORKER, "token.refreshed", details={"n": number, "texts": ["é", "\u2028", '"']})
    assert audit.verify(cast.organization.pk).ok


def test_an_entry_can_be_neither_saved_again_nor_deleted(cast):
    entry = audit.record(cast.organization, WORKER, "token.refreshed")
    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(actor_label="nobody"),
        lambda: AuditEntry.objects.bulk_update([entry], ["actor_label"]),
        lambda: AuditEntry.objects.create(chain_id=cast.organization.pk, position=99, at=entry.at),
    ):
        with pytest.raises(AppendOnly):
            attempt()
    assert audit.recorded(entry)


def test_the_database_itself_refuses_to_change_an_entry(cast):
    entry = audit.record(cast.organization, WORKER, "token.refreshed")
    statements = ["UPDATE organizations_auditentry SET actor_label = 'nobody' WHERE id = %s"]
    if connection.vendor == "postgresql":
        statements.append("DELETE FROM organizations_auditentry WHERE id = %s")
    for statement in statements:
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, [entry.pk])
    entry.refresh_from_db()
    assert entry.actor_label == "worker"
