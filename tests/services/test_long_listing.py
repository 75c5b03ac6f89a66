"""The list of an organization with more credentials than are counted: the same as in a short one, at the same cost."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services import listing
from credentials.services.listing import PAGE, SORTS, Query, page
from credentials.services.name_search import candidates_by_name
from tests.support.credentials import give_token, make_credential
from tests.support.people import Cast
from tests.support.plans import steps

pytestmark = pytest.mark.django_db

MOST = 100
LENGTH = 160


@pytest.fixture
def long_list(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of `LENGTH` credentials in their order. Every third was never used, every fourth is of another type."""
    monkeypatch.setattr(listing, "MOST", MOST)
    sample = make_credential(cast.organization, "Sample")
    rows = [
        Credential(
            organization=cast.organization,
            account=cast.account,
            name=f"Order {number:04} at Noon",
            kind="oauth2" if number % 4 else "basic",
            payload=sample.payload,
            secrets=sample.secrets,
            last_used_at=timezone.now() if number % 3 else None,
        )
        for number in range(LENGTH)
    ]
    Credential.objects.bulk_create(rows)
    sample.delete()
    return [row.name for row in rows]


def names(cast: Cast, **query: str) -> list[str]:
    return [row.name for row in page(cast.organization, Query(**query)).rows]


def test_what_is_more_than_is_counted_is_called_more(cast: Cast, long_list: list[str]) -> None:
    found = page(cast.organization, Query())
    assert (found.total, found.is_more) == (MOST, True)
    Credential.objects.filter(name__gt=long_list[MOST - 1]).delete()
    found = page(cast.organization, Query())
    assert (found.total, found.is_more) == (MOST, False)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    ("filtered", "count"), [({}, 160), ({"kind": "oauth2"}, 120), ({"status": "active"}, 160), ({"text": "order"}, 160)]
)
def test_walking_forward_and_back_shows_every_row_once(
    cast: Cast, long_list: list[str], sort: str, filtered: dict[str, str], count: int
) -> None:
    seen: list[list[str]] = []
    found = page(cast.organization, Query(sort=sort, **filtered))
    while True:
        seen.append([row.name for row in found.rows])
        if not found.after:
            break
        found = page(cast.organization, Query(sort=sort, after=found.after, **filtered))
    flat = [name for rows in seen for name in rows]
    assert len(flat) == len(set(flat)) == count
    assert [len(rows) for rows in seen[:-1]] == [PAGE] * (len(seen) - 1)
    for expected in reversed(seen[:-1]):
        found = page(cast.organization, Query(sort=sort, before=found.before, **filtered))
        assert [row.name for row in found.rows] == expected


def test_the_order_by_use_goes_on_from_the_used_to_the_never_used(cast: Cast, long_list: list[str]) -> None:
    Credential.objects.exclude(name__in=long_list[:30]).delete()
    found = page(cast.organization, Query(sort="used"))
    following = page(cast.organization, Query(sort="used", after=found.after))
    used = [row.last_used_at is not None for row in [*found.rows, *following.rows]]
    assert used == [True] * 20 + [False] * 10


def test_a_part_of_a_name_is_found_among_many(cast: Cast, long_list: list[str]) -> None:
    assert names(cast, text="0142 AT n") == ["Order 0142 at Noon"]
    assert names(cast, text="nothing like it") == []
    assert names(cast, text='" OR "noon') == []
    assert names(cast, text="99") == [name for name in long_list if "99" in name]
    assert page(cast.organization, Query(text="noon")).is_more


def test_a_search_looks_into_the_index_where_there_are_many(cast: Cast, long_list: list[str]) -> None:
    """It would find as much without it, so this says that it is asked at all."""
    wanted = Credential.objects.get(name="Order 0142 at Noon")
    assert candidates_by_name(cast.organization.pk, "0142", most=MOST) == [wanted.pk]
    assert candidates_by_name(cast.organization.pk, "noon", most=MOST) is None
    assert candidates_by_name(cast.organization.pk, "14", most=MOST) is None
    assert candidates_by_name(cast.other_organization.pk, "0142", most=MOST) is None


def test_what_is_renamed_added_or_deleted_is_found_as_it_is_now(cast: Cast, long_list: list[str]) -> None:
    """A migration that makes SQLite build a new table loses the triggers: see 0006_search_by_part_of_a_name."""
    renamed = Credential.objects.get(name="Order 0007 at Noon")
    renamed.name = "Invoices"
    renamed.save()
    assert names(cast, text="0007") == []
    assert names(cast, text="voice") == ["Invoices"]
    make_credential(cast.organization, "Another voice")
    assert names(cast, text="voice") == ["Another voice", "Invoices"]
    Credential.objects.filter(name__contains="nvoice").delete()
    assert names(cast, text="voice") == ["Another voice"]
    Credential.objects.filter(name="Another voice").update(name="Quiet")
    assert names(cast, text="voice") == []
    assert names(cast, text="quiet") == ["Quiet"]


