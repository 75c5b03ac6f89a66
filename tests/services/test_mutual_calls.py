"""Calls with a client certificate, to a real nginx that verifies it (`ssl_verify_client on`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.keystores import PASSWORD, UTF8_PASSWORD, Workshop
from tests.support.mutual import call, save
from tests.support.nginx import VERSIONS, Nginx
from tests.support.people import Cast
from tests.support.pki import Issued, issue
from tests.support.processes import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


Maker = Callable[[Workshop, Nginx], bytes]


def client(nginx: Nginx, kind: str = "EC", *, below: bool = False) -> Issued:
    return issue("bot", nginx.intermediate if below else nginx.ca, kind=kind)


STORES: dict[str, tuple[Maker, str]] = {
    "openssl, modern, RSA": (lambda w, n: w.openssl(client(n, "RSA")), PASSWORD),
    "openssl, modern, EC": (lambda w, n: w.openssl(client(n)), PASSWORD),
    "openssl, legacy (RC2 and 3DES)": (lambda w, n: w.openssl(client(n, "RSA"), "-legacy"), PASSWORD),
    "openssl, legacy (3DES alone)": (
        lambda w, n: w.openssl(
            client(n, "RSA"), "-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"
        ),
        PASSWORD,
    ),
    "openssl, SHA-512": (lambda w, n: w.openssl(client(n), "-macalg", "sha512"), PASSWORD),
    "openssl, without integrity code": (lambda w, n: w.openssl(client(n), "-nomac"), PASSWORD),
    "openssl, empty password": (lambda w, n: w.openssl(client(n), password=""), ""),
    "openssl, empty password, legacy": (lambda w, n: w.openssl(client(n), "-legacy", password=""), ""),
    "openssl, UTF-8 password": (lambda w, n: w.openssl(client(n), password=UTF8_PASSWORD), UTF8_PASSWORD),
    "openssl, UTF-8 password, legacy": (
        lambda w, n: w.openssl(client(n), "-legacy", password=UTF8_PASSWORD),
        UTF8_PASSWORD,
    ),
    "openssl, below an intermediate": (lambda w, n: w.openssl(client(n, below=True)), PASSWORD),
    "keytool, PKCS12, RSA": (lambda w, n: w.keytool(client(n, "RSA")), PASSWORD),
    "keytool, PKCS12, EC, below an intermediate": (lambda w, n: w.keytool(client(n, below=True)), PASSWORD),
    "keytool, legacy PKCS12": (
        lambda w, n: w.keytool(client(n, "RSA"), "-J-Dkeystore.pkcs12.legacy"),
        PASSWORD,
    ),
    # Java itself takes no other letters than ASCII for the password of a PKCS12 file.
    "keytool, real JKS, UTF-8 password": (
        lambda w, n: w.keytool(client(n), store="JKS", password="Grüße, du"),
        "Grüße, du",
    ),
    "keytool, real JKS, RSA": (lambda w, n: w.keytool(client(n, "RSA"), store="JKS"), PASSWORD),
    "keytool, real JKS, EC, below an intermediate": (
        lambda w, n: w.keytool(client(n, below=True), store="JKS"),
        PASSWORD,
    ),
}


@pytest.mark.parametrize("store", STORES)
def test_nginx_accepts_a_call_made_with_a_keystore_from(
    cast: Cast, nginx: Nginx, workshop: Workshop, store: str
) -> None:
    make, password = STORES[store]
    credential = save(cast, make(workshop, nginx), nginx.ca.pem, password=password)
    result = call(cast, credential, nginx.url())
    assert (result.status, result.body, result.error) == (200, "SUCCESS|CN=bot|TLSv1.2", "")
    assert result.attached == ["TLS client certificate: CN=bot, private key ••••"]


@pytest.mark.parametrize("store", ["PKCS12", "JKS"])
def test_a_trust_entry_of_the_keystore_takes_the_place_of_a_trust_certificate(
    cast: Cast, nginx: Nginx, workshop: Workshop, store: str
) -> None:
    credential = save(cast, workshop.keytool(client(nginx), store=store, trusted=[nginx.ca]))
    assert call(cast, credential, nginx.url()).body == "SUCCESS|CN=bot|TLSv1.2"
    other = save(cast, workshop.keytool(client(nginx), store=store, trusted=[nginx.foreign]), name="Other")
    assert call(cast, other, nginx.url()).error == "tls"


def test_promise_39_an_uploaded_trust_certificate_counts_alone(cast: Cast, nginx: Nginx, workshop: Workshop) -> None:
    """Neither the keystore's own trust entry nor the public authorities are trusted beside it."""
    key = workshop.keytool(client(nginx), trusted=[nginx.ca])
    assert call(cast, save(cast, key, nginx.foreign.pem), nginx.url()).error == "tls"


