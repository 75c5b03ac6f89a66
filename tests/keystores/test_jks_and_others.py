"""Real JKS, JCEKS, PEM, DER, and files that are something else; all told by their bytes."""

from pathlib import Path

import pytest

from credentials.keystores import Refused, WrongPassword, open_key_store, open_trust_store, opening
from credentials.keystores.errors import (
    Damaged,
    NoPrivateKey,
    NothingToTrust,
    OtherKeyPassword,
    Unsupported,
)
from credentials.keystores.rc2 import decrypt_block, decrypt_cbc, expand
from credentials.keystores.sniff import Format, sniff
from tests.support.keystores import PASSWORD, Workshop
from tests.support.pki import issue

ROOT = issue("Root", authority=True)
BETWEEN = issue("Between", ROOT, authority=True)
CLIENT = issue("bot", BETWEEN, kind="RSA")
PARTNER = issue("Partner CA", authority=True)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("keystores"))


@pytest.fixture(scope="module")
def jks(workshop: Workshop) -> bytes:
    return workshop.keytool(CLIENT, store="JKS", trusted=[PARTNER])


def test_promise_34_a_real_jks_gives_its_key_its_chain_and_what_it_trusts(jks: bytes) -> None:
    assert sniff(jks) is Format.JKS
    opened = open_key_store(jks, PASSWORD)
    assert opened.format == "JKS"
    assert opened.key == CLIENT.key_der
    assert [entry.der for entry in opened.chain] == [CLIENT.der, BETWEEN.der]
    assert [entry.der for entry in opened.trusted] == [PARTNER.der]


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper()])
def test_promise_34_a_wrong_password_of_a_jks_is_said_to_be_one(jks: bytes, password: str) -> None:
    with pytest.raises(WrongPassword, match="The password does not open this file"):
        open_key_store(jks, password)


def test_a_key_with_a_password_of_its_own_is_said_to_have_one(workshop: Workshop) -> None:
    file = workshop.keytool(CLIENT, store="JKS", key_password="another password")
    with pytest.raises(OtherKeyPassword, match="Give both the same password"):
        open_key_store(file, PASSWORD)


def test_promise_34_a_jks_of_certificates_alone_is_a_trust_store(workshop: Workshop) -> None:
    file = workshop.keytool(None, store="JKS", trusted=[PARTNER, ROOT])
    assert {entry.der for entry in open_trust_store(file, PASSWORD).certificates} == {PARTNER.der, ROOT.der}
    with pytest.raises(NoPrivateKey):
        open_key_store(file, PASSWORD)
    with pytest.raises(WrongPassword):
        open_trust_store(file, "wrong")


def test_a_jks_that_was_cut_or_changed_is_refused(jks: bytes) -> None:
    for length in range(0, len(jks), 11):
        with pytest.raises(Refused):
            opening.key_store(jks[:length], PASSWORD)
    for position in range(0, len(jks), 5):
        changed = bytearray(jks)
        changed[position] ^= 0x55
        with pytest.raises(Refused):
            opening.key_store(bytes(changed), PASSWORD)


def test_jceks_is_refused_with_what_to_do(workshop: Workshop) -> None:
    file = workshop.keytool(CLIENT, store="JCEKS")
    assert sniff(file) is Format.JCEKS
    for opener in (open_key_store, open_trust_store):
        with pytest.raises(Unsupported, match=r"JCEKS.*keytool -importkeystore"):
            opener(file, PASSWORD)


def test_promise_34_a_jks_by_name_that_is_pkcs12_inside_is_told_by_its_bytes(workshop: Workshop) -> None:
    file = workshop.keytool(CLIENT)
    assert sniff(file) is Format.PKCS12
    assert open_key_store(file, PASSWORD).chain[0].der == CLIENT.der


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (CLIENT.key_pem + CLIENT.pem, "PEM format.*openssl pkcs12 -export"),
        (CLIENT.pem, "PEM format"),
        (CLIENT.der, "certificate without a private key"),
        (b"PK\x03\x04", "neither a PKCS12 nor a JKS"),
        (b"", "neither a PKCS12 nor a JKS"),
    ],
)
def test_what_is_no_keystore_is_refused_with_what_it_is(content: bytes, sentence: str) -> None:
    with pytest.raises(Unsupported, match=sentence):
        open_key_store(content, "")


def test_a_trust_file_may_hold_several_certificates_with_text_between_them() -> None:
    file = b"Subject: Root\r\n" + ROOT.pem.replace(b"\n", b"\r\n") + b"\n# and\n" + PARTNER.pem + PARTNER.pem
    opened = open_trust_store(file, "")
    assert (opened.format, [entry.der for entry in opened.certificates]) == ("PEM", [ROOT.der, PARTNER.der])


def test_a_trust_file_may_be_der_whatever_it_is_called() -> None:
    opened = open_trust_store(PARTNER.der, "")
    assert (opened.format, opened.certificates[0].facts.subject) == ("DER", "CN=Partner CA")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (PARTNER.pem[:-40], Damaged),
        (PARTNER.pem + ROOT.pem[:-40], Damaged),
        (PARTNER.pem.replace(b"MII", b"M*I"), Damaged),
        (PARTNER.der[:-5], Damaged),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", NothingToTrust),
        (b"hello", Unsupported),
        (b"", Unsupported),
    ],
)
def test_a_trust_file_without_a_certificate_is_refused(content: bytes, error: type[Refused]) -> None:
    with pytest.raises(error):
        open_trust_store(content, "")


def test_the_facts_say_who_until_when_and_with_which_key() -> None:
    facts = open_trust_store(CLIENT.pem, "").certificates[0].facts
    assert (facts.subject, facts.issuer, facts.key) == ("CN=bot", "CN=Between", "RSA, 2048 bits")
    assert facts.not_after == CLIENT.certificate.not_valid_after_utc.isoformat()
    assert facts.not_before == CLIENT.certificate.not_valid_before_utc.isoformat()
    assert open_trust_store(ROOT.pem, "").certificates[0].facts.key == "EC, secp256r1"


# RFC 2268 §5: key, effective bits, plaintext, ciphertext.
VECTORS = [
    ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
    ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
    ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
    ("88", 64, "0000000000000000", "61a8a244adacccf0"),
    ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
    ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
    ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
]


@pytest.mark.parametrize(("key", "bits", "plain", "cipher"), VECTORS)
def test_rc2_decrypts_as_the_rfc_says(key: str, bits: int, plain: str, cipher: str) -> None:
    schedule = expand(bytes.fromhex(key), bits)
    assert decrypt_block(schedule, bytes.fromhex(cipher)).hex() == plain
    with pytest.raises(Damaged):
        decrypt_cbc(bytes.fromhex(key), bits, bytes(8), bytes(9))


def test_promise_35_no_file_is_written_while_a_keystore_is_opened(
    jks: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    open_key_store(jks, PASSWORD)
    assert list(tmp_path.iterdir()) == []
