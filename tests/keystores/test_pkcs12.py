"""PKCS12 files that were made to be trouble, and those that are only unusual."""

import contextlib
import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import pkcs12

from credentials.keystores import MAX_BYTES, Refused, child, open_key_store, open_trust_store, opening
from credentials.keystores.errors import (
    Damaged,
    NoCertificate,
    NoPrivateKey,
    SeveralKeys,
    TooExpensive,
    TooLarge,
    TrustHoldsKey,
    Unsupported,
    WrongPassword,
)
from tests.support import der_writer as der
from tests.support.keystores import PASSWORD, Workshop
from tests.support.pki import Issued, issue

HUNDRED_MILLION = 100_000_000
CLIENT = issue("bot")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def serialized(issued: Issued = CLIENT, password: str = PASSWORD, *cas: Issued) -> bytes:
    above = [entry.certificate for entry in (*issued.above, *cas)] or None
    encryption = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"bot", issued.key, issued.certificate, above, encryption)


BOMBS = {
    "integrity code": der.pfx(der.data(der.sequence()), integrity=der.mac(HUNDRED_MILLION)),
    "certificates, PBES2": der.pfx(der.encrypted(der.pbes2(HUNDRED_MILLION)), integrity=der.mac(1)),
    "certificates, older scheme": der.pfx(der.encrypted(der.older(HUNDRED_MILLION)), integrity=der.mac(1)),
    "key, PBES2": der.pfx(der.data(der.sequence(der.shrouded(der.pbes2(HUNDRED_MILLION))))),
    "key, older scheme": der.pfx(der.data(der.sequence(der.shrouded(der.older(HUNDRED_MILLION))))),
    "a number beyond any": der.pfx(der.encrypted(der.pbes2(1 << 2000))),
    "just over the bound": der.pfx(der.encrypted(der.pbes2(1_000_001))),
}


@pytest.mark.parametrize("where", BOMBS)
def test_promise_33_a_hundred_million_iterations_are_refused_in_under_a_second_wherever_they_stand(where: str) -> None:
    bomb = BOMBS[where]
    assert len(bomb) < 1024
    started = time.monotonic()
    with pytest.raises(TooExpensive, match="more than 1,000,000 iterations"):
        open_key_store(bomb, PASSWORD)
    assert time.monotonic() - started < 1


def test_a_refusal_of_too_many_iterations_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the answer does not wait for a busy machine to start one."""
    monkeypatch.setattr(child.subprocess, "run", lambda *args, **kwargs: pytest.fail("a process was started"))
    for bomb in BOMBS.values():
        with pytest.raises(TooExpensive):
            open_key_store(bomb, PASSWORD)


def processor_seconds(work: Callable[[], object]) -> float:
    """The least of three: what else this process has to clear away at the moment is not the work's."""

    def once() -> float:
        started = time.thread_time()
        work()
        return time.thread_time() - started

    return min(once() for _ in range(3))


def test_what_is_read_without_a_process_is_read_at_once_whatever_it_is_made_of() -> None:
    long_oid = der.tlv(6, bytes([0x81] * 60_000 + [1]))
    many = der.sequence(der.integer(3), *[der.sequence()] * 20_000)
    safes = der.pfx(*[der.data(der.sequence())] * 1_000)
    for content in (der.sequence(der.integer(3), der.sequence(long_oid, b"\xa0\x02\x04\x00")), many, safes):
        # Held against half of the iterations that a file may ask for, on the same machine at the same moment.
        allowed = processor_seconds(lambda: hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 500_000))
        assert processor_seconds(lambda content=content: opening.check_cost(content)) < allowed


def test_a_count_that_is_hidden_inside_what_is_encrypted_is_seen_too() -> None:
    """Here the outer password is right, and the key inside asks for more than is given."""
    inner = der.sequence(der.shrouded(der.pbes2(HUNDRED_MILLION)), der.certificate(CLIENT))
    key = PBKDF2HMAC(hashes.SHA256(), 32, b"salt", 1).derive(PASSWORD.encode())
    padder = PKCS7(128).padder()
    padded = padder.update(inner) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    file = der.pfx(der.encrypted(der.pbes2(1), encryptor.update(padded) + encryptor.finalize()))
    with pytest.raises(TooExpensive):
        open_key_store(file, PASSWORD)


