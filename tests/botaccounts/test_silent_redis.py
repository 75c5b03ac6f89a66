"""A Redis that accepts connections and never answers holds nobody up: neither as the cache nor as the queue."""

import runpy
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from django.core.cache.backends.redis import RedisCache
from django.test import Client
from redis.exceptions import TimeoutError as RedisTimeout

from credentials.api import limit
from credentials.services import id_tokens, wake
from tests.support.identity import ALICE, id_token, make_provider
from tests.support.journeys import token_server
from tests.support.lying_server import LyingServer
from tests.support.people import Cast
from tests.support.processes import ROOT

__all__ = ["token_server"]

# Seconds that a request may be held up by one question to Redis, at the most.
AT_MOST = 5
# What the tests wait instead.
SHORT = 0.1

pytestmark = pytest.mark.timeout(30)  # without a timeout of its own each of these would wait for ever


@pytest.fixture
def silent() -> Iterator[str]:
    """REDIS_URL of one where the kernel accepts for a process that never reads."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def settings_with_redis(silent: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the settings say where REDIS_URL is that one, with shorter waits than they have."""
    monkeypatch.setenv("REDIS_URL", silent)
    found = runpy.run_path(str(ROOT / "botaccounts" / "settings.py"))
    for options in (found["CACHES"]["default"]["OPTIONS"], found["CELERY_BROKER_TRANSPORT_OPTIONS"]):
        assert 0 < options["socket_connect_timeout"] <= AT_MOST
        assert 0 < options["socket_timeout"] <= AT_MOST
        options["socket_timeout"] = SHORT
    return found


@pytest.fixture
def silent_cache(settings_with_redis: dict[str, Any], settings: Any) -> RedisCache:
    chosen = settings_with_redis["CACHES"]["default"]
    settings.REDIS_URL = chosen["LOCATION"]
    return RedisCache(chosen["LOCATION"], {"OPTIONS": chosen["OPTIONS"]})


def test_the_cache_gives_up(silent_cache: RedisCache) -> None:
    with pytest.raises(RedisTimeout):
        silent_cache.get("anything")


@pytest.mark.django_db
def test_a_wrong_token_is_refused_without_being_counted(
    silent_cache: RedisCache, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "cache", silent_cache)
    answer = client.get("/api/v1/credentials", headers={"Authorization": "Bearer bat_wrong"})
    assert answer.status_code == 401


def test_a_message_is_left_to_the_sweep(
    settings_with_redis: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    queue = Celery("silent", set_as_current=False, broker=settings_with_redis["CELERY_BROKER_URL"])
    queue.conf.update(
        broker_transport_options=settings_with_redis["CELERY_BROKER_TRANSPORT_OPTIONS"],
        task_publish_retry=settings_with_redis["CELERY_TASK_PUBLISH_RETRY"],
    )
    monkeypatch.setattr(wake, "current_app", queue)
    assert not wake._send("credentials.tasks.exchange_code", uuid.uuid4())
    assert "The queue is not reachable" in caplog.text


@pytest.mark.django_db
def test_a_provider_s_keys_are_fetched_where_they_cannot_be_kept(
    silent_cache: RedisCache, cast: Cast, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(id_tokens, "cache", silent_cache)
    provider = make_provider(cast.account, token_server)
    assert id_tokens.verify(provider, id_token(provider.issuer), nonce=None).subject == ALICE
    assert [request.path for request in token_server.requests] == ["/jwks"]
