"""Which addresses the guard lets through (promise 38)."""

import ipaddress
import socket
from collections.abc import Callable

import pytest
import requests
from django.conf import LazySettings

from credentials.outbound import (
    Allowance,
    Blocked,
    GuardedAdapter,
    check_url,
    guarded_session,
    leads_to_the_same_place,
    origin,
    parse_allow,
)
from credentials.outbound.policy import is_public, screen
from tests.support.lying_server import Answer, LyingServer

NOTHING = Allowance()


def fake_names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let every look-up give the next of ``answers``; return the list of names that were looked up."""
    asked: list[str] = []
    turns = iter(answers)

    def getaddrinfo(host: str, port: int, *, flags: int = 0, **kwargs: object) -> list[tuple[object, ...]]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "A name is no address.")
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(turns)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "017700000001",
        "127.0.1",
        "0x7f.1",
        "0",
        "0.0.0.0",  # noqa: S104
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[fec0::1]",
        "[fc00::1]",
        "[fe80::1]",
        "[ff02::1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:7f00:1::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[100::1]",
    ],
)
def test_promise_38_no_spelling_of_an_address_inside_is_connected_to(host: str) -> None:
    with pytest.raises(Blocked, match="not public"):
        guarded_session(deadline=2, allowance=NOTHING).get(f"https://{host}/")


@pytest.mark.parametrize("scheme", ["ftp", "httpx", "file", ""])
def test_nothing_but_http_and_https_is_sent(lying_server: LyingServer, scheme: str) -> None:
    """Not even without a session in between, which would refuse it first."""
    allowance = parse_allow([lying_server.allow_entry])
    request = requests.PreparedRequest()
    request.method, request.url = "GET", lying_server.url("/").replace("http", scheme, 1)
    with pytest.raises(requests.exceptions.InvalidSchema):
        GuardedAdapter(deadline=2, allowance=allowance).send(request)
    assert lying_server.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        # Digits and dots of other scripts, which IDNA writes as ours.
        "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
        "\u2460\u2461\u2466.0.0.1",
        "127\u30020\u30020\u30021",
        "LOCALHOST.",
        "\uff4cocalhost",
    ],
)
def test_promise_38_no_other_script_leads_inside(lying_server: LyingServer, host: str) -> None:
    with pytest.raises(requests.RequestException):
        guarded_session(deadline=2, allowance=NOTHING).get(lying_server.url(host=host).replace("http:", "https:"))
    assert lying_server.connections == 0


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "100.128.0.1", "2606:4700:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"],
)
def test_a_public_address_is_public_also_inside_ipv6(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(Blocked):
        screen("example.com", 443, ["1.1.1.1", "10.0.0.1"], NOTHING)


def test_a_name_with_public_addresses_only_is_let_through() -> None:
    screen("example.com", 443, ["1.1.1.1", "2606:4700:4700::1111"], NOTHING)


def test_nothing_is_sent_to_a_blocked_server(lying_server: LyingServer) -> None:
    with pytest.raises(Blocked):
        guarded_session(deadline=2, allowance=parse_allow(["10.0.0.0/8"])).get(
            lying_server.url("/").replace("http:", "https:")
        )
    assert lying_server.connections == 0


def test_promise_38_a_name_that_changes_its_address_is_looked_up_once_and_never_reaches_the_second(
    lying_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying_server.answers(Answer(body=b"inside"))
    asked = fake_names(monkeypatch, ["127.0.0.9"], ["127.0.0.1"])
    allowance = Allowance(hosts=frozenset({("rebind.example", lying_server.port)}))
    with pytest.raises(OSError, match=r"rebind\.example"):
        guarded_session(deadline=2, allowance=allowance).get(f"http://rebind.example:{lying_server.port}/")
    assert asked == ["rebind.example"]
    assert lying_server.connections == 0


def test_promise_38_a_name_that_moves_inside_after_a_first_good_answer_is_blocked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_names(monkeypatch, ["127.0.0.1"])
    with pytest.raises(Blocked):
        guarded_session(deadline=2, allowance=NOTHING).get("https://rebind.example/")


def test_the_judged_address_is_connected_to_and_the_typed_name_is_in_the_host_header(
    lying_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying_server.answers(Answer(body=b"hello"))
    fake_names(monkeypatch, ["127.0.0.1"])
    allowance = parse_allow([f"shop.example:{lying_server.port}"])
    answer = guarded_session(deadline=2, allowance=allowance).get(f"http://shop.example:{lying_server.port}/a?b=c")
    assert answer.content == b"hello"
    assert lying_server.requests[0].headers["host"] == f"shop.example:{lying_server.port}"
    assert lying_server.requests[0].target == "/a?b=c"


def test_the_second_address_is_tried_when_the_first_refuses(
    lying_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying_server.answers(Answer(body=b"hello"))
    fake_names(monkeypatch, ["127.0.0.9", "127.0.0.1"])
    allowance = parse_allow([f"shop.example:{lying_server.port}"])
    answer = guarded_session(deadline=2, allowance=allowance).get(f"http://shop.example:{lying_server.port}/")
    assert answer.content == b"hello"


def test_promise_38_an_entry_with_host_and_port_allows_exactly_these(serve: Callable[..., LyingServer]) -> None:
    allowed, other = serve(), serve()
    session = guarded_session(deadline=2, allowance=parse_allow([allowed.allow_entry]))
    assert session.get(allowed.url()).status_code == 404
    with pytest.raises(Blocked):
        session.get(other.url())
    with pytest.raises(Blocked):
        session.get(allowed.url(host="127.1"))
    assert other.connections == 0


def test_a_network_entry_allows_its_addresses_over_https_only() -> None:
    session = guarded_session(deadline=2, allowance=parse_allow(["10.1.2.0/24"]))
    with pytest.raises(Blocked, match="https:// only"):
        session.get("http://10.1.2.3/")
    screen("10.1.2.3", 443, ["10.1.2.3"], parse_allow(["10.1.2.0/24"]))


def test_a_network_entry_allows_http_to_an_address_that_never_leaves_the_machine(
    lying_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = guarded_session(deadline=2, allowance=parse_allow(["127.0.0.0/8"]))
    assert session.get(lying_server.url()).status_code == 404
    fake_names(monkeypatch, ["127.0.0.1"])
    with pytest.raises(Blocked, match="https:// only"):  # a name can lead elsewhere tomorrow
        session.get(f"http://shop.example:{lying_server.port}/")
    with pytest.raises(Blocked, match="https:// only"):
        guarded_session(deadline=2, allowance=parse_allow(["10.0.0.0/8"])).get(lying_server.url())


def test_a_network_entry_counts_for_the_same_address_inside_ipv6() -> None:
    screen("inside.example", 443, ["::ffff:10.1.2.3"], parse_allow(["10.1.2.0/24"]))


def test_outbound_allow_is_read_at_each_request(lying_server: LyingServer, settings: LazySettings) -> None:
    session = guarded_session(deadline=2)
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(Blocked):
        session.get(lying_server.url())
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    assert session.get(lying_server.url()).status_code == 404


def test_entries_are_read_with_case_dots_and_brackets_aside() -> None:
    allowance = parse_allow([" IDP.Internal.:8443 ", "[::1]:8000", "10.0.0.0/8", "fd00::/8"])
    assert allowance.names("idp.internal", 8443)
    assert allowance.names("::1", 8000)
    assert not allowance.names("idp.internal", 443)
    assert allowance.holds(ipaddress.ip_address("10.9.9.9"))
    assert allowance.holds(ipaddress.ip_address("fd00::1"))


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "host",
        "10.0.0.1",
        "::1",
        "fd00::1",
        "host:",
        ":80",
        "host:0",
        "host:65536",
        "host:999999",
        "host:8a",
        "host:²",
        "10.0.0.1/8",
        "10.0.0.0/40",
        "http://host:80",
        "host:80/path",
        "user@host:80",
        "*:80",
        "two words:80",
    ],
)
def test_an_entry_that_is_neither_host_and_port_nor_a_network_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"neither|no network|no host"):
        parse_allow([entry])


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://example.com/token", "http:// is for hosts"),
        ("ftp://example.com/", "begin with https://"),
        ("javascript:alert(1)", "begin with https://"),
        ("//example.com/", "begin with https://"),
        ("example.com", "begin with https://"),
        ("", "begin with https://"),
        ("https://", "needs a host"),
        ("https:///path", "needs a host"),
        ("https://:443/", "needs a host"),
        ("https://example.com:0/", "needs a host"),
        ("https://bob:secret@example.com/", "user name"),
        ("https://@example.com/", "user name"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com/#", "fragment"),
        ("https://example.com:99999/", "well-formed"),
        ("https://example.com:x/", "well-formed"),
        ("https://[::1/", "well-formed"),
        ("https://a..b/", "well-formed"),
        ("https://" + "a" * 64 + ".com/", "well-formed"),
        ("https://example.com/a b", "space"),
        ("https://example.com\\@evil.example/", "character"),
        ("https://exa\nmple.com/", "space"),
        ("https://example.com/\x00", "character"),
        ("https://example.com/\u202e", "character"),
    ],
)
def test_a_url_that_may_not_be_called_is_refused_in_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        check_url(url, allowance=NOTHING)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/oauth2/token?tenant=a",
        "https://[2606:4700::1]/",
        "https://bücher.example/",
        "http://idp.internal:8080/token",
    ],
)
def test_an_https_url_and_an_allowed_http_url_pass(url: str) -> None:
    check_url(url, allowance=parse_allow(["idp.internal:8080"]))


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://Example.COM/a", "https://example.com:443"),
        ("https://example.com.:443/b?c", "https://example.com:443"),
        ("https://example.com:", "https://example.com:443"),
        ("HTTP://example.com", "http://example.com:80"),
        ("https://[2606:4700::AB]/", "https://[2606:4700::ab]:443"),
        ("https://[2606:4700::ab]:8443/", "https://[2606:4700::ab]:8443"),
    ],
)
def test_an_origin_is_written_in_one_way(url: str, where: str) -> None:
    assert origin(url) == where


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com", "http://example.com"),
        ("https://example.com", "https://example.com:8443"),
        ("https://example.com", "https://example.com.evil.example"),
        # Python writes both in the same small letters; they are two names in the DNS.
        ("https://ΑΣ-5.example", "https://ας-5.example"),
        ("https://straße.example", "https://strasse.example"),
    ],
)
def test_two_places_have_two_origins(one: str, other: str) -> None:
    assert origin(one) != origin(other)


def test_checking_a_url_looks_up_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_names(monkeypatch)
    check_url("https://example.com/", allowance=NOTHING)
    assert asked == []


@pytest.mark.parametrize(
    "said", ["https://as.example:8443/userinfo", "https://evil.example/", "https://as.example:nine/", ""]
)
def test_what_a_server_names_elsewhere_or_badly_is_not_its_own_place(said: str) -> None:
    assert leads_to_the_same_place("https://AS.example:443/userinfo", "https://as.example/token")
    assert not leads_to_the_same_place(said, "https://as.example/token")
