"""Promise 32: wrong service tokens are limited by the address that they come from."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from redis.exceptions import ConnectionError as RedisIsDown

from credentials.api import limit
from organizations import service_tokens
from tests.api.conftest import Caller
from tests.api.test_door import assert_refused
from tests.support.credentials import give_token, make_credential
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def half_a_minute(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing counted, and the clock stands still in the middle of a minute."""
    cache.clear()
    monkeypatch.setattr(limit.time, "time", lambda: 1_800_000_030.0)
    yield
    cache.clear()


def try_with(token: str, address: str = "203.0.113.7", **headers: str) -> Any:
    headers = {"Authorization": f"Bearer {token}", **headers}
    return Client().get("/api/v1/credentials", headers=headers, REMOTE_ADDR=address)


def use_up(address: str = "203.0.113.7") -> None:
    for _ in range(limit.WRONG_TOKENS):
        assert try_with(service_tokens.mint(), address).status_code == 401


@pytest.mark.parametrize("wrong", ["bat_nonsense", service_tokens.mint()], ids=["malformed", "never issued"])
def test_promise_32_after_twenty_wrong_tokens_in_a_minute_the_next_is_told_to_wait(wrong: str) -> None:
    use_up()
    answer = try_with(wrong)
    assert_refused(answer, 429, "too_many_requests")
    assert answer["Retry-After"] == "30"


def test_a_token_request_counts_like_any_other_call(bot: Caller, cast: Cast) -> None:
    use_up("127.0.0.1")
    wrong = Caller(bot.row, service_tokens.mint(), bot.client)
    assert_refused(wrong.post(f"credentials/{make_credential(cast.organization).pk}/token"), 429, "too_many_requests")


def test_promise_32_a_forged_forwarding_header_is_no_way_around(bot: Caller) -> None:
    use_up()
    for forged in ("198.51.100.1", "198.51.100.2"):
        assert try_with("bat_x", **{"X-Forwarded-For": forged, "X-Real-IP": forged}).status_code == 429
    assert try_with("bat_x", "198.51.100.1").status_code == 401


def test_a_right_token_is_served_whatever_others_behind_the_address_send(bot: Caller, cast: Cast) -> None:
    credential = make_credential(cast.organization)
    give_token(credential)
    use_up("127.0.0.1")
    assert try_with("bat_x", "127.0.0.1").status_code == 429
    assert bot.get("credentials").status_code == 200
    assert bot.post(f"credentials/{credential.pk}/token").status_code == 200


def test_right_tokens_are_not_counted(bot: Caller) -> None:
    for _ in range(limit.WRONG_TOKENS + 5):
        assert bot.get("credentials").status_code == 200
    assert try_with("bat_x", "127.0.0.1").status_code == 401


def test_a_minute_later_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    use_up()
    monkeypatch.setattr(limit.time, "time", lambda: 1_800_000_060.0)
    assert try_with("bat_x").status_code == 401


def test_the_addresses_of_one_ipv6_network_are_one(bot: Caller) -> None:
    use_up("2001:db8:1:2::1")
    assert try_with("bat_x", "2001:db8:1:2:ffff::9").status_code == 429
    assert try_with("bat_x", "2001:db8:1:3::1").status_code == 401


@pytest.mark.parametrize(
    ("address", "counted"),
    [("203.0.113.7", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7"), ("", "unknown"), ("unix:", "unknown")],
)
def test_an_address_is_counted_once_however_it_is_written(address: str, counted: str) -> None:
    assert limit.neighbourhood(address) == counted


def test_a_request_without_a_token_is_no_wrong_token() -> None:
    for _ in range(limit.WRONG_TOKENS + 1):
        assert Client().get("/api/v1/credentials").status_code == 401


def test_where_the_counter_is_down_wrong_tokens_are_still_refused(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    def down(*args: object) -> None:
        raise RedisIsDown("connection refused")

    monkeypatch.setattr(cache, "add", down)
    assert_refused(try_with("bat_x"), 401, "unauthorized")
