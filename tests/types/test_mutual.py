"""The form of a Mutual Authentication credential, what it says of its files, and the TLS context it makes."""

import base64
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from credentials.keystores import MAX_BYTES
from credentials.types.base import Material, NoToken
from credentials.types.mutual import context
from credentials.types.mutual.forms import MutualForm
from credentials.types.registry import room
from tests.support.mutual import KIND, form_with
from tests.support.pki import issue
from tests.types.mutual_samples import CLIENT, MUTUAL, PASSWORD, TRUSTED, pkcs12_of

ROOM = room(KIND)
KEY = pkcs12_of(CLIENT)


def form(key: bytes = KEY, trust: bytes = b"", **kwargs: Any) -> MutualForm:
    return form_with(key, trust, **{"password": PASSWORD, **kwargs})


def errors(refused: MutualForm) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in refused.errors.items()}


def payload_of(accepted: MutualForm) -> dict[str, Any]:
    assert accepted.is_valid(), accepted.errors
    return ROOM.split(accepted.cleaned_data)[0]


def facts(payload: dict[str, Any]) -> dict[str, str]:
    return {fact.label: fact.value for fact in ROOM.facts(payload, ROOM.configured(payload))}


def test_only_the_key_certificate_is_required() -> None:
    fields = MutualForm().fields
    assert [name for name, field in fields.items() if field.required] == ["key_certificate"]
    assert errors(form(b"")) == {"key_certificate": ["Upload a file of at most 64 kB."]}


def test_the_help_says_which_files_and_what_a_blank_choice_means() -> None:
    fields = MUTUAL.form("certificates").fields
    assert ".pfx, .p12 (recommended) or .jks" in str(fields["key_certificate"].help_text)
    assert ".crt, .cer or .pem" in str(fields["trust_certificate"].help_text)
    assert "the default value of TLS 1.2 and TLS 1.1 is used" in str(fields["protocols"].help_text)


def test_promise_35_the_name_of_a_file_is_not_looked_at() -> None:
    assert form(KEY, TRUSTED.der, name="../../etc/passwd.exe").is_valid()


def test_what_is_inside_is_said_in_words() -> None:
    said = facts(payload_of(form(KEY, TRUSTED.pem)))
    assert said["Subject"] == "CN=bot.example.com"
    assert said["Issuer"] == "CN=Intermediate"
    assert said["Valid from"] == f"{CLIENT.certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    assert said["Valid to"] == f"{CLIENT.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    assert said["Key"] == "EC, secp256r1, in PKCS12"
    assert said["Chain"] == "CN=Intermediate"
    assert said["Trusted certificates in the keystore"] == "none"
    assert said["Trusted"] == "CN=Partner CA"
    assert said["Trust Certificate"] == "configured"
    assert said["Cryptographic Protocols"] == "TLS 1.1, TLS 1.2 (default)"


def test_whom_it_trusts_is_said_in_each_case() -> None:
    own = issue("Root of its own", authority=True)
    brings = pkcs12_of(issue("bot", above_all()), extra=[own])
    assert "the trust certificate" in facts(payload_of(form(KEY, TRUSTED.pem)))["Accepted servers"]
    assert "in the keystore" in facts(payload_of(form(brings)))["Accepted servers"]
    assert "public authority" in facts(payload_of(form(KEY)))["Accepted servers"]


def above_all() -> Any:
    return issue("Somebody", authority=True)


def test_a_wrong_password_is_said_beside_the_password() -> None:
    sentence = "The password does not open this file."
    assert errors(form(password="wrong")) == {"key_certificate_password": [sentence]}
    trust = pkcs12_of(CLIENT)
    assert "trust_certificate_password" in errors(form(KEY, trust, trust_password="wrong"))


def test_a_trust_file_may_be_a_truststore_with_a_password() -> None:
    store = pkcs12.serialize_java_truststore(
        [pkcs12.PKCS12Certificate(TRUSTED.certificate, b"partner")],
        serialization.BestAvailableEncryption(b"trust password"),
    )
    assert facts(payload_of(form(KEY, store, trust_password="trust password")))["Trusted"] == "CN=Partner CA"
    assert "trust_certificate_password" in errors(form(KEY, store))


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (b"hello", "The file is neither a PKCS12 nor a JKS keystore."),
        (KEY[:-9], "The file is damaged or not complete."),
        (bytes(MAX_BYTES + 1), "The file is larger than 64 kB."),
    ],
)
def test_a_file_that_is_no_keystore_is_refused_beside_the_file(key: bytes, sentence: str) -> None:
    assert errors(form(key)) == {"key_certificate": [sentence]}


def test_a_key_certificate_that_has_ended_is_refused() -> None:
    ended = issue("bot", days=-1)
    expected = f"The key certificate ended on {ended.certificate.not_valid_after_utc:%Y-%m-%d}."
    assert errors(form(pkcs12_of(ended))) == {"key_certificate": [f"{expected} Upload one that is valid."]}


def test_what_ends_soon_or_has_not_begun_is_said_before_it_is_saved() -> None:
    assert ROOM.warnings(payload_of(form(KEY, TRUSTED.pem))) == []
    (soon,) = ROOM.warnings(payload_of(form(pkcs12_of(issue("bot", days=5.5)))))
    assert soon.startswith("The key certificate ends in 5 days, on ")
    (later,) = ROOM.warnings(payload_of(form(pkcs12_of(issue("bot", begins=2)))))
    assert later.startswith("The key certificate is not valid before ")
    (trust,) = ROOM.warnings(payload_of(form(KEY, issue("Old CA", days=-1, authority=True).pem)))
    assert trust.startswith("The trusted certificate CN=Old CA ended on ")


