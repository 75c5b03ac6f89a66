"""Redis as kombu drives it, except that a worker outlives a Redis that goes away.

When a connection breaks off, kombu closes its channels, and puts back on the queue what the worker had taken and not
done. Where it has taken the connection apart by then, it fails over its own absent parts, in a way that Celery takes
for the end of the worker. There is nothing to put back over no connection: Redis hands the messages out again after a
while, and before that the sweep finds in the database what they would have woken somebody for.
"""

from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    """What was handed to this worker and not acknowledged."""

    def restore_unacked(self, client: Any = None) -> None:
        if getattr(self.channel.connection, "client", None) is not None:
            super().restore_unacked(client=client)
        elif self._delivered:
            self._delivered.clear()


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    """Takes the place of kombu's for redis:// and rediss:// (`botaccounts.celery`)."""

    Channel = Channel
