"""Behind a proxy of ours (`BEHIND_PROXY`), the client's address is what that proxy says, and nothing else."""

import ipaddress
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ClientAddressMiddleware:
    """Sets REMOTE_ADDR to the last entry of `X-Forwarded-For`: the one that the nearest proxy wrote.

    Entries before it came along with the request and may be forged. Limits on sign-in and on wrong service tokens count
    by this address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        said = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
        if is_address(said):
            request.META["REMOTE_ADDR"] = said
        return self.get_response(request)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
