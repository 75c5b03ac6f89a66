"""A task of the bench in the product's worker: bare posts from its threads. `celery … --include` brings it in.

What a renewal is held against runs in the same pool of the same process then, on the core on which that keeps them.
"""

import contextlib
import queue
import threading
import time
from pathlib import Path

import requests
from celery import shared_task

THREADS = 20  # as many as the worker has: each of them gets one message
FORM = {"grant_type": "refresh_token", "refresh_token": "rt-0"}

_gate = threading.Barrier(THREADS)
_left: queue.SimpleQueue[int] = queue.SimpleQueue()


@shared_task(name="tests.bench.post")
def post(url: str, count: int, said: str) -> None:
    """All threads begin together and post until `count` is through; how many in a second goes into the file `said`."""
    if _gate.wait(30) == 0:
        for number in range(count):
            _left.put(number)
    _gate.wait(30)
    began = time.perf_counter()
    with contextlib.suppress(queue.Empty):
        while True:
            _left.get_nowait()
            requests.post(url, data=FORM, auth=("client", "a client secret"), timeout=15).raise_for_status()
    if _gate.wait(120) == 0:
        Path(said).write_text(f"{count / (time.perf_counter() - began)}")
