"""Wrong service tokens are limited by the address they come from.

The address is the socket's, or what a proxy of ours reports; never what a client says of itself. Many clients share a
company's one address. So the limit never turns a right token away: whoever else is behind the address, their wrong ones
lock nobody out. That costs nothing, because a token has 256 random bits and nobody guesses one; what the limit ends is
the noise. Who sends a wrong token too often is told to wait.
"""

import ipaddress
import logging
import time

from django.core.cache import cache
from django.http import HttpRequest

from credentials.services.cache_errors import cache_errors

logger = logging.getLogger(__name__)

WRONG_TOKENS = 20  # from one address …
WITHIN_SECONDS = 60  # … in this time; each web process counts on its own where there is no Redis
IPV6_SITE_BITS = 64  # what one customer of a provider has at the least


class TooManyWrongTokens(Exception):
    """One more wrong token from an address that has sent too many. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many wrong service tokens")
        self.retry_after = retry_after


def count_wrong_token(request: HttpRequest) -> None:
    """Raises `TooManyWrongTokens` above the limit. Where the counter cannot be reached, nobody is held up."""
    began, left = divmod(time.time(), WITHIN_SECONDS)
    address = neighbourhood(request.META.get("REMOTE_ADDR", ""))
    key = f"wrong-service-tokens:{address}:{began:.0f}"
    try:
        cache.add(key, 0, WITHIN_SECONDS)
        count = cache.incr(key)
    except ValueError:  # it ended between the two
        return
    except cache_errors():
        return
    if count <= WRONG_TOKENS:
        return
    if count == WRONG_TOKENS + 1:
        logger.warning("More than %s wrong service tokens in a minute from %s", WRONG_TOKENS, address)
    raise TooManyWrongTokens(max(1, WITHIN_SECONDS - int(left)))


def neighbourhood(address: str) -> str:
    """The address, or of IPv6 the network of one customer, who has 2⁶⁴ addresses to choose from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_SITE_BITS), strict=False))
    return str(parsed)
