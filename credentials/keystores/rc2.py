"""RC2 in CBC mode, for reading only (RFC 2268): older exporters wrap certificates in it, with keys of 40 bits."""

import struct

from credentials.keystores.errors import Damaged

BLOCK = 8


def _pi_table() -> bytes:
    """The permutation of RFC 2268 §2."""
    return bytes.fromhex(
        "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
        "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
        "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
        "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
        "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
        "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
        "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
        "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
    )


PI = _pi_table()


def expand(key: bytes, bits: int) -> tuple[int, ...]:
    """The 64 words of the key schedule for an effective key length of `bits` (RFC 2268 §2)."""
    octets = (bits + 7) // 8
    mask = 0xFF >> (8 * octets - bits)
    schedule = bytearray(key.ljust(128, b"\0"))
    for position in range(len(key), 128):
        schedule[position] = PI[(schedule[position - 1] + schedule[position - len(key)]) & 0xFF]
    schedule[128 - octets] = PI[schedule[128 - octets] & mask]
    for position in range(127 - octets, -1, -1):
        schedule[position] = PI[schedule[position + 1] ^ schedule[position + octets]]
    return struct.unpack("<64H", schedule)


def decrypt_block(schedule: tuple[int, ...], block: bytes) -> bytes:
    """RFC 2268 §4: five rounds of mixing, one of mashing, six, one, five; backwards."""
    words = list(struct.unpack("<4H", block))
    shifts = (1, 2, 3, 5)
    position = 63

    def mix() -> None:
        nonlocal position
        for index in (3, 2, 1, 0):
            word, shift = words[index], shifts[index]
            word = (word >> shift | word << 16 - shift) & 0xFFFF
            before, two, three = words[index - 1], words[index - 2], words[index - 3]
            words[index] = (word - schedule[position] - (before & two) - (~before & three)) & 0xFFFF
            position -= 1

    def mash() -> None:
        for index in (3, 2, 1, 0):
            words[index] = (words[index] - schedule[words[index - 1] & 63]) & 0xFFFF

    for rounds in (5, 6, 5):
        if rounds == 6 or position != 63:
            mash()
        for _ in range(rounds):
            mix()
    return struct.pack("<4H", *words)


def decrypt_cbc(key: bytes, bits: int, vector: bytes, data: bytes) -> bytes:
    """Raises `Damaged` where `data` does not consist of whole blocks."""
    if len(data) % BLOCK or len(vector) != BLOCK:
        raise Damaged
    schedule = expand(key, bits)
    plain = bytearray()
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK]
        plain += bytes(a ^ b for a, b in zip(decrypt_block(schedule, block), vector, strict=True))
        vector = block
    return bytes(plain)
