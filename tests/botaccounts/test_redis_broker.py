"""A worker outlives a Redis that goes away: closing what is left of its connection fails over nothing."""

import pytest
from kombu import Connection

from botaccounts import celery, redis_broker
from tests.support.databases import Redis

pytestmark = pytest.mark.redis


def test_a_connection_that_was_taken_apart_can_be_closed_with_messages_in_hand(redis_server: Redis) -> None:
    assert celery.app
    connection = Connection(redis_server.url)
    assert isinstance(connection.transport, redis_broker.Transport)
    queue = connection.SimpleQueue("taken")
    queue.put({"id": 1})
    queue.get(timeout=5)
    channel = queue.channel
    assert channel.qos._delivered
    # What kombu does with a connection that has broken off, before its channels are closed.
    connection.transport.client = None
    channel.close()
    assert not channel.qos._delivered


def test_what_was_taken_is_put_back_over_a_connection_that_stands(redis_server: Redis) -> None:
    with Connection(redis_server.url) as connection:
        queue = connection.SimpleQueue("put back")
        queue.put({"id": 2})
        queue.get(timeout=5)
        queue.channel.close()
    with Connection(redis_server.url) as connection:
        assert connection.SimpleQueue("put back").get(timeout=5).payload == {"id": 2}
