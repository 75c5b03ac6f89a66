"""One round after another: a load, a fault in its middle, and a look at everything afterwards."""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.cast import PASSWORD
from tests.chaos.disk import Disk
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.house import House, build
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load
from tests.chaos.people import Alice
from tests.chaos.recovery import recover
from tests.support.databases import Postgres, Redis, running_postgres, running_redis
from tests.support.product import Factory


def schedule(rounds: int, dice: random.Random) -> list[type[Fault]]:
    """Every fault as often as every other, give or take one, in an order of the dice's."""
    order: list[type[Fault]] = []
    while len(order) < rounds:
        order += dice.sample(list(FAULTS), len(FAULTS))
    return order[:rounds]


class Street:
    """The houses. Each is built when the first round wants it."""

    def __init__(self, stack: ExitStack, factory: Factory, postgres: Postgres, redis_server: Redis) -> None:
        self._stack, self._factory = stack, factory
        self._postgres, self._redis = postgres, redis_server
        self.houses: dict[str, House] = {}
        self.alice: dict[str, Alice] = {}

    def house(self, name: str) -> tuple[House, Alice]:
        if name not in self.houses:
            if name == "large":
                house = build(self._stack, self._factory, postgres=self._postgres, redis_server=self._redis)
            else:
                house = build(self._stack, self._factory, disk=Disk())
            alice = Alice(house.product.url, PASSWORD).sign_in()
            for home in house.cast.homes:
                house.cage.keep("webhook secret", alice.listen(home, house.resource))
            self.houses[name], self.alice[name] = house, alice
        return self.houses[name], self.alice[name]


@contextmanager
def street(**postgres_settings: str) -> Iterator[Street]:
    """Servers of its own in a scratch folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="botaccounts-chaos-")))
        postgres = stack.enter_context(running_postgres(**postgres_settings))
        (folder / "redis").mkdir()
        redis_server = stack.enter_context(running_redis(folder / "redis"))
        yield Street(stack, Factory(folder, lambda: postgres), postgres, redis_server)


def play(fault: Fault, house: House, alice: Alice, dice: random.Random) -> Ledger:
    """One round."""
    began = time.monotonic()
    ledger, house.began = Ledger(fault.name, fault.is_the_providers), datetime.now(UTC)
    fault.prepare(house, dice)
    credentials = [str(credential) for _, credential in house.cast.credentials()]
    dice.shuffle(credentials)
    middle = len(credentials) // 2
    house.end_tokens(credentials[:middle], credentials[middle:])
    load = Load(house, alice, ledger, dice).start()
    house.sweep()
    time.sleep(dice.uniform(0.0, 0.3))  # the moment at which it strikes is what the rounds vary
    fault.strike(house, dice)
    time.sleep(fault.lasts)
    fault.mend(house)
    house.bury()
    time.sleep(dice.uniform(0.0, 0.3))
    load.stop()
    recover(house, alice, ledger)
    ledger.seconds = time.monotonic() - began
    return ledger


def play_all(
    street: Street, faults: Sequence[type[Fault]], dice: random.Random, tell: Callable[[int, Ledger], None]
) -> list[Ledger]:
    """All rounds; `tell` hears of each as it ends."""
    ledgers = []
    for number, kind in enumerate(faults, 1):
        house, alice = street.house(kind.house)
        ledgers.append(play(kind(), house, alice, dice))
        tell(number, ledgers[-1])
    return ledgers


def too_little(street: Street, faults: Sequence[type[Fault]], ledgers: Sequence[Ledger]) -> list[str]:
    """Why these rounds prove nothing: hardly anything was asked, saved or rotated that could have been lost."""
    missing = []
    for house in street.houses.values():
        credentials = sum(len(home.credentials) for home in house.cast.homes)
        rounds = sum(kind.house == house.name for kind in faults)
        if house.resource.grants.refreshes < credentials / 2 * rounds:
            missing.append(f"{house.name}: {house.resource.grants.refreshes} refreshes in {rounds} rounds")
    if (served := sum(ledger.served for ledger in ledgers)) <= 30 * len(ledgers):
        missing.append(f"{served} tokens served")
    if (saved := sum(len(ledger.saved) for ledger in ledgers)) <= len(ledgers) / 2:
        missing.append(f"{saved} forms saved")
    return missing


def as_lines(number: int, ledger: Ledger) -> None:
    """A line for each round, and each problem as it comes."""
    waited = ", ".join(f"{what} ({count})" for what, count in ledger.waited_for.most_common(3))
    sys.stderr.write(f"{number:>4} {ledger.fault:<34}{ledger.asked:>5} asked {ledger.seconds:>6.1f} s  {waited}\n")
    for detail in ledger.details:
        sys.stderr.write(f"     !! {detail}\n")
    sys.stderr.flush()
