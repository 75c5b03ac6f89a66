"""The page of what ends when: for whom, in which order, and at the same cost however much there is."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from credentials.models import Credential, Ending
from organizations import services
from organizations.audit import Actor
from organizations.models import Organization, ServiceToken
from tests.support.credentials import make_credential
from tests.support.people import Cast
from tests.support.windows import window, words

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOSTILE = '"><img src=x onerror=alert(1)>\u202e'


def ends(
    organization: Organization, name: str, days: float, *, what: str = "Client secret", mend: str = "edit"
) -> None:
    credential = Credential.objects.filter(organization=organization, name=name).first()
    Ending.objects.create(
        organization=organization,
        credential=credential or make_credential(organization, name),
        what=what,
        mend=mend,
        ends_at=timezone.now() + days * DAY,
    )


def address(organization: Organization) -> str:
    return f"/organizations/{organization.pk}/expiry/"


def page(client: Client, organization: Organization, query: str = "") -> str:
    answer = client.get(address(organization) + query)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def names(text: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'class="cell-name">\s*<a [^>]*><bdi>(.*?)</bdi>', text)]


def test_what_ends_first_stands_first_with_its_button(cast: Cast) -> None:
    ends(cast.organization, "Later", 100)
    ends(cast.organization, "Ended", -2, what="Access", mend="authorize")
    ends(cast.organization, "Soon", 3)
    text = page(window(cast.bob), cast.organization)
    assert names(text) == ["Ended", "Soon", "Later"]
    assert names(page(window(cast.bob), cast.organization, "?sort=latest")) == ["Later", "Soon", "Ended"]
    soon, ended = (Credential.objects.get(name=name).pk for name in ("Soon", "Ended"))
    assert f'href="/organizations/{cast.organization.pk}/credentials/{soon}/edit/"' in text
    assert f'<form method="post" action="/organizations/{cast.organization.pk}/credentials/{ended}/authorize/">' in text


def test_the_picture_says_the_same_as_the_table_in_words_and_needs_no_script_or_style(cast: Cast) -> None:
    for name, days in (("a", -2), ("b", 0.5), ("c", 6.5), ("d", 20), ("e", 100), ("f", 1000)):
        ends(cast.organization, name, days)
    text = page(window(cast.vic), cast.organization)
    for said in ("1 ended", "2 within 7 days", "1 after that, within 30 days", "2 later"):
        assert f">{said}</a>" in text
    (described,) = re.findall(r"<desc[^>]*>(.*?)</desc>", text)
    assert described == (
        "has ended: 1; in 0 to 1 days: 1; in 5 to 7 days: 1; in 14 to 21 days: 1; in 90 to 120 days: 1; "
        "in more than a year: 1."
    )
    assert text.count('class="ends-bar') == 6
    assert 'role="img"' in text
    assert " style=" not in text


@pytest.mark.parametrize(
    ("within", "found"), [("0", ["Ended"]), ("7", ["Soon"]), ("30", ["Soon", "Near"]), ("nonsense", None), ("-5", None)]
)
def test_the_table_is_narrowed_by_the_address(cast: Cast, within: str, found: list[str] | None) -> None:
    for name, days in (("Ended", -2), ("Soon", 3), ("Near", 20), ("Later", 100)):
        ends(cast.organization, name, days)
    shown = names(page(window(cast.bob), cast.organization, f"?within={within}"))
    assert shown == (found or ["Ended", "Soon", "Near", "Later"])


def test_pages_follow_each_other_without_gap_or_repetition(cast: Cast) -> None:
    for number in range(120):
        ends(cast.organization, f"Order {number:03}", number // 4 + 1.5)
    bob, query, seen = window(cast.bob), "", list[str]()
    for _ in range(3):
        text = page(bob, cast.organization, query)
        seen += names(text)
        following = re.search(r'rel="next" href="(\?[^"]*)"', text)
        query = unescape(following[1]) if following else ""
    assert sorted(seen) == [f"Order {number:03}" for number in range(120)]
    assert query == ""
    assert len(names(page(bob, cast.organization, "?after=nonsense"))) == 50


def test_the_number_of_queries_does_not_grow_with_what_ends(cast: Cast) -> None:
    alice = window(cast.alice)
    ends(cast.organization, "One", 3)
    services.create_service_token(Actor.command("demo"), cast.organization, "Shop", timezone.now() + 3 * DAY)
    page(alice, cast.organization)
    with CaptureQueriesContext(connection) as few:
        page(alice, cast.organization)
    for number in range(30):
        ends(cast.organization, f"Order {number}", number)
    with CaptureQueriesContext(connection) as many:
        assert len(names(page(alice, cast.organization))) == 32
    assert len(few) == len(many) <= 6


def test_service_tokens_are_shown_to_administrators_and_revoked_ones_to_nobody(cast: Cast) -> None:
    stage = Actor.command("demo")
    for name in ("Shop", "Old shop"):
        services.create_service_token(stage, cast.organization, name, timezone.now() + 3 * DAY)
    services.revoke_service_token(stage, ServiceToken.objects.get(name="Old shop"))
    assert names(page(window(cast.alice), cast.organization)) == ["Shop"]
    assert names(page(window(cast.bob), cast.organization)) == []


def test_who_only_looks_has_no_buttons_and_outsiders_no_page(cast: Cast) -> None:
    ends(cast.organization, "Soon", 3)
    text = page(window(cast.vic), cast.organization)
    assert names(text) == ["Soon"]
    assert "btn-sm" not in text.partition("<table")[2]
    assert "/notices/" not in text
    assert "/webhook/" not in text
    assert window(cast.charlie).get(address(cast.organization)).status_code == 404


def test_another_organizations_ends_are_not_shown(cast: Cast) -> None:
    ends(cast.other_organization, "Theirs", 3)
    answer = window(cast.bob).get(address(cast.organization))
    assert "Nothing ends" in words(answer)


def test_nothing_matches_is_not_nothing_at_all(cast: Cast) -> None:
    ends(cast.organization, "Later", 100)
    answer = window(cast.bob).get(address(cast.organization) + "?within=7")
    assert "Nothing matches" in words(answer)
    assert "Clear filters" in words(answer)


def test_a_hostile_name_is_inert(cast: Cast) -> None:
    ends(cast.organization, HOSTILE, 3)
    text = page(window(cast.bob), cast.organization)
    assert "<img" not in text.partition("<main")[2]
    assert names(text) == [HOSTILE]
