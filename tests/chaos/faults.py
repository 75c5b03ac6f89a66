"""What can go wrong. A fault strikes while the load is on, lasts for a moment, and is mended; the house recovers after.

To add one: a class with a `name`, and a line in `FAULTS`.
"""

import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import psycopg

from tests.chaos.behaviours import Dripping, Holding, Lying, Resetting, Slow, WithoutRefreshToken
from tests.chaos.holders import group_of
from tests.chaos.house import House
from tests.chaos.resource import Behaviour

FIVE_MINUTES = 300.0


class Fault(ABC):
    """`prepare` comes before the load, `strike` in its middle, `mend` a moment (`lasts`, seconds) later."""

    name: ClassVar[str]
    house: ClassVar[str] = "large"
    is_the_providers: ClassVar[bool] = False
    lasts: ClassVar[float] = 0.4

    def prepare(self, house: House, dice: random.Random) -> None:  # noqa: B027 - most have nothing to prepare
        """Nothing, for most."""

    @abstractmethod
    def strike(self, house: House, dice: random.Random) -> None: ...

    def mend(self, house: House) -> None:  # noqa: B027 - what was killed needs no mending of ours
        """Processes that were killed are started again by whoever supervises them."""


class WorkerKilled(Fault):
    name = "a worker killed"

    def strike(self, house: House, dice: random.Random) -> None:
        house.kill([dice.choice(house.workers)])


class WorkersKilled(Fault):
    name = "all workers killed"

    def strike(self, house: House, dice: random.Random) -> None:
        house.kill(house.workers)


class WebKilled(Fault):
    name = "a web process killed"

    def strike(self, house: House, dice: random.Random) -> None:
        house.kill([dice.choice(house.webs)])


class EverythingKilled(Fault):
    name = "all our processes killed"

    def strike(self, house: House, dice: random.Random) -> None:
        house.kill(house.product.processes)


class KilledWithTheAnswerOnItsWay(Fault):
    """The worst moment: the provider has rotated, and its answer finds nobody."""

    name = "killed after the rotation"

    def __init__(self) -> None:
        self._behaviour = Holding()

    def prepare(self, house: House, dice: random.Random) -> None:
        self._behaviour = Holding()
        house.resource.misbehave(self._behaviour)

    def strike(self, house: House, dice: random.Random) -> None:
        self._behaviour.holds.wait(5)
        groups = {group_of(pid) for pid in house.holders()}
        names = [name for name, server in house.product.processes.items() if server.pid in groups]
        house.kill(names and [dice.choice(names)])

    def mend(self, house: House) -> None:
        house.resource.heal()


class RedisFlushed(Fault):
    name = "Redis flushed"

    def strike(self, house: House, dice: random.Random) -> None:
        assert house.redis is not None
        house.redis.flush()


class RedisStopped(Fault):
    name = "Redis stopped"

    def strike(self, house: House, dice: random.Random) -> None:
        assert house.redis is not None
        house.redis.server.stop()

    def mend(self, house: House) -> None:
        assert house.redis is not None
        house.redis.server.start()


class PostgresRestarted(Fault):
    """Fast shutdown: sessions are ended, what was not committed is rolled back."""

    name = "PostgreSQL restarted"

    def strike(self, house: House, dice: random.Random) -> None:
        assert house.postgres is not None
        house.postgres.server.interrupt(signal.SIGINT)

    def mend(self, house: House) -> None:
        assert house.postgres is not None
        house.postgres.server.start()


class PostgresKilled(PostgresRestarted):
    name = "PostgreSQL killed"

    def strike(self, house: House, dice: random.Random) -> None:
        assert house.postgres is not None
        house.postgres.server.kill()


class PostgresAwayWhenAnswersCome(PostgresRestarted):
    """The provider has rotated, and there is nowhere to store its answer for a moment."""

    name = "PostgreSQL away at the answer"

    def __init__(self) -> None:
        self._behaviour = Holding()

    def prepare(self, house: House, dice: random.Random) -> None:
        self._behaviour = Holding()
        house.resource.misbehave(self._behaviour)

    def strike(self, house: House, dice: random.Random) -> None:
        self._behaviour.holds.wait(5)
        super().strike(house, dice)
        house.resource.heal()


class ConnectionsCut(Fault):
    """As a failover or an administrator does it, between any two statements."""

    name = "database connections cut"

    def strike(self, house: House, dice: random.Random) -> None:
        assert house.postgres is not None
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        statement += " AND backend_type = 'client backend'"
        with psycopg.connect(house.postgres.url_of("postgres"), autocommit=True) as connection:
            connection.execute(statement)


class BadProvider(Fault):
    """The token endpoints behave badly from before the load until it is mended."""

    behaviour: ClassVar[Callable[[], Behaviour]]
    is_the_providers = True

    def prepare(self, house: House, dice: random.Random) -> None:
        house.resource.misbehave(type(self).behaviour())

    def strike(self, house: House, dice: random.Random) -> None:
        """It has from the beginning."""

    def mend(self, house: House) -> None:
        house.resource.heal()


class ProviderSlow(BadProvider):
    name, behaviour = "provider slow", Slow


class ProviderDripping(BadProvider):
    name, behaviour = "provider dripping", Dripping


class ProviderLying(BadProvider):
    name, behaviour = "provider lying", Lying


class ProviderWithoutRefreshToken(BadProvider):
    name, behaviour = "no refresh token in answers", WithoutRefreshToken


class ProviderHangsUp(BadProvider):
    name, behaviour = "provider hangs up", Resetting


class ProviderDown(Fault):
    name, is_the_providers = "provider down", True

    def strike(self, house: House, dice: random.Random) -> None:
        house.resource.go_down()

    def mend(self, house: House) -> None:
        house.resource.come_back()


class ClocksOff(Fault):
    """One web process and one worker are five minutes ahead or behind, from one moment to the next."""

    name = "clocks five minutes off"

    def strike(self, house: House, dice: random.Random) -> None:
        for name in (dice.choice(house.webs), dice.choice(house.workers), "beat"):
            house.wind(name, dice.choice((FIVE_MINUTES, -FIVE_MINUTES)))

    def mend(self, house: House) -> None:
        for name in house.product.processes:
            house.wind(name, 0.0)


class BrokerDiskFull(Fault):
    name, house = "embedded: broker's disk full", "embedded"

    def strike(self, house: House, dice: random.Random) -> None:
        assert house.disk is not None
        house.disk.fill()

    def mend(self, house: House) -> None:
        assert house.disk is not None
        house.disk.free()


class DiskFullAndWorkerKilled(BrokerDiskFull):
    """Its successor starts while nothing can be written."""

    name = "embedded: disk full, worker killed"

    def strike(self, house: House, dice: random.Random) -> None:
        super().strike(house, dice)
        house.kill(house.workers)
        house.supervise()


FAULTS: Sequence[type[Fault]] = (
    WorkerKilled,
    WorkersKilled,
    WebKilled,
    EverythingKilled,
    KilledWithTheAnswerOnItsWay,
    RedisFlushed,
    RedisStopped,
    PostgresRestarted,
    PostgresKilled,
    PostgresAwayWhenAnswersCome,
    ConnectionsCut,
    ProviderSlow,
    ProviderDripping,
    ProviderLying,
    ProviderWithoutRefreshToken,
    ProviderHangsUp,
    ProviderDown,
    ClocksOff,
    BrokerDiskFull,
    DiskFullAndWorkerKilled,
)
