"""Whose address counts behind a proxy of ours."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from botaccounts.proxy import ClientAddressMiddleware


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.9, unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_promise_32_the_last_entry_counts_which_the_nearest_proxy_wrote(
    rf: RequestFactory, said: str, address: str
) -> None:
    seen = []
    answer = ClientAddressMiddleware(lambda request: seen.append(request.META["REMOTE_ADDR"]) or HttpResponse())
    answer(rf.get("/", HTTP_X_FORWARDED_FOR=said))
    assert seen == [address]