def test_it_ends_when_its_key_certificate_does() -> None:
    payload = payload_of(form())
    assert ROOM.ends_at(payload) == CLIENT.certificate.not_valid_after_utc
    assert ROOM.ends_at(payload) > datetime.now(UTC)


def test_tls_1_1_and_1_3_without_1_2_are_refused() -> None:
    refused = errors(form(protocols=["TLSv1.1", "TLSv1.3"]))
    assert list(refused) == ["protocols"]
    assert "without TLS 1.2" in refused["protocols"][0]
    for chosen in ([], ["TLSv1.1"], ["TLSv1.2", "TLSv1.3"], ["TLSv1.1", "TLSv1.2", "TLSv1.3"]):
        assert form(protocols=chosen).is_valid()
    assert "protocols" in errors(form(protocols=["SSLv3"]))


@pytest.mark.parametrize(
    ("chosen", "lowest", "highest", "level"),
    [
        ((), ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, 0),
        (("TLSv1.1",), ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1, 0),
        (("TLSv1.2",), ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, 2),
        (("TLSv1.2", "TLSv1.3"), ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, 2),
        (("TLSv1.3",), ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, 2),
    ],
)
def test_the_security_level_is_lowered_for_tls_1_1_alone(
    chosen: tuple[str, ...], lowest: ssl.TLSVersion, highest: ssl.TLSVersion, level: int
) -> None:
    accepted = form(protocols=chosen)
    made = made_from(accepted)
    assert (made.minimum_version, made.maximum_version) == (lowest, highest)
    ordinary = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).security_level
    assert made.security_level == (0 if level == 0 else ordinary)
    assert ordinary > 0


def made_from(accepted: MutualForm) -> ssl.SSLContext:
    assert accepted.is_valid(), accepted.errors
    made = ROOM.ssl_context(Material(*ROOM.split(accepted.cleaned_data)))
    assert made is not None
    return made


def test_promise_39_the_trust_certificate_is_the_only_authority() -> None:
    made = made_from(form(KEY, TRUSTED.pem))
    assert [base64.b64encode(entry) for entry in made.get_ca_certs(binary_form=True)] == [base64.b64encode(TRUSTED.der)]
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
    assert len(made_from(form(KEY)).get_ca_certs()) > 50


def test_a_key_that_openssl_refuses_on_the_chosen_protocols_is_said_to_be_refused() -> None:
    small = pkcs12_of(issue("bot", kind="RSA 1024"))
    assert form(small).is_valid()
    refused = errors(form(small, protocols=["TLSv1.2"]))
    assert "cannot be used with these protocols" in refused["key_certificate"][0]


def test_promise_39_the_private_key_is_never_a_plain_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenSSL is given to read lies in memory, and is encrypted even there."""
    seen: list[tuple[str, bytes]] = []
    load = ssl.SSLContext.load_cert_chain

    def watch(self: ssl.SSLContext, path: str, *args: Any, **kwargs: Any) -> None:
        seen.append((str(Path(path).readlink()), Path(path).read_bytes()))
        load(self, path, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watch)
    made_from(form())
    assert seen
    for target, content in seen:
        assert target.startswith("/memfd:")
        assert b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in content
        assert b"-----BEGIN PRIVATE KEY-----" not in content


def test_elsewhere_than_on_linux_the_encrypted_file_goes_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr("os.memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert made_from(form())
    assert list(tmp_path.iterdir()) == []


def test_neither_the_file_nor_its_password_is_stored() -> None:
    accepted = form(KEY, TRUSTED.pem)
    assert accepted.is_valid()
    payload, secrets = ROOM.split(accepted.cleaned_data)
    assert base64.b64encode(KEY).decode() not in repr((payload, secrets))
    assert PASSWORD not in repr((payload, secrets))
    assert base64.b64encode(CLIENT.key_der).decode() == secrets["key_certificate"]["key"]
    assert base64.b64encode(CLIENT.key_der).decode() not in repr(payload)


def test_it_has_no_token() -> None:
    with pytest.raises(NoToken):
        ROOM.token(Material({}, {}))


def test_a_new_file_is_opened_with_what_is_typed_beside_it_and_not_with_an_older_password() -> None:
    """The draft holds a file with a password; now another comes without one."""
    kept = {"key_certificate": form().typed()["key_certificate"]}
    again = form(pkcs12_of(CLIENT, "other"), password="", stored=kept, configured=["key_certificate"])
    assert list(errors(again)) == ["key_certificate_password"]
    blank = form(b"", password="", stored=kept, configured=["key_certificate"])
    assert blank.is_valid()
    corrected = form(b"", password="wrong", stored=kept, configured=["key_certificate"])
    assert list(errors(corrected)) == ["key_certificate_password"]


def test_a_password_alone_is_of_no_use_once_the_file_is_gone() -> None:
    edited = form(b"", configured=["key_certificate"])
    assert "Upload the file again" in errors(edited)["key_certificate"][0]


def test_protocols_are_kept_oldest_first() -> None:
    assert context.protocols(["TLSv1.3", "TLSv1.2"]) == ("TLSv1.2", "TLSv1.3")
    assert context.protocols([]) == ("TLSv1.1", "TLSv1.2")