def test_without_any_trust_certificate_a_private_authority_is_not_trusted(
    cast: Cast, nginx: Nginx, workshop: Workshop
) -> None:
    assert call(cast, save(cast, workshop.openssl(client(nginx))), nginx.url()).error == "tls"


@pytest.mark.parametrize("anchor", ["server", "intermediate", "root"])
def test_what_was_exported_from_the_server_is_enough_to_trust_it(
    cast: Cast, nginx: Nginx, workshop: Workshop, anchor: str
) -> None:
    trust = {"server": nginx.certificates["below"], "intermediate": nginx.intermediate, "root": nginx.ca}[anchor]
    credential = save(cast, workshop.openssl(client(nginx)), trust.der)
    assert call(cast, credential, nginx.url("below")).status == 200


@pytest.mark.parametrize("site", ["wrong host", "expired", "foreign"])
def test_a_server_is_refused_for_its_certificate(cast: Cast, nginx: Nginx, workshop: Workshop, site: str) -> None:
    credential = save(cast, workshop.openssl(client(nginx)), nginx.ca.pem)
    result = call(cast, credential, nginx.url(site))
    assert (result.status, result.error, result.attempts) == (0, "tls", 1)
    assert nginx.log(site) == ""


def test_a_server_whose_certificate_was_exported_still_has_to_be_the_host_that_is_called(
    cast: Cast, nginx: Nginx, workshop: Workshop
) -> None:
    credential = save(cast, workshop.openssl(client(nginx)), nginx.certificates["wrong host"].pem)
    assert call(cast, credential, nginx.url("wrong host")).error == "tls"


def test_nginx_refuses_a_client_certificate_of_a_foreign_authority(
    cast: Cast, nginx: Nginx, workshop: Workshop
) -> None:
    credential = save(cast, workshop.openssl(issue("bot", nginx.foreign)), nginx.ca.pem)
    result = call(cast, credential, nginx.url())
    assert result.status == 400
    assert "SSL certificate error" in result.body


# Chosen protocols -> the versions of servers that are reached.
CHOICES = {
    (): ["TLSv1.1", "TLSv1.2"],
    ("TLSv1.1",): ["TLSv1.1"],
    ("TLSv1.2",): ["TLSv1.2"],
    ("TLSv1.3",): ["TLSv1.3"],
    ("TLSv1.1", "TLSv1.2"): ["TLSv1.1", "TLSv1.2"],
    ("TLSv1.2", "TLSv1.3"): ["TLSv1.2", "TLSv1.3"],
    ("TLSv1.1", "TLSv1.2", "TLSv1.3"): list(VERSIONS),
}


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda chosen: " ".join(chosen) or "blank")
def test_the_chosen_protocols_decide_which_servers_are_reached(
    cast: Cast, nginx: Nginx, workshop: Workshop, chosen: tuple[str, ...]
) -> None:
    credential = save(cast, workshop.openssl(client(nginx)), nginx.ca.pem, protocols=chosen)
    results = {version: call(cast, credential, nginx.url(version)) for version in VERSIONS}
    assert [version for version, result in results.items() if result.success] == CHOICES[chosen]
    assert all(result.body.endswith(version) for version, result in results.items() if result.success)
    assert all(result.error == "tls" for result in results.values() if not result.success)


def test_promise_39_a_client_certificate_is_never_shown_to_the_target_of_a_redirect(
    cast: Cast, nginx: Nginx, workshop: Workshop
) -> None:
    credential = save(cast, workshop.openssl(client(nginx)), nginx.ca.pem)
    before = nginx.log("elsewhere")
    result = call(cast, credential, nginx.url(path="/redirect"))
    assert result.status == 307
    assert nginx.log("elsewhere") == before
    # The target is there and would say whose certificate it was shown.
    assert call(cast, credential, nginx.url("elsewhere", "/asked")).success
    # nginx writes its line after it has answered.
    wait_until(lambda: "SUCCESS|CN=bot|/asked" in nginx.log("elsewhere"), seconds=10, what="the line in nginx's log")


def test_without_tls_nothing_is_sent(cast: Cast, nginx: Nginx, workshop: Workshop, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:1"]
    credential = save(cast, workshop.openssl(client(nginx)), nginx.ca.pem)
    assert call(cast, credential, "http://127.0.0.1:1/").error == "invalid_request"
