"""Finding things in the audit log, by action, actor and date, in pages and as a whole."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from organizations import activity, audit
from organizations.activity import EVERYTHING, Criteria
from organizations.audit import Actor, NewEntry
from organizations.models import AuditChain, AuditEntry

WORKER = Actor.worker()


def test_the_log_is_read_in_pages_by_position(cast):
    audit.record_many(cast.organization, [NewEntry(WORKER, "token.served", object_id=str(n)) for n in range(25)])
    first = activity.newest_first(cast.organization, EVERYTHING, before=None, limit=10)
    second = activity.newest_first(cast.organization, EVERYTHING, before=first[-1].position, limit=10)
    assert [entry.object_id for entry in first + second] == [str(n) for n in range(24, 4, -1)]


def test_the_log_can_be_narrowed_to_actions_and_actors(cast):
    alice = Actor.for_user(cast.alice)
    audit.record(cast.organization, alice, "credential.created", object_type="credential", object_id="7")
    audit.record(cast.organization, WORKER, "credential.authorized", object_type="credential", object_id="7")
    audit.record(cast.organization, WORKER, "token.refreshed")

    def actions(**narrowed):
        return [
            row.action for row in activity.newest_first(cast.organization, Criteria(**narrowed), before=None, limit=10)
        ]

    assert actions(action="credential") == ["credential.authorized", "credential.created"]
    assert actions(action="credential.created") == ["credential.created"]
    assert actions(actor=("worker", "")) == ["token.refreshed", "credential.authorized"]
    assert actions(actor=("user", str(cast.alice.pk))) == ["credential.created"]
    about = AuditEntry.objects.of(cast.organization).about("credential", 7)
    assert about.count() == 2


@pytest.fixture
def days(cast, monkeypatch):
    """Forty entries, one a day; the first is of the first of March 2026, noon."""
    begun = datetime(2026, 3, 1, 12, tzinfo=UTC)
    before = AuditChain.objects.get(pk=cast.organization.pk).position
    for number in range(40):
        monkeypatch.setattr(timezone, "now", lambda number=number: begun + timedelta(days=number))
        audit.record(cast.organization, WORKER, "token.served", object_id=str(number))
    monkeypatch.undo()
    AuditChain.objects.filter(pk=cast.organization.pk).update(archived=before)  # what the cast did is of today
    return cast.organization


def found(organization, **criteria):
    entries = activity.oldest_first(organization, Criteria(action="token.served", **criteria))
    return [int(entry.object_id) for entry in entries]


def on(day, hour=0):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_a_date_narrows_to_the_moment(days):
    assert found(days, since=on(5), until=on(8)) == [4, 5, 6]
    assert found(days, since=on(5, 12), until=on(8, 12)) == [4, 5, 6]
    assert found(days, since=on(5, 13)) == list(range(5, 40))
    assert found(days, until=on(1)) == []
    assert found(days, since=on(1) + timedelta(days=60)) == []
    assert found(days) == list(range(40))


@pytest.mark.parametrize("end", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_are_dates_like_others(days, end):
    assert found(days, since=end) in ([], list(range(40)))
    assert found(days, until=end) in ([], list(range(40)))


def test_clocks_of_machines_may_differ_by_minutes(days, monkeypatch):
    """The entry of a machine whose clock is late stands behind those that it seems to come before."""
    monkeypatch.setattr(timezone, "now", lambda: on(8) + timedelta(days=32, hours=11, minutes=55))
    audit.record(days, WORKER, "token.served", object_id="40")
    monkeypatch.undo()
    assert found(days, since=on(8) + timedelta(days=32, hours=11, minutes=58)) == [39]
    assert found(days, since=on(8) + timedelta(days=32, hours=11, minutes=50)) == [39, 40]
    assert found(days, until=on(8) + timedelta(days=32, hours=11, minutes=58))[-2:] == [38, 40]


def test_a_date_costs_as_many_questions_as_the_chain_has_binary_digits(days, django_assert_max_num_queries):
    with django_assert_max_num_queries(1 + 6 + 2):  # the chain, 40 entries, the page and the one after it
        assert found(days, since=on(20))[0] == 19


def test_everything_is_read_in_batches(days, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(activity, "BATCH", 15)
    with django_assert_num_queries(3 + 1):
        positions = [entry.position for entry in activity.oldest_first(days, Criteria(action="token.served"))]
    assert positions == sorted(positions)
    assert len(positions) == 40
    some = list(activity.oldest_first(days, up_to=positions[9]))
    assert some[-1].position == positions[9]
    assert len(list(activity.oldest_first(None))) == AuditEntry.objects.of(None).count()