def test_promise_33_what_slips_past_the_counts_is_stopped_by_the_limit_on_processor_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many derivations, each within its bound. Others are served meanwhile: the work is another process's."""
    monkeypatch.setattr(child, "WALL_SECONDS", 1.0)
    safes = [der.encrypted(der.older(1_000_000)) for _ in range(200)]
    file = der.pfx(*safes)
    ticks = 0
    stop = threading.Event()

    def serve() -> None:
        nonlocal ticks
        while not stop.wait(0.02):
            ticks += 1

    thread = threading.Thread(target=serve)
    thread.start()
    started = time.monotonic()
    try:
        with pytest.raises(TooExpensive):
            open_key_store(file, PASSWORD)
    finally:
        stop.set()
        thread.join()
    assert time.monotonic() - started < 8
    assert ticks > 10


def test_promise_33_the_child_has_little_processor_time_and_memory_and_may_write_no_file() -> None:
    program = "import resource as r; print([r.getrlimit(n)[0] for n in (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_FSIZE)])"
    limits = "from credentials.keystores import child; child._limit()"
    limited = [
        *child.COMMAND[:3],
        f"import sys; sys.path.insert(0, sys.argv[1])\n{limits}\n{program}",
        child.COMMAND[4],
    ]
    done = subprocess.run(limited, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([child.CPU_SECONDS, child.MEMORY_BYTES, 0])


def test_the_child_is_not_kept_on_the_core_of_whoever_starts_it() -> None:
    program = "import os; from credentials.keystores import child; everywhere = os.sched_getaffinity(0); "
    program += (
        "os.sched_setaffinity(0, {min(everywhere)}); child._spread(); print(os.sched_getaffinity(0) >= everywhere)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=child.ROOT)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), f"{PASSWORD} "])
def test_promise_34_a_wrong_password_is_said_to_be_one(password: str) -> None:
    with pytest.raises(WrongPassword, match="The password does not open this file"):
        open_key_store(serialized(), password)


def test_a_wrong_password_is_noticed_without_an_integrity_code_too(workshop: Workshop) -> None:
    file = workshop.openssl(CLIENT, "-nomac")
    assert open_key_store(file, PASSWORD).key == CLIENT.key_der
    for attempt in range(20):  # the padding of a wrong decryption is right once in 256 times
        with pytest.raises(WrongPassword):
            opening.key_store(file, f"wrong {attempt}")


def test_promise_34_a_store_of_certificates_alone_is_no_key_store() -> None:
    file = pkcs12.serialize_java_truststore(
        [pkcs12.PKCS12Certificate(CLIENT.certificate, b"t")], serialization.BestAvailableEncryption(b"secret")
    )
    with pytest.raises(NoPrivateKey, match="no private key"):
        open_key_store(file, "secret")
    trust = open_trust_store(file, "secret")
    assert [entry.der for entry in trust.certificates] == [CLIENT.der]


@pytest.mark.parametrize("store", ["PKCS12", "JKS"])
def test_promise_34_two_private_keys_are_refused(workshop: Workshop, store: str) -> None:
    with pytest.raises(SeveralKeys, match="more than one private key"):
        open_key_store(workshop.keytool(CLIENT, more=[issue("another")], store=store), PASSWORD)


def test_a_second_key_that_is_not_encrypted_counts_too() -> None:
    contents = der.sequence(der.plain_key(CLIENT), der.plain_key(issue("another")), der.certificate(CLIENT))
    with pytest.raises(SeveralKeys):
        open_key_store(der.pfx(der.data(contents)), "")


def test_a_key_without_its_certificate_is_refused() -> None:
    contents = der.sequence(der.plain_key(CLIENT), der.certificate(issue("another")))
    with pytest.raises(NoCertificate, match="no certificate that belongs to its private key"):
        open_key_store(der.pfx(der.data(contents)), "")


def test_the_leaf_is_the_certificate_of_the_key_wherever_it_stands() -> None:
    root = issue("Root", authority=True)
    between = issue("Between", root, authority=True)
    client = issue("bot", between)
    stranger = issue("Stranger", authority=True)
    order = (stranger, root, between, client)
    contents = der.sequence(*(der.certificate(entry) for entry in order), der.plain_key(client))
    opened = open_key_store(der.pfx(der.data(contents)), "")
    assert [entry.facts.subject for entry in opened.chain] == ["CN=bot", "CN=Between", "CN=Root"]
    # What is neither the key's nor above it can be there to be trusted only.
    assert [entry.facts.subject for entry in opened.trusted] == ["CN=Stranger"]
    assert opened.key == client.key_der


def test_indefinite_lengths_and_strings_in_pieces_are_read() -> None:
    contents = der.sequence(der.plain_key(CLIENT), der.certificate(CLIENT))
    pieces = der.endless(0x24, *(der.octets(contents[at : at + 100]) for at in range(0, len(contents), 100)))
    safe = der.endless(0x30, der.oid(der.DATA), der.endless(0xA0, pieces))
    outer = der.endless(0x30, der.oid(der.DATA), der.endless(0xA0, der.endless(0x24, der.octets(der.sequence(safe)))))
    opened = open_key_store(der.endless(0x30, der.integer(3), outer), "")
    assert opened.chain[0].der == CLIENT.der


def test_promise_33_a_file_of_exactly_the_limit_is_looked_at_and_one_more_byte_is_not() -> None:
    with pytest.raises(Unsupported):
        open_key_store(bytes(MAX_BYTES), "")
    with pytest.raises(TooLarge, match="larger than 64 kB"):
        open_key_store(bytes(MAX_BYTES + 1), "")


def test_a_file_that_was_cut_or_changed_is_damaged_or_does_not_open_and_nothing_worse() -> None:
    file = serialized()
    for length in range(0, len(file), 7):
        with pytest.raises(Refused):
            opening.key_store(file[:length], PASSWORD)
    for position in range(0, len(file), 3):
        changed = bytearray(file)
        changed[position] ^= 0x55
        # A few bytes say nothing, such as the empty parameters of a digest.
        with contextlib.suppress(Refused):
            assert opening.key_store(bytes(changed), PASSWORD).key == CLIENT.key_der


def test_a_file_that_was_cut_is_said_to_be_damaged() -> None:
    with pytest.raises(Damaged, match="damaged or not complete"):
        open_key_store(serialized()[:-10], PASSWORD)


def test_nesting_without_end_is_damage() -> None:
    with pytest.raises(Damaged):
        open_key_store(b"\x30\x80" * 30_000, "")


def test_a_trust_file_with_a_private_key_is_refused() -> None:
    for file in (serialized(), CLIENT.pem + CLIENT.key_pem):
        with pytest.raises(TrustHoldsKey, match="holds a private key"):
            open_trust_store(file, PASSWORD)


def test_what_is_handed_around_shows_no_key() -> None:
    opened = open_key_store(serialized(), PASSWORD)
    assert repr(opened).startswith("KeyStore(format='PKCS12', chain=")
    assert "der=" not in repr(opened)


def test_a_private_authority_that_is_above_the_leaf_and_imported_to_be_trusted_is_trusted(workshop: Workshop) -> None:
    root = issue("Root", authority=True)
    opened = open_key_store(workshop.keytool(issue("bot", root), trusted=[root]), PASSWORD)
    assert [entry.facts.subject for entry in opened.trusted] == ["CN=Root"]


def test_an_integrity_code_that_does_not_fit_is_heeded_though_everything_could_be_read() -> None:
    contents = der.data(der.sequence(der.plain_key(CLIENT), der.certificate(CLIENT)))
    assert open_key_store(der.pfx(contents), "").key == CLIENT.key_der
    with pytest.raises(WrongPassword):
        open_key_store(der.pfx(contents, integrity=der.mac(1)), "")
