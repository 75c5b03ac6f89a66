"""Secrets that are looked for afterwards: in what bytes they may hide, and in what a running product leaves behind.

cage = Cage()
secret = cage.new("client secret", around="p%a+s:s word/&={}?")      # the secret; what is searched for is inside it
assert cage.sightings({"the database": dump}) == []
"""

import base64
import gzip
import itertools
import os
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

# What every secret of a test begins with or holds. No escaping changes it, and the product has no such word.
MARK = "canary"
PASSWORD = "correct horse battery staple"  # every person's
# Shorter runs of base64 cannot hold a canary.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}")
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){24,}")
_COMPRESSED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_INFLATED_AT_MOST = 10_000_000
DEPTH = 3  # a session is compressed and then encoded; one more for what holds the session


@dataclass(frozen=True)
class Canary:
    """`value` is the secret as it is used; `core` is the part of it that no escaping changes."""

    name: str
    value: str
    core: str

    def patterns(self) -> Iterator[bytes]:
        """The core raw and in hexadecimal, the whole URL-encoded, and the core in base64 wherever it begins there."""
        core = self.core.encode()
        yield core
        yield core.hex().encode()
        yield core.hex().upper().encode()
        yield quote(self.value, safe="").encode()
        for shift in range(3):
            # The first and the last characters depend on what stands around; the middle does not.
            encoded = base64.b64encode(b"\0" * shift + core + b"\0" * 3)
            first, last = -(-shift * 4 // 3), (shift + len(core)) * 4 // 3
            yield encoded[first:last]
            yield encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))


class Cage:
    """The canaries of one run."""

    def __init__(self) -> None:
        self.canaries: list[Canary] = []

    def new(self, name: str, around: str = "{}") -> str:
        """A fresh secret with `around` about its core; every character of the core is a letter or a digit."""
        core = f"{MARK}{secrets.token_hex(16)}"
        value = around.replace("{}", core)
        self.canaries.append(Canary(name, value, core))
        return value

    def keep(self, name: str, value: str) -> None:
        """Look for a secret that the product made itself."""
        assert len(value) >= 24, f"{name} is too short to be told from chance"
        self.canaries.append(Canary(name, value, value))

    def sightings(self, places: Mapping[str, bytes | str]) -> list[str]:
        """Where a canary was seen: `PLACE: CANARY`, without its value. Empty when there is none."""
        by_pattern = {pattern: canary.name for canary in self.canaries for pattern in canary.patterns()}
        wanted = re.compile(any_of(sorted(by_pattern)))
        seen = set()
        for place, content in places.items():
            raw = content.encode() if isinstance(content, str) else content
            for layer in unfold(raw):
                seen |= {f"{place}: {by_pattern[found]}" for found in wanted.findall(layer)}
        return sorted(seen)


def any_of(texts: Sequence[bytes]) -> bytes:
    """A regular expression for any of the sorted `texts`, the longest first, that reads what they share only once.

    Tried one after another, a thousand of them take a thousand times as long as one.
    """
    branches = []
    for _, group in itertools.groupby(texts, key=lambda text: text[:1]):
        same = list(group)
        shared = os.path.commonprefix(same)  # noqa: RUF071 - characters are meant
        rest = [text[len(shared) :] for text in same]
        branches.append(re.escape(shared) + (any_of(rest) if any(rest) else b""))
    return b"(?:" + b"|".join(reversed(branches)) + b")"


def unfold(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """The bytes, and everything that is packed in them: deflated, gzipped, in base64, in hexadecimal, URL-encoded."""
    yield data
    if depth == 0:
        return
    for inner in _unpacked(data):
        yield from unfold(inner, depth - 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    if _PERCENT.search(data):
        yield unquote_to_bytes(data)
    for found in _COMPRESSED.finditer(data):
        yield from _inflated(memoryview(data)[found.start() :])
    # Each once: the rows of a database repeat themselves.
    for run in set(_BASE64.findall(data)):
        yield from _decoded(run)
    for run in set(_HEX.findall(data)):
        yield bytes.fromhex(run.decode())


def _inflated(data: memoryview) -> Iterable[bytes]:
    try:
        inflated = zlib.decompressobj(wbits=47).decompress(
            data, _INFLATED_AT_MOST
        )  # 47: zlib or gzip, told by its head
    except zlib.error:
        return []
    return [inflated] if inflated else []


def _decoded(run: bytes) -> Iterator[bytes]:
    """A run of base64, which may begin with up to three characters that are none of it (a prefix, a separator)."""
    standard = run.translate(bytes.maketrans(b"-_", b"+/"))
    for skipped in range(4):
        rest = standard[skipped:]
        usable = rest[: len(rest) - len(rest) % 4]
        yield base64.b64decode(usable + (rest[len(usable) :] + b"==")[:4] if len(rest) % 4 >= 2 else usable)


def packed(secret: str) -> dict[str, bytes]:
    """The secret in the wrappings that must not hide it; for the test of this module."""
    raw = secret.encode()
    return {
        "raw": raw,
        "in base64": base64.b64encode(b"id:" + raw),
        "in URL-safe base64": base64.urlsafe_b64encode(b"a" + raw),
        "in hexadecimal": raw.hex().encode(),
        "URL-encoded": quote(secret, safe="").encode(),
        "deflated": b"before" + zlib.compress(raw) + b"after",
        "gzipped": gzip.compress(raw),
        "in a session": b"."
        + base64.urlsafe_b64encode(zlib.compress(b'{"draft": "' + raw + b'"}')).rstrip(b"=")
        + b":1x:y",
        "in a session in base64": base64.b64encode(b"." + base64.urlsafe_b64encode(zlib.compress(raw * 20))),
    }
