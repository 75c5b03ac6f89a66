"""What waits in the queue of a product, and what Redis holds."""

import base64
import json
import re
from collections.abc import Iterator, Mapping

from tests.support.databases import redis_keys
from tests.support.product import Product


def queue_of(product: Product) -> Iterator[tuple[str, bytes]]:
    """The messages in the broker: files of its folder, or keys of Redis."""
    if url := product.env["REDIS_URL"]:
        yield from redis_keys(url)
    for path in sorted((product.folder / "var" / "broker").rglob("*")):
        if path.is_file():
            yield f"broker {path.name}", path.read_bytes()


def task_arguments(queued: Mapping[str, bytes]) -> list[list[str]]:
    """The positional arguments of every task message in what `queue_of` found."""
    found = (body for message in queued.values() for body in re.findall(rb'"body": "([A-Za-z0-9+/=]+)"', message))
    return [json.loads(base64.b64decode(body))[0] for body in found]
