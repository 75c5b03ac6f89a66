"""A reader of DER, and of as much BER as exporters write: indefinite lengths and octet strings in pieces (X.690 §8)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from credentials.keystores.errors import Damaged

BOOLEAN, INTEGER, OCTET_STRING, NULL, OID, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x05, 0x06, 0x30, 0x31
CONSTRUCTED = 0x20
LONGEST_OID = 64  # octets; a long one takes long to write out
DEEPEST = 40  # a keystore is about fifteen levels deep


@dataclass(frozen=True)
class Node:
    """One value: its identifier octet, and its content without the end marker of an indefinite length."""

    tag: int
    content: bytes = field(repr=False)
    encoded: bytes = field(repr=False)

    def children(self) -> list["Node"]:
        return list(read_all(self.content))

    def expect(self, tag: int) -> "Node":
        if self.tag != tag:
            raise Damaged
        return self

    def sequence(self) -> list["Node"]:
        return self.expect(SEQUENCE).children()

    def octets(self) -> bytes:
        """The bytes of an octet string, put together where it comes in pieces, whatever its implicit tag."""
        if self.tag & CONSTRUCTED:
            return b"".join(piece.expect(OCTET_STRING).content for piece in self.children())
        return self.content

    def octet_string(self) -> bytes:
        if self.tag & ~CONSTRUCTED != OCTET_STRING:
            raise Damaged
        return self.octets()

    def integer(self) -> int:
        return int.from_bytes(self.expect(INTEGER).content, "big", signed=True)

    def oid(self) -> str:
        content = self.expect(OID).content
        if not content or content[-1] & 0x80 or len(content) > LONGEST_OID:
            raise Damaged
        arcs, value = [], 0
        for octet in content:
            value = value << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def read(data: bytes) -> Node:
    """The one value that `data` is. Raises `Damaged`."""
    node, end = _read(data, 0)
    if end != len(data):
        raise Damaged
    return node


def read_all(data: bytes) -> Iterator[Node]:
    position = 0
    while position < len(data):
        node, position = _read(data, position)
        yield node


def _read(data: bytes, start: int, depth: int = 0) -> tuple[Node, int]:
    if len(data) < start + 2 or depth > DEEPEST:
        raise Damaged
    tag, length, position = data[start], data[start + 1], start + 2
    if tag & 0x1F == 0x1F:  # a tag number in several octets: nothing that is read here has one
        raise Damaged
    if length == 0x80:
        if not tag & CONSTRUCTED:
            raise Damaged
        begin = position
        while data[position : position + 2] != b"\0\0":
            position = _read(data, position, depth + 1)[1]
        return Node(tag, data[begin:position], data[start : position + 2]), position + 2
    if length > 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[position : position + size], "big")
        position += size
    end = position + length
    if end > len(data):
        raise Damaged
    return Node(tag, data[position:end], data[start:end]), end
