"""Which addresses may be reached: public ones over https, and what the operator names in OUTBOUND_ALLOW."""

import functools
import ipaddress
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from django.conf import settings

from credentials.outbound.errors import Blocked

# Beside what Python calls private: the 6to4 relay anycast block, retired but still routed inwards by some networks.
_CLOSED_V4 = (IPv4Network("192.88.99.0/24"),)
# Outside 2000::/3 nothing is global unicast (RFC 4291): fc00::/7, fe80::/10, fec0::/10, ff00::/8, ::1 and the rest.
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = (IPv6Network("2001::/23"), IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: a network without IPv4 reaches it by these


@dataclass(frozen=True)
class Allowance:
    """The operator's exceptions: ``hosts`` are host and port as typed in a URL, ``networks`` the addresses reached."""

    hosts: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def names(self, host: str, port: int) -> bool:
        return (_plain_host(host), port) in self.hosts

    def may_be_plain(self, host: str, port: int) -> bool:
        """Whether http:// will do: the host and port are named, or it never leaves this machine and is allowed."""
        return self.names(host, port) or self._is_own_machine(_plain_host(host))

    def _is_own_machine(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False  # a name can lead anywhere
        return address.is_loopback and self.holds(address)

    def holds(self, address: IPv4Address | IPv6Address) -> bool:
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.networks)


def parse_allow(entries: Iterable[str]) -> Allowance:
    """Read ``host:port`` (an IPv6 host in brackets) and CIDR entries; raise ValueError naming one that is neither."""
    hosts: set[tuple[str, int]] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in (text.strip() for text in entries):
        if "/" in entry:
            try:
                networks.append(ipaddress.ip_network(entry))
            except ValueError:
                raise ValueError(f"{entry!r} is no network. Write a CIDR such as 10.1.2.0/24.") from None
            continue
        host, colon, port = entry.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        digits = port.isascii() and port.isdigit() and len(port) <= 5
        if not host or not colon or not digits or not 1 <= int(port) <= 65535 or (":" in host and not bracketed):
            raise ValueError(f"{entry!r} is neither host:port nor a CIDR.")
        if any(char.isspace() or char in "@?#\\*" for char in host):
            raise ValueError(f"{entry!r} holds a character that no host has.")
        hosts.add((_plain_host(host), int(port)))
    return Allowance(frozenset(hosts), tuple(networks))


def configured() -> Allowance:
    """Return what OUTBOUND_ALLOW says now; raises ValueError as `parse_allow` does."""
    return _parsed(tuple(settings.OUTBOUND_ALLOW))


_parsed = functools.lru_cache(maxsize=8)(parse_allow)


def check_url(url: str, *, allowance: Allowance | None = None) -> None:
    """Raise ValueError with one plain sentence unless ``url`` may be called at all. Looks up no name.

    https only, and http only for a host and port in OUTBOUND_ALLOW, or a loopback address in a network that it names;
    no user name, no fragment; a host. Whether the
    host's address is one that may be reached is decided when it is connected to.
    """
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in url):
        raise ValueError("The URL holds a space or a character that no URL may hold.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:  # UnicodeError is one
        raise ValueError("The URL is not well-formed.") from None
    if parts.scheme not in ("https", "http"):
        raise ValueError("The URL must begin with https://.")
    if not host or port == 0:
        raise ValueError("The URL needs a host.")
    if "@" in parts.netloc:
        raise ValueError("The URL must not hold a user name or a password.")
    if "#" in url:
        raise ValueError("The URL must not hold a fragment (#).")
    allowance = configured() if allowance is None else allowance
    if parts.scheme == "http" and not allowance.may_be_plain(host, port or 80):
        raise ValueError("The URL must begin with https://; http:// is for hosts that the operator has allowed.")


def is_named(url: str) -> bool:
    """Tell whether OUTBOUND_ALLOW names the host and port of ``url``, which `check_url` has accepted."""
    parts = urlsplit(url)
    return configured().names(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def origin(url: str) -> str:
    """``scheme://host:port`` of ``url``, which `check_url` has accepted: equal texts lead to the same place.

    Only ASCII letters lose their case. Of others two spellings can be two hosts, and then they must not look like one:
    Python's lower case of the Greek capital sigma depends on what follows it, that of IDNA does not.
    """
    parts = urlsplit(url)
    typed = parts.netloc.removesuffix(":")
    host = typed if parts.port is None else typed.rpartition(":")[0]
    lowered = host.translate({ord(letter): letter.lower() for letter in string.ascii_uppercase})
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{lowered.rstrip('.')}:{port}"


def leads_to_the_same_place(said: str, ours: str) -> bool:
    """Tell whether an address that a server names has the origin of ``ours``. What is no address never has."""
    try:
        return origin(said) == origin(ours)
    except ValueError:
        return False


def screen(host: str, port: int, addresses: Sequence[str], allowance: Allowance) -> None:
    """Raise Blocked unless every one of ``addresses``, to which ``host`` resolved, is public or allowed."""
    if allowance.names(host, port):
        return
    for text in addresses:
        address = ipaddress.ip_address(text)
        if not is_public(address) and not allowance.holds(address):
            raise Blocked(
                f"{host} leads to an address that is not public. The operator can allow it with OUTBOUND_ALLOW."
            )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether anybody on the internet can reach ``address``. An IPv4 address inside an IPv6 one is judged too."""
    if isinstance(address, IPv4Address):
        closed = address.is_multicast or address.is_reserved or any(address in network for network in _CLOSED_V4)
        return address.is_global and not closed
    inner = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        inner = IPv4Address(address.packed[-4:])
    if inner is not None:
        return is_public(inner)
    # Teredo lies in 2001::/23 and is refused with it, whatever it embeds.
    return address in _OPEN_V6 and address.is_global and not any(address in network for network in _CLOSED_V6)


def _plain_host(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
