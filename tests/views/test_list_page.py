"""The list: filters in the address, pages, statuses with their reason, and rows that cannot be opened."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services import authorize as service
from credentials.services import listing
from organizations.models import AuditEntry
from tests.support.credentials import give_token, make_credential, make_integration
from tests.support.people import Cast
from tests.support.windows import list_url, url, window, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(cast: Cast) -> Client:
    return window(cast.bob)


def rows(page: object) -> list[str]:
    text = page.content.decode()  # type: ignore[attr-defined]
    return [unescape(name) for name in re.findall(r'class="cell-name">\s*<a [^>]*><bdi>(.*?)</bdi>', text)]


def link(page: object, label: str) -> str:
    """The address behind a link of the pager; "" where there is none."""
    text = page.content.decode()  # type: ignore[attr-defined]
    for address, inside in re.findall(r'<a [^>]*href="(\?[^"]*)"[^>]*>(.*?)</a>', text, re.DOTALL):
        if label in inside:
            return unescape(address)
    return ""


def test_filters_sort_and_page_stand_in_the_address(bob: Client, cast: Cast) -> None:
    for number in range(60):
        make_credential(cast.organization, f"Order {number:02}")
    make_credential(cast.organization, "Stock", status=Status.FAILED)
    start = list_url(cast.organization)
    address = "?q=order&type=oauth2&status=active&sort=-name"
    first = bob.get(start + address)
    assert rows(first)[0] == "Order 59"
    following = link(first, "Next")
    for part in ("q=order", "type=oauth2", "status=active", "sort=-name", "after="):
        assert part in following
    second = bob.get(start + following)
    assert rows(second)[0] == "Order 34"
    assert rows(bob.get(start + following)) == rows(second)
    back = bob.get(start + link(second, "Previous"))
    assert rows(back) == rows(first)
    assert "60 credentials" in words(first)


def test_a_mangled_address_still_shows_a_list(bob: Client, cast: Cast) -> None:
    make_credential(cast.organization)
    start = list_url(cast.organization)
    for address in (
        "?sort=evil&status=no&type=x",
        "?after=%00",
        "?before=AAAA",
        "?q=" + "x" * 300,
        "?q=%00",
        "?after=%FF&q=",
    ):
        page = bob.get(start + address)
        assert page.status_code == 200
        assert rows(page) == ["Orders"]


def test_nothing_yet_and_nothing_matches_are_two_different_pages(bob: Client, cast: Cast) -> None:
    start = list_url(cast.organization)
    empty = words(bob.get(start))
    assert "No credentials yet" in empty
    assert "Nothing matches" not in empty
    make_credential(cast.organization)
    page = bob.get(start + "?q=nothing+like+it")
    assert "Nothing matches" in words(page)
    assert "Clear filters" in words(page)
    assert f'href="{start}"' in page.content.decode()


def test_each_status_is_an_icon_a_word_and_a_reason(bob: Client, cast: Cast) -> None:
    soon = timezone.now() + timedelta(days=2)
    give_token(make_credential(cast.organization, "1 works"))
    make_credential(cast.organization, "2 ends", expires_at=soon)
    failing = make_credential(cast.organization, "3 fails to renew")
    give_token(failing, failures=1, last_error="the resource did not answer in time")
    revoked = {"status_code": "invalid_grant", "status_reason": "the resource says that the grant was revoked"}
    make_credential(cast.organization, "4 revoked", status=Status.NEEDS_AUTHORIZATION, **revoked)
    make_credential(cast.organization, "5 new", status=Status.NEEDS_AUTHORIZATION, status_code="not_authorized")
    text = bob.get(list_url(cast.organization)).content.decode()
    shown = [
        " ".join(re.sub(r"<[^>]*>", " ", cell).split())
        for cell in re.findall(r'class="cell-status">(.*?)</td>', text, re.DOTALL)
    ]
    assert shown == [
        "Active",
        "Expiring access ends soon and does not renew itself; authorize it again in time",
        "Expiring renewing it failed and is tried again: the resource did not answer in time",
        "Needs authorization the resource says that the grant was revoked, just now",
        "Needs authorization it has not been authorized yet",
    ]
    cells = re.findall(r'class="cell-status">(.*?)</td>', text, re.DOTALL)
    assert all("<svg" in cell for cell in cells)
    assert "status-idle" in cells[4]
    assert "status-warn" in cells[3]


def test_use_and_expiry_are_told(bob: Client, cast: Cast) -> None:
    used = make_credential(cast.organization, last_used_at=timezone.now() - timedelta(minutes=3))
    make_integration(cast.organization, "https://api.example.com/", credential=used)
    page = bob.get(list_url(cast.organization))
    assert "3 minutes ago" in words(page)
    assert "1 integration" in words(page)


def test_the_menu_is_for_those_who_manage_credentials(cast: Cast) -> None:
    credential = make_credential(cast.organization)
    for user, may in ((cast.alice, True), (cast.bob, True), (cast.dana, False), (cast.vic, False)):
        page = window(user).get(list_url(cast.organization)).content.decode()
        assert (url("edit", credential) in page) == may
        assert (url("delete", credential) in page) == may
        assert (url("authorize", credential) in page) == may


def test_an_outsider_finds_no_list(cast: Cast) -> None:
    assert window(cast.charlie).get(list_url(cast.organization)).status_code == 404


def count(client: Client, cast: Cast) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(list_url(cast.organization)).status_code == 200
    return len(queries)


def test_sixty_rows_cost_as_many_queries_as_one(bob: Client, cast: Cast) -> None:
    give_token(make_credential(cast.organization, "First"))
    bob.get(list_url(cast.organization))
    few = count(bob, cast)
    for number in range(60):
        author = User.objects.create(username=f"author-{number}")
        made = make_credential(cast.organization, f"Order {number}", created_by=author, updated_by=author)
        give_token(made)
        make_integration(cast.organization, "https://api.example.com/", credential=made, name=f"call {number}")
    assert count(bob, cast) == few
    assert few <= 10


ADDRESSES = [
    "",
    "?sort=used",
    "?q=order",
    "?q=order+1&sort=unused&type=oauth2",
    "?status=expiring&sort=used",
    "?status=active&type=oauth2&q=ord&sort=newest",
    "?status=failed",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_search_or_filter_takes_more_than_ten_queries(
    bob: Client, cast: Cast, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST", 20)
    for number in range(30):
        make_credential(cast.organization, f"Order {number}")
    with CaptureQueriesContext(connection) as few:
        assert bob.get(list_url(cast.organization) + address).status_code == 200
    for number in range(30, 90):
        make_credential(cast.organization, f"Order {number}")
    with CaptureQueriesContext(connection) as many:
        assert bob.get(list_url(cast.organization) + address).status_code == 200
    assert len(many) <= len(few) <= 10


@pytest.mark.parametrize("way", [["Next"], ["Next", "Next"], ["Next", "Next", "Previous"]], ids="-".join)
@pytest.mark.parametrize("address", [each for each in ADDRESSES if "expiring" not in each and "failed" not in each])
def test_a_deep_page_takes_no_more_queries_than_that_either(
    bob: Client, cast: Cast, address: str, way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST", 20)
    for number in range(100):
        make_credential(cast.organization, f"Order {number + 100}")
    start = list_url(cast.organization)
    for label in way:
        address = link(bob.get(start + address), label)
    assert ("before=" if way[-1] == "Previous" else "after=") in address
    with CaptureQueriesContext(connection) as few:
        assert bob.get(start + address).status_code == 200
    for number in range(60):
        make_credential(cast.organization, f"Order {number + 200}")
    with CaptureQueriesContext(connection) as many:
        assert bob.get(start + address).status_code == 200
    assert len(many) <= len(few) <= 10


def test_more_than_is_counted_is_called_more(bob: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST", 3)
    for number in range(4):
        make_credential(cast.organization, f"Order {number}")
    assert "More than 3 credentials" in words(bob.get(list_url(cast.organization)))
    assert "1 credential " in words(bob.get(list_url(cast.organization) + "?q=order+2"))


def test_a_search_leaves_an_address_that_can_be_shared(bob: Client, cast: Cast) -> None:
    start = list_url(cast.organization)
    asked = "?q=a+%26+b&type=&status=failed&sort=name"
    assert bob.get(start + asked, headers={"HX-Request": "true"})["HX-Push-Url"] == f"{start}?q=a+%26+b&status=failed"
    assert bob.get(f"{start}?q=&sort=name", headers={"HX-Request": "true"})["HX-Push-Url"] == start
    assert "HX-Push-Url" not in bob.get(start + asked)


@pytest.fixture
def swapped(cast: Cast) -> tuple[Credential, Credential, Credential]:
    """Two rows whose ciphertexts somebody has exchanged, and one that is whole."""
    one, two, whole = (make_credential(cast.organization, name) for name in ("One", "Two", "Whole"))
    Credential.objects.filter(pk=one.pk).update(secrets=two.secrets)
    Credential.objects.filter(pk=two.pk).update(secrets=one.secrets)
    return one, two, whole


def test_promise_26_the_list_opens_though_ciphertexts_were_swapped(
    bob: Client, cast: Cast, swapped: tuple[Credential, Credential, Credential]
) -> None:
    assert rows(bob.get(list_url(cast.organization))) == ["One", "Two", "Whole"]
    for credential in swapped:
        assert bob.get(url("detail", credential)).status_code == 200


def test_promise_26_only_the_swapped_rows_fail_and_that_is_audited_and_said(
    bob: Client, cast: Cast, swapped: tuple[Credential, Credential, Credential], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.wake, "exchange", lambda authorization_id: None)
    one, _, whole = swapped
    answer = bob.post(url("authorize", one))
    assert answer["Location"] == url("detail", one)
    page = words(bob.get(answer["Location"]))
    assert "The stored secrets cannot be opened" in page
    assert "Failed" in page
    entry = AuditEntry.objects.get(object_id=str(one.pk), action="authorization.failed")
    assert (entry.outcome, entry.details) == ("failed", {"error": "secrets_unreadable"})
    assert "/authorizations/" in bob.post(url("authorize", whole))["Location"]


def test_promise_26_the_swapped_rows_can_be_replaced_or_deleted(
    bob: Client, cast: Cast, swapped: tuple[Credential, Credential, Credential]
) -> None:
    one, two, _ = swapped
    form = {"name": "One", "version": 1, **one.payload, "client_secret": "entered again"}
    assert bob.post(url("edit", one), form).status_code == 303
    one.refresh_from_db()
    assert one.open_secrets() == {"client_secret": "entered again"}
    assert bob.post(url("delete", two)).status_code == 303
    assert rows(bob.get(list_url(cast.organization))) == ["One", "Whole"]
