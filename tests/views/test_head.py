"""HEAD is answered wherever GET is (RFC 9110 §9.3.2), except where looking would use something up."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import UUIDConverter

from credentials.models import Credential
from tests.support.people import Cast
from tests.support.windows import window

pytestmark = pytest.mark.django_db
# An answer of a resource counts once: nobody but a browser on its way back may open these.
USED_UP_BY_LOOKING = {"oauth2-callback", "consumer-callback"}
# Django's own, and those of the API, which has tests of its own.
ELSEWHERE = ("admin", "api", "static")


def own_patterns(resolver: URLResolver, found: list[tuple[str, str]], prefix: str = "", outer: str = "") -> None:
    """(name, name with its namespace) of every page."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            namespace = f"{outer}{pattern.namespace}:" if pattern.namespace else outer
            if not namespace.startswith(ELSEWHERE):
                own_patterns(pattern, found, prefix, namespace)
        elif isinstance(pattern, URLPattern) and pattern.name:
            found.append((pattern.name, f"{outer}{pattern.name}"))


def addresses(credential: Credential, cast: Cast) -> list[tuple[str, str]]:
    """An address for every named page."""
    values: dict[str, Any] = {
        "organization_id": credential.organization_id,
        "credential_id": credential.pk,
        "number": cast.account.number,
        "slug": "basics",
        "handle": "h" * 40,
    }
    found: list[tuple[str, str]] = []
    own_patterns(get_resolver(), found)
    resolver = get_resolver()
    told = []
    for name, full in found:
        namespace, _, bare = full.rpartition(":")
        reverse_dict = resolver.namespace_dict[namespace][1].reverse_dict if namespace else resolver.reverse_dict
        (possibilities, _, _, converters) = reverse_dict.getlist(bare)[0]
        template, names = possibilities[0]
        filled = {
            each: values.get(each, UUID(int=7) if isinstance(converters.get(each), UUIDConverter) else 7)
            for each in names
        }
        prefix = resolver.namespace_dict[namespace][0] if namespace else ""
        told.append((name, "/" + prefix + template % filled))
    return told


def test_every_page_that_answers_get_answers_head(cast: Cast, authorized: Credential) -> None:
    alice: Client = window(cast.alice)
    answered = 0
    for name, address in addresses(authorized, cast):
        wanted = alice.get(address)
        asked = window(cast.alice).head(address)
        if name in USED_UP_BY_LOOKING:
            assert asked.status_code == 405, name
            continue
        assert asked.status_code == wanted.status_code, (name, address, asked.status_code, wanted.status_code)
        assert asked.content == b"", name
        answered += wanted.status_code == 200
    assert answered >= 15
