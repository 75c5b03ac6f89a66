"""The load of a round: bots that ask for everything, and Alice, who saves a form and authorizes meanwhile."""

import contextlib
import random
import threading
from collections.abc import Callable, Sequence
from functools import partial

from tests.chaos.asks import Ask, everything
from tests.chaos.house import House
from tests.chaos.ledger import Ledger
from tests.chaos.people import Alice, Stopped

BOTS = 8
PAUSE = 0.02  # seconds between two requests of a bot
PAUSE_AFTER_NOTHING = 0.2  # where nobody answers


class Load:
    """Runs from `start` to `stop`, which waits until the last answer is here."""

    def __init__(self, house: House, alice: Alice, ledger: Ledger, dice: random.Random) -> None:
        self._house, self._alice, self._ledger = house, alice, ledger
        self._stop = threading.Event()
        asks = everything(house.cast)
        self._threads = [
            threading.Thread(target=self._as_a_bot, args=(number, dice.sample(asks, len(asks))), daemon=True)
            for number in range(BOTS)
        ]
        home = dice.choice(house.cast.homes)
        password = f"{house.cage.canaries[0].core}-{dice.randrange(10**9)}"
        errands = (
            partial(alice.save_a_pair, home, password),
            partial(alice.authorize, home, home.spare, house.resource),
        )
        self._threads.append(threading.Thread(target=self._as_alice, args=(errands,), daemon=True))

    def start(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _as_a_bot(self, number: int, asks: Sequence[Ask]) -> None:
        urls = self._house.product.urls
        while True:
            for position, ask in enumerate(asks):
                url = urls[(number + position) % len(urls)]
                status = ask.ask(url, self._house.resource.grants, self._ledger)
                if self._stop.wait(PAUSE if status else PAUSE_AFTER_NOTHING):
                    return

    def _as_alice(self, errands: Sequence[Callable[[], None]]) -> None:
        """Each until it is done, or the round is over."""
        self._alice.ledger = self._ledger
        for errand in errands:
            while not self._stop.is_set():
                with contextlib.suppress(Stopped):
                    errand()
                    break
                self._stop.wait(0.2)
