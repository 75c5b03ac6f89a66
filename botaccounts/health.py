"""Whether this process lives, and whether what it needs is there. For load balancers; nothing here is secret.

A probe runs in a thread of its own, because neither a database driver nor a connection pool promises to give up in
time. Whoever asks meanwhile waits for the same one. While it hangs, no second one is started: the answer is "down".
"""

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 2.0


class Probe:
    """Runs one check in the background, one at a time."""

    def __init__(self, name: str, check: Callable[[], None]) -> None:
        self.name = name
        self._check = check
        self._guard = threading.Lock()
        self._latest: Attempt | None = None

    def attempt(self) -> "Attempt | None":
        """The attempt that is under way, or a new one; None while one hangs for longer than anybody waits for it."""
        with self._guard:
            if self._latest is None or not self._latest.is_alive():
                self._latest = Attempt(self.name, self._check)
                self._latest.start()
            return None if time.monotonic() > self._latest.deadline else self._latest


class Attempt(threading.Thread):
    """One run of a check."""

    def __init__(self, name: str, check: Callable[[], None]) -> None:
        super().__init__(name=f"health-{name}", daemon=True)
        self.passed = False
        self.deadline = time.monotonic() + DEADLINE_SECONDS
        self._check = check

    def run(self) -> None:
        try:
            self._check()
            self.passed = True
        except Exception:
            # Whatever is wrong with it, it is down; the log says what.
            logger.warning("%s: the check failed", self.name, exc_info=True)


def _ask_database() -> None:
    # The thread's own connection: the request's may be inside a transaction or broken.
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA shrink_memory")  # it would answer from the pages that it remembers
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")  # SQLite answers `SELECT 1` without its file
            cursor.fetchone()
    finally:
        connection.close()


def _ask_broker() -> None:
    import redis  # 6 MB, and nobody asks where there is none

    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=DEADLINE_SECONDS, socket_connect_timeout=DEADLINE_SECONDS
    )
    try:
        client.ping()
    finally:
        client.close()


_database = Probe("database", _ask_database)
_broker = Probe("broker", _ask_broker)


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers, whatever else is down."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 when database and broker answer within two seconds; else 503 and the names of what does not."""
    probes = [_database, _broker] if settings.REDIS_URL else [_database]
    attempts = {probe.name: probe.attempt() for probe in probes}
    for attempt in attempts.values():
        if attempt is not None:
            attempt.join(max(0.0, attempt.deadline - time.monotonic()))
    down = [name for name, attempt in attempts.items() if attempt is None or not attempt.passed]
    if down:
        return JsonResponse({"status": "unavailable", "down": down}, status=503)
    return JsonResponse({"status": "ok"})
