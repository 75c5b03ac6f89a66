"""What waits in the queue of a product, and what Redis holds."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping

import redis

from tests.support.product import Product


def queue_of(product: Product) -> Iterator[tuple[str, bytes]]:
    """The messages in the broker: files of its folder, or keys of Redis."""
    if url := product.env["REDIS_URL"]:
        yield from redis_keys(url)
    for path in sorted((product.folder / "var" / "broker").rglob("*")):
        if path.is_file():
            yield f"broker {path.name}", path.read_bytes()


def redis_keys(url: str) -> Iterator[tuple[str, bytes]]:
    """Every key of a Redis with all that it holds, uncompressed."""
    with redis.Redis.from_url(url) as client:
        readers: dict[bytes, Callable[[bytes], object]] = {
            b"string": client.get,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"hash": client.hgetall,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        }
        for key in client.scan_iter():
            kind = bytes(client.type(key))
            yield f"redis {key.decode()}", key + repr(readers[kind](key)).encode()


def task_arguments(queued: Mapping[str, bytes]) -> list[list[str]]:
    """The positional arguments of every task message in what `queue_of` found."""
    found = (body for message in queued.values() for body in re.findall(rb'"body": "([A-Za-z0-9+/=]+)"', message))
    return [json.loads(base64.b64decode(body))[0] for body in found]
