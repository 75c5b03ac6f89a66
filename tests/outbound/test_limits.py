"""How long and how large an answer may be, and what does not leave (promises 12, 21 and 38)."""

import gzip
import logging
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from credentials.outbound import (
    Blocked,
    DeadlineExceeded,
    GuardedAdapter,
    TooLarge,
    Unreachable,
    guarded_session,
    parse_allow,
)
from tests.support.lying_server import Answer, LyingServer, gzip_bomb, huge_headers, json_answer, redirect_answer

DEADLINE = 0.5


def to(server: LyingServer, *, deadline: float = DEADLINE, max_bytes: int = 100_000) -> requests.Session:
    return guarded_session(deadline=deadline, max_bytes=max_bytes, allowance=parse_allow([server.allow_entry]))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(body=b"x" * 100, drip=0.1), id="a body that drips"),
        pytest.param(Answer(headers={"X-Long": "y" * 100}, drip=0.1, drip_headers=True), id="headers that drip"),
        pytest.param(Answer(endless=True, drip=0.1), id="a body without an end that drips"),
        pytest.param(Answer(hang=True), id="no answer at all"),
        pytest.param(Answer(wait=5), id="an answer that comes late"),
    ],
)
def test_promise_12_the_deadline_is_for_the_whole_answer(lying_server: LyingServer, answer: Answer) -> None:
    lying_server.answers(answer)
    with within(DEADLINE + 0.5), pytest.raises(DeadlineExceeded, match=r"within 0\.5 seconds"):
        to(lying_server).get(lying_server.url())


def test_a_body_that_drips_fast_enough_is_read(lying_server: LyingServer) -> None:
    lying_server.answers(Answer(body=b"slow", drip=0.02))
    assert to(lying_server, deadline=5).get(lying_server.url()).content == b"slow"


def test_the_timeout_of_one_request_shortens_the_deadline_and_never_extends_it(lying_server: LyingServer) -> None:
    lying_server.answers(Answer(hang=True))
    with within(1), pytest.raises(DeadlineExceeded, match=r"within 0\.2 seconds"):
        to(lying_server, deadline=5).get(lying_server.url(), timeout=0.2)
    with within(1), pytest.raises(DeadlineExceeded, match=r"within 0\.3 seconds"):
        to(lying_server, deadline=0.3).get(lying_server.url(), timeout=60)


def test_a_server_that_does_not_read_what_is_sent_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        session = guarded_session(deadline=DEADLINE, allowance=parse_allow([f"127.0.0.1:{port}"]))
        with within(DEADLINE + 0.5), pytest.raises(DeadlineExceeded):
            session.post(f"http://127.0.0.1:{port}/", data=b"x" * 20_000_000)


def test_a_handshake_that_never_comes_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        session = guarded_session(deadline=DEADLINE, allowance=parse_allow([f"127.0.0.1:{port}"]))
        with within(DEADLINE + 0.5), pytest.raises(DeadlineExceeded):
            session.get(f"https://127.0.0.1:{port}/")


def test_a_name_server_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def getaddrinfo(host: str, port: int, *, flags: int = 0, **kwargs: object) -> list[object]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "A name is no address.")
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with within(DEADLINE + 0.5), pytest.raises(DeadlineExceeded, match=r"slow\.example was not resolved"):
        guarded_session(deadline=DEADLINE).get("https://slow.example/")
    released.set()


def test_a_name_that_is_not_known_says_so() -> None:
    with pytest.raises(Unreachable, match=r"no-such-name\.invalid is not known"):
        guarded_session(deadline=5).get("https://no-such-name.invalid/?code=canary")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(body=b"x" * 100_001), id="announced"),
        pytest.param(Answer(endless=True), id="without an end"),
        pytest.param(gzip_bomb(), id="a gzip bomb"),
        pytest.param(
            Answer(body=zlib.compress(bytes(5_000_000)), headers={"Content-Encoding": "deflate"}), id="deflate"
        ),
        pytest.param(
            Answer(body=gzip.compress(gzip.compress(bytes(50_000_000))), headers={"Content-Encoding": "gzip, gzip"}),
            id="a bomb in a bomb",
        ),
        pytest.param(huge_headers(), id="headers"),
        pytest.param(Answer(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000), id="informational answers without an end"),
    ],
)
def test_promise_12_an_answer_larger_than_the_cap_is_refused(lying_server: LyingServer, answer: Answer) -> None:
    lying_server.answers(answer)
    with pytest.raises(TooLarge, match="larg"):
        to(lying_server, deadline=20).get(lying_server.url())


