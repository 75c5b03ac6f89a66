"""Whom the way out believes (promise 39), over real TLS on loopback."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from credentials.outbound import DeadlineExceeded, GuardedAdapter, TlsRefused, guarded_session, parse_allow
from tests.outbound import certificates
from tests.outbound.certificates import Issued
from tests.outbound.test_policy import fake_names
from tests.support.lying_server import Answer, LyingServer

Serve = Callable[..., LyingServer]


@pytest.fixture(scope="module")
def ca() -> Issued:
    return certificates.authority()


def session_to(server: LyingServer, *, deadline: float = 5, trusted: Issued | None = None) -> requests.Session:
    allowance = parse_allow([server.allow_entry, f"shop.example:{server.port}"])
    context = certificates.client_context(trusted) if trusted else None
    return guarded_session(deadline=deadline, allowance=allowance, ssl_context=context)


def refused(session: requests.Session, url: str) -> str:
    with pytest.raises(TlsRefused) as caught:
        session.post(url, data={"client_secret": "canary"})
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_promise_39_a_self_signed_certificate_is_refused_and_nothing_is_sent(serve: Serve, tmp_path: Path) -> None:
    server = serve(tls=certificates.server_context(certificates.self_signed("127.0.0.1"), tmp_path))
    assert "self-signed certificate" in refused(session_to(server), server.url())
    assert server.requests == []


def test_promise_39_a_certificate_of_a_foreign_authority_is_refused(serve: Serve, tmp_path: Path, ca: Issued) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("127.0.0.1", ca), tmp_path))
    assert "unable to get local issuer" in refused(session_to(server), server.url())
    other = certificates.authority("Other CA")
    assert "unable to get local issuer" in refused(session_to(server, trusted=other), server.url())
    assert server.requests == []


def test_promise_39_a_certificate_of_another_host_is_refused(serve: Serve, tmp_path: Path, ca: Issued) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("other.example", ca), tmp_path))
    assert "mismatch" in refused(session_to(server, trusted=ca), server.url())
    assert server.requests == []


def test_a_name_in_the_common_name_alone_does_not_count(
    serve: Serve, tmp_path: Path, ca: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_names(monkeypatch, ["127.0.0.1"])
    server = serve(tls=certificates.server_context(certificates.leaf("other.example", ca), tmp_path))
    assert "Hostname mismatch" in refused(session_to(server, trusted=ca), server.url(host="shop.example"))


def test_promise_39_an_expired_certificate_is_refused(serve: Serve, tmp_path: Path, ca: Issued) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("127.0.0.1", ca, days=-1), tmp_path))
    assert "expired" in refused(session_to(server, trusted=ca), server.url())


def test_promise_38_the_typed_name_is_verified_and_sent_as_sni_while_the_judged_address_is_connected_to(
    serve: Serve, tmp_path: Path, ca: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("shop.example", ca), tmp_path))
    server.answers(Answer(body=b"hello"))
    asked = fake_names(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    answer = session_to(server, trusted=ca).get(server.url(host="shop.example"))
    assert answer.content == b"hello"
    assert asked == ["shop.example"]
    assert server.server_names == ["shop.example"]
    assert server.requests[0].headers["host"] == f"shop.example:{server.port}"


def test_an_address_in_the_certificate_counts_for_that_address(serve: Serve, tmp_path: Path, ca: Issued) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("127.0.0.1", ca), tmp_path))
    server.answers(Answer(body=b"hello"))
    assert session_to(server, trusted=ca).get(server.url()).content == b"hello"


def test_promise_39_verification_cannot_be_switched_off(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(tls=certificates.server_context(certificates.self_signed("127.0.0.1"), tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.self_signed("127.0.0.1").write(tmp_path)))
    session = session_to(server)
    session.verify = False
    assert "self-signed" in refused(session, server.url())
    with pytest.raises(TlsRefused):
        session.get(server.url(), verify=False)
    assert server.requests == []


def test_a_context_that_does_not_verify_is_not_accepted() -> None:
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    with pytest.raises(ValueError, match="must verify"):
        GuardedAdapter(ssl_context=careless)
    careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(ValueError, match="must verify"):
        GuardedAdapter(ssl_context=careless)


def test_a_given_context_trusts_its_own_authority_alone(ca: Issued, serve: Serve, tmp_path: Path) -> None:
    context = certificates.client_context(ca)
    server = serve(tls=certificates.server_context(certificates.leaf("127.0.0.1", ca), tmp_path))
    allowance = parse_allow([server.allow_entry])
    with guarded_session(deadline=5, allowance=allowance, ssl_context=context) as session:
        session.get(server.url())
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_client_certificate_is_shown_where_the_context_holds_one(serve: Serve, tmp_path: Path, ca: Issued) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("127.0.0.1", ca), tmp_path, demand=ca))
    server.answers(Answer(body=b"welcome"))
    identity = certificates.leaf("bot.example", ca)
    context = certificates.client_context(ca, identity=identity, folder=tmp_path)
    allowance = parse_allow([server.allow_entry])
    session = guarded_session(deadline=5, allowance=allowance, ssl_context=context)
    assert session.get(server.url()).content == b"welcome"


def test_a_server_that_wants_a_client_certificate_and_gets_none_says_so(
    serve: Serve, tmp_path: Path, ca: Issued
) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("127.0.0.1", ca), tmp_path, demand=ca))
    assert "certificate required" in refused(session_to(server, trusted=ca), server.url())


def test_two_sides_without_a_common_version_say_so(serve: Serve, tmp_path: Path, ca: Issued) -> None:
    context = certificates.server_context(certificates.leaf("127.0.0.1", ca), tmp_path)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    server = serve(tls=context)
    client = certificates.client_context(ca)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    session = guarded_session(deadline=5, allowance=parse_allow([server.allow_entry]), ssl_context=client)
    assert "version" in refused(session, server.url())


@pytest.mark.parametrize("drip_headers", [True, False])
def test_the_deadline_holds_inside_tls(serve: Serve, tmp_path: Path, ca: Issued, drip_headers: bool) -> None:
    server = serve(tls=certificates.server_context(certificates.leaf("127.0.0.1", ca), tmp_path))
    server.answers(Answer(body=b"x" * 100, headers={"X-Long": "y" * 100}, drip=0.1, drip_headers=drip_headers))
    with pytest.raises(DeadlineExceeded):
        session_to(server, deadline=0.5, trusted=ca).get(server.url())