def test_another_organizations_names_are_not_found(cast: Cast, long_list: list[str]) -> None:
    make_credential(cast.other_organization, "Project Manhattan")
    assert names(cast, text="manhattan") == []


def test_what_is_expiring_is_found_among_many(cast: Cast, long_list: list[str]) -> None:
    ending, failing = Credential.objects.filter(name__in=long_list[5:7]).order_by("name")
    Credential.objects.filter(pk=ending.pk).update(expires_at=timezone.now())
    give_token(failing, failures=1)
    assert names(cast, status="expiring") == long_list[5:7]
    assert names(cast, status="expiring", text="0006") == [failing.name]
    assert names(cast, status="active")[:6] == [*long_list[:5], long_list[7]]


def test_so_many_are_expiring_that_they_are_more(cast: Cast, long_list: list[str]) -> None:
    Credential.objects.update(expires_at=timezone.now())
    found = page(cast.organization, Query(status="expiring", sort="-name"))
    assert found.is_more
    assert found.rows[0].name == long_list[-1]
    assert names(cast, status="active") == []


def test_a_few_that_differ_are_found_among_many(cast: Cast, long_list: list[str]) -> None:
    Credential.objects.filter(name=long_list[120]).update(status=Status.FAILED)
    for query in ({"status": "failed"}, {"status": "failed", "kind": "basic"}, {"status": "failed", "text": "noon"}):
        for sort in SORTS:
            assert names(cast, sort=sort, **query) == [long_list[120]]


def costs(cast: Cast, queries: Iterable[Query]) -> list[int]:
    found = []
    for query in queries:
        with CaptureQueriesContext(connection) as taken:
            page(cast.organization, query)
        found.append(len(taken))
    return found


QUERIES = [
    Query(sort=sort, text=text, kind=kind, status=status)
    for sort in ("name", "used")
    for text in ("", "noon", "0142")
    for kind in ("", "oauth2")
    for status in ("", "active", "expiring", "failed")
]


def test_what_has_failed_is_asked_of_the_indexes_that_know_it(cast: Cast, long_list: list[str]) -> None:
    planned = steps(lambda: page(cast.organization, Query(status=Status.FAILED, sort="used")))
    assert any("credential_by_status" in step for step in planned)
    assert any("credential_deactivated" in step for step in planned)
    assert not [step for step in planned if "credential_organization_id" in step]


def test_the_number_of_queries_has_a_bound(cast: Cast, long_list: list[str]) -> None:
    """Three more find out who asks and where: ten in all."""
    Credential.objects.filter(name__in=long_list[:40]).update(status=Status.FAILED)
    assert max(costs(cast, QUERIES)) <= 7


def deep(cast: Cast, query: Query) -> list[Query]:
    """The same for the second and the third page, and back from there; as far as there are any."""
    pages: list[Query] = []
    found = page(cast.organization, query)
    for _ in range(2):
        if found.after:
            pages.append(replace(query, after=found.after))
            found = page(cast.organization, pages[-1])
            pages.append(replace(query, before=found.before))
    return pages


def test_no_deep_page_takes_more_queries_than_the_first_may(cast: Cast, long_list: list[str]) -> None:
    Credential.objects.filter(name__in=long_list[:40]).update(status=Status.FAILED)
    pages = [each for query in QUERIES for each in deep(cast, query)]
    assert len(pages) > len(QUERIES)
    assert max(costs(cast, pages)) <= 7


def test_the_number_of_queries_does_not_grow_with_the_organization(cast: Cast, long_list: list[str]) -> None:
    asked = [Query(), Query(sort="newest", kind="oauth2"), Query(status="active")]
    second = page(cast.organization, Query()).after
    asked += [Query(after=second), Query(before=page(cast.organization, Query(after=second)).before)]
    many = costs(cast, asked)
    Credential.objects.filter(name__gt=long_list[60]).delete()
    assert costs(cast, asked) == many


def test_nothing_sealed_leaves_the_database_for_a_list(cast: Cast) -> None:
    give_token(make_credential(cast.organization))
    with CaptureQueriesContext(connection) as taken:
        (row,) = page(cast.organization, Query()).rows
        assert row.token.refresh_at
    asked = " ".join(each["sql"] for each in taken)
    assert "refresh_at" in asked
    for column in ("secrets", "access_token", "refresh_token", "password"):
        assert column not in asked