def test_a_gzip_bomb_is_never_unpacked_into_memory(lying_server: LyingServer) -> None:
    lying_server.answers(gzip_bomb(200_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            to(lying_server, deadline=20, max_bytes=300_000).get(lying_server.url())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_an_answer_of_exactly_the_cap_is_read_packed_or_not(lying_server: LyingServer) -> None:
    body = b"x" * 100_000
    lying_server.answers(Answer(body=body), Answer(body=gzip.compress(body), headers={"Content-Encoding": "gzip"}))
    assert to(lying_server, deadline=5).get(lying_server.url()).content == body
    assert to(lying_server, deadline=5).get(lying_server.url()).content == body


def test_a_chunked_answer_is_read(lying_server: LyingServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    lying_server.answers(Answer(raw=head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"))
    assert to(lying_server, deadline=5).get(lying_server.url()).text == "hello world"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_broken_answer_is_a_network_failure_without_the_query(lying_server: LyingServer, raw: bytes) -> None:
    lying_server.answers(Answer(raw=raw))
    with pytest.raises(Unreachable) as caught:
        to(lying_server, deadline=5).get(lying_server.url("/path?code=canary"))
    assert "canary" not in str(caught.value)
    assert "/path" not in str(caught.value)


def test_nobody_listening_is_a_network_failure_without_the_query(lying_server: LyingServer) -> None:
    session, url = to(lying_server), lying_server.url("/path?code=canary")
    lying_server.stop()
    with pytest.raises(Unreachable, match="refuses connections") as caught:
        session.get(url)
    assert "canary" not in repr(caught.value)


def test_a_header_that_cannot_be_written_fails_without_its_value(lying_server: LyingServer) -> None:
    with pytest.raises(requests.RequestException) as caught:
        to(lying_server).get(lying_server.url(), headers={"X-Token": "canary-\u20ac"})
    assert "canary" not in str(caught.value)
    assert lying_server.requests == []


def test_malformed_headers_put_no_query_into_the_log(
    lying_server: LyingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lying_server.answers(Answer(raw=b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n"))
    to(lying_server, deadline=5).get(lying_server.url("/?code=canary"))
    assert "canary" not in caplog.text


def test_a_redirect_is_handed_back_and_not_followed(serve: Callable[..., LyingServer]) -> None:
    target, server = serve(), serve()
    server.answers(redirect_answer(target.url("/inside"), status=307))
    allowance = parse_allow([server.allow_entry, target.allow_entry])
    answer = guarded_session(deadline=2, allowance=allowance).post(server.url(), data={"client_secret": "canary"})
    assert answer.status_code == 307
    assert target.connections == 0


def test_promise_38_a_redirect_inward_is_blocked_even_for_a_session_that_follows(
    serve: Callable[..., LyingServer],
) -> None:
    target, server = serve(), serve()
    server.answers(redirect_answer(target.url("/inside")))
    session = requests.Session()
    session.mount("http://", GuardedAdapter(deadline=2, allowance=parse_allow([server.allow_entry])))
    with pytest.raises(Blocked):
        session.get(server.url())
    assert target.connections == 0


def test_proxies_and_netrc_are_not_read(
    serve: Callable[..., LyingServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy, server = serve(), serve()
    server.answers(Answer(body=b"direct"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url())
    session = to(server, deadline=5)
    assert session.get(server.url()).content == b"direct"
    assert session.get(server.url(), proxies={"http": proxy.url()}).content == b"direct"
    assert proxy.connections == 0
    assert all("authorization" not in request.headers for request in server.requests)


def test_a_post_arrives_whole_and_its_answer_is_an_ordinary_response(lying_server: LyingServer) -> None:
    lying_server.answers(json_answer({"ok": True}, status=201, headers={"Set-Cookie": "a=b"}))
    session = to(lying_server, deadline=5)
    answer = session.post(lying_server.url("/x?y=z"), data={"name": "välue"}, headers={"X-Own": "1"})
    assert answer.status_code == 201
    assert answer.json() == {"ok": True}
    assert answer.headers["content-type"] == "application/json"
    (request,) = lying_server.requests
    assert (request.method, request.target, request.form) == ("POST", "/x?y=z", {"name": "välue"})
    assert request.headers["x-own"] == "1"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_passes(lying_server: LyingServer, method: str) -> None:
    lying_server.answers(Answer(status=204))
    assert to(lying_server, deadline=5).request(method, lying_server.url()).status_code == 204
    assert lying_server.requests[0].method == method


def test_a_body_of_unknown_length_is_sent_in_chunks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        received = bytearray()

        def serve_once() -> None:
            connection, _ = listener.accept()
            with connection:
                while not received.endswith(b"0\r\n\r\n"):
                    received.extend(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve_once)
        thread.start()
        session = guarded_session(deadline=5, allowance=parse_allow([f"127.0.0.1:{port}"]))
        assert session.post(f"http://127.0.0.1:{port}/", data=iter([b"one", b"two"])).status_code == 200
        thread.join()
    assert b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" in received


def test_many_requests_at_once_do_not_disturb_each_other(lying_server: LyingServer) -> None:
    lying_server.on("/slow", Answer(hang=True))
    lying_server.on("/fast", Answer(body=b"fast"))
    session = to(lying_server, deadline=1)
    outcomes: list[object] = []

    def hang() -> None:
        try:
            session.get(lying_server.url("/slow"))
        except DeadlineExceeded as error:
            outcomes.append(error)

    threads = [threading.Thread(target=hang) for _ in range(5)]
    for thread in threads:
        thread.start()
    with within(0.8):
        assert session.get(lying_server.url("/fast")).content == b"fast"
    for thread in threads:
        thread.join()
    assert len(outcomes) == 5


def test_an_answer_given_before_the_request_was_read_is_still_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer_and_leave() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                connection.recv(1)

        thread = threading.Thread(target=answer_and_leave)
        thread.start()
        session = guarded_session(deadline=5, allowance=parse_allow([f"127.0.0.1:{port}"]))
        assert session.post(f"http://127.0.0.1:{port}/", data=b"x" * 20_000_000).status_code == 413
        thread.join()
