"""The list of credentials: what matches, in which order, page by page."""

import base64
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services.listing import PAGE, SORTS, Query, key, page
from tests.support.credentials import give_token, make_credential, make_integration
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


def names(cast: Cast, **query: str) -> list[str]:
    return [row.name for row in page(cast.organization, Query(**query)).rows]


def make_many(cast: Cast, count: int) -> list[str]:
    """Names in order. Two neighbours each were created in the same moment, and half of all were never used."""
    start = timezone.now() - timedelta(days=100)
    template = make_credential(cast.organization, "Credential 000")
    rows = [
        Credential(
            organization=cast.organization,
            account=cast.account,
            name=f"Credential {number:03}",
            kind="oauth2",
            payload=template.payload,
            secrets=template.secrets,
        )
        for number in range(1, count)
    ]
    Credential.objects.bulk_create(rows)
    for number, row in enumerate(Credential.objects.order_by("name")):
        moment = start + timedelta(hours=number // 2)
        Credential.objects.filter(pk=row.pk).update(
            created_at=moment, last_used_at=moment if number * 7 % 4 < 2 else None
        )
    return [f"Credential {number:03}" for number in range(count)]


def walk(cast: Cast, sort: str) -> list[list[str]]:
    """The pages from the first to the last."""
    pages, found = [], page(cast.organization, Query(sort=sort))
    while True:
        pages.append([row.name for row in found.rows])
        if not found.after:
            return pages
        found = page(cast.organization, Query(sort=sort, after=found.after))


@pytest.mark.parametrize("sort", SORTS)
def test_walking_forward_shows_every_row_once(cast: Cast, sort: str) -> None:
    made = make_many(cast, 60)
    pages = walk(cast, sort)
    assert [len(rows) for rows in pages] == [PAGE, PAGE, 10]
    assert sorted(name for rows in pages for name in rows) == made


@pytest.mark.parametrize("sort", SORTS)
def test_walking_back_shows_the_same_pages(cast: Cast, sort: str) -> None:
    make_many(cast, 60)
    forward = walk(cast, sort)
    found = page(cast.organization, Query(sort=sort))
    while found.after:
        found = page(cast.organization, Query(sort=sort, after=found.after))
    back = [[row.name for row in found.rows]]
    while found.before:
        found = page(cast.organization, Query(sort=sort, before=found.before))
        back.insert(0, [row.name for row in found.rows])
        assert found.after
    assert back == forward


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["apple", "Banana", "cherry", "Zebra"]),
        ("-name", ["Zebra", "cherry", "Banana", "apple"]),
        ("newest", ["cherry", "Zebra", "apple", "Banana"]),
        ("oldest", ["Banana", "apple", "Zebra", "cherry"]),
        ("used", ["Banana", "apple", "Zebra", "cherry"]),
        ("unused", ["cherry", "Zebra", "apple", "Banana"]),
        ("nonsense", ["apple", "Banana", "cherry", "Zebra"]),
    ],
)
def test_the_order_is_the_one_that_was_asked_for(cast: Cast, sort: str, expected: list[str]) -> None:
    for days, name in enumerate(["cherry", "Zebra", "apple", "Banana"]):
        now = timezone.now()
        used = {"last_used_at": now + timedelta(days=days)} if days else {}  # the first one never
        made = make_credential(cast.organization, name, **used)
        Credential.objects.filter(pk=made.pk).update(created_at=now - timedelta(days=days))
    assert names(cast, sort=sort) == expected


def test_rows_that_come_and_go_between_two_pages_shift_nothing(cast: Cast) -> None:
    make_many(cast, 60)
    first = page(cast.organization, Query())
    make_credential(cast.organization, "AAA")
    Credential.objects.filter(name="Credential 003").delete()
    Credential.objects.filter(name="Credential 024").delete()
    assert names(cast, after=first.after)[0] == "Credential 025"


def test_a_page_whose_rows_are_all_gone_is_the_first_one(cast: Cast) -> None:
    make_many(cast, 60)
    second = page(cast.organization, Query(after=page(cast.organization, Query()).after))
    Credential.objects.filter(name__gte="Credential 050").delete()
    found = page(cast.organization, Query(after=second.after))
    assert found.rows[0].name == "Credential 000"
    assert found.before == ""


def mangled() -> list[str]:
    a_row = "0" * 32
    plain = ["", "x", a_row, a_row[:31] + "g", f"{a_row}2026-01-01T00:00:00", f"{a_row}0001-01-01T00:00:00+14:00"]
    plain += [f"{a_row}9999-12-31T23:59:59-14:00", f"{a_row}\x00", "\x00", f"{a_row}not a moment"]
    keys = [base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in plain]
    return [*keys, "!!!", "ÿ", "A", "%00", base64.urlsafe_b64encode(b"\xff\xfe").decode(), "A" * 5000, "../.."]


@pytest.mark.parametrize("text", mangled())
@pytest.mark.parametrize("sort", SORTS)
def test_a_mangled_key_shows_a_page_and_fails_nothing(cast: Cast, text: str, sort: str) -> None:
    make_credential(cast.organization)
    for query in (Query(sort=sort, after=text), Query(sort=sort, before=text)):
        assert [row.name for row in page(cast.organization, query).rows] == ["Orders"]


def test_a_key_that_means_nothing_does_not_pretend_that_there_is_a_page_before(cast: Cast) -> None:
    make_many(cast, 30)
    for query in (Query(after="mangled!"), Query(before="mangled!")):
        found = page(cast.organization, query)
        assert found.rows[0].name == "Credential 000"
        assert (found.before, bool(found.after)) == ("", True)


def test_a_key_of_another_organization_leads_nowhere_else(cast: Cast) -> None:
    theirs = make_credential(cast.other_organization, "Secret project")
    theirs = page(cast.other_organization, Query()).rows[0]
    make_credential(cast.organization, "Zebra")
    assert names(cast, after=key(theirs, "lower_name")) == ["Zebra"]


def test_only_the_organizations_own_are_listed(cast: Cast) -> None:
    make_credential(cast.organization, "Mine")
    make_credential(cast.other_organization, "Theirs")
    found = page(cast.organization, Query())
    assert [row.name for row in found.rows] == ["Mine"]
    assert found.total == 1


@pytest.fixture
def of_every_state(cast: Cast) -> Sequence[Credential]:
    """One of each status, and the ways to be expiring."""
    soon, late = timezone.now() + timedelta(days=2), timezone.now() + timedelta(days=20)
    make_credential(cast.organization, "active")
    give_token(make_credential(cast.organization, "active with token"))
    make_credential(cast.organization, "active for long", expires_at=late)
    make_credential(cast.organization, "expiring", expires_at=soon)
    give_token(make_credential(cast.organization, "expiring while renewal fails"), failures=2)
    make_credential(cast.organization, "needs", status=Status.NEEDS_AUTHORIZATION, expires_at=soon)
    make_credential(cast.organization, "authorizing", status=Status.AUTHORIZING)
    return [make_credential(cast.organization, "failed", status=Status.FAILED)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", ["active", "active for long", "active with token"]),
        ("expiring", ["expiring", "expiring while renewal fails"]),
        ("needs_authorization", ["needs"]),
        ("authorizing", ["authorizing"]),
        ("failed", ["failed"]),
    ],
)
def test_a_status_finds_what_shows_it(
    cast: Cast, of_every_state: Sequence[Credential], status: str, expected: list[str]
) -> None:
    assert names(cast, status=status) == expected
    assert page(cast.organization, Query(status=status)).total == len(expected)


def test_search_finds_part_of_a_name_whatever_its_case(cast: Cast) -> None:
    for name in ("Salesforce Orders", "salesforce stock", "Shop 100%", "under_score"):
        make_credential(cast.organization, name)
    assert names(cast, text="SALESFORCE") == ["Salesforce Orders", "salesforce stock"]
    assert names(cast, text="%") == ["Shop 100%"]
    assert names(cast, text="_") == ["under_score"]
    assert names(cast, text="'; DROP TABLE") == []


def test_search_type_and_status_hold_together_and_across_pages(cast: Cast) -> None:
    make_many(cast, 60)
    Credential.objects.filter(name__endswith="1").update(status=Status.FAILED)
    Credential.objects.filter(name="Credential 041").update(kind="from_the_future")
    assert names(cast, text="credential 0", kind="oauth2", status="failed") == [
        f"Credential 0{tens}1" for tens in (0, 1, 2, 3, 5)
    ]
    found = page(cast.organization, Query(text="credential", kind="oauth2"))
    assert found.total == 59
    assert len(names(cast, text="credential", kind="oauth2", after=found.after)) == PAGE


def test_each_row_says_how_many_integrations_use_it(cast: Cast) -> None:
    used = make_credential(cast.organization, "used")
    make_credential(cast.organization, "unused")
    for number in range(3):
        make_integration(cast.organization, "https://api.example.com/", credential=used, name=f"call {number}")
    found = page(cast.organization, Query())
    assert {row.name: found.uses.get(row.pk, 0) for row in found.rows} == {"unused": 0, "used": 3}
