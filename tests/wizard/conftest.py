"""Bob in front of the wizard, without scripts: posts a step and goes where it leads."""

import re
from collections.abc import Mapping
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from tests.support.journeys import token_server
from tests.support.people import Cast
from tests.support.windows import window

__all__ = ["token_server"]

BASICS = {"name": "Salesforce", "kind": "oauth2", "grant_type": "authorization_code"}
RESOURCE = {
    "client_id": "client-1",
    "client_secret": "canary-secret",
    "scope": "read",
    "auth_url": "https://as.example.invalid/authorize",
    "token_url": "https://as.example.invalid/token",
    "use_pkce": "on",
    "client_authentication": "basic",
    "authorization_parameters": "",
    "client_secret_expires_on": "",
}


class Dialog:
    """*Add Credentials*, as one person sees it. `page` is what is shown; `address` is where its form is sent."""

    def __init__(self, client: Client, organization: Organization) -> None:
        self.client = client
        self.add_url = reverse("credentials:add", args=[organization.pk])
        self.page = client.get(self.add_url)

    @property
    def address(self) -> str:
        found = re.search(r'<form method="post"\s+action="([^"]+)"\s+novalidate', self.page.content.decode())
        assert found, self.page.content.decode()
        return unescape(found[1])

    def press(self, form: Mapping[str, str] | None = None, *, back: bool = False) -> HttpResponse:
        """Send the form of the page that is shown, and follow within the wizard. Returns the answer to the form."""
        posted = {**(form or {}), **({"back": "1"} if back else {})}
        answer: HttpResponse = self.client.post(self.address, posted)
        if answer.status_code == 302:
            self.page = self.client.get(answer["Location"])
        elif answer.status_code == 200:
            self.page = answer
        return answer

    def values(self) -> dict[str, str]:
        """What stands in the fields of the page."""
        page = self.page.content.decode()
        fields: dict[str, str] = {}
        for tag in re.findall(r"<input\b[^>]*>", page):
            attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            name, kind = attributes.get("name", ""), attributes.get("type", "text")
            if kind == "checkbox":
                fields[name] = "on" if " checked" in tag else ""
            elif name and kind != "hidden":
                fields[name] = unescape(attributes.get("value", ""))
        for name, text in re.findall(r'<textarea[^>]*\bname="(\w+)"[^>]*>(.*?)</textarea>', page, re.DOTALL):
            fields[name] = unescape(text).strip()
        for name, options in re.findall(r'<select[^>]*\bname="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
            chosen = re.search(r'value="([^"]*)"\s+selected', options)
            fields[name] = chosen[1] if chosen else ""
        return fields

    def to_resource(self) -> "Dialog":
        """To the last step of the Authorization Code grant."""
        self.press(BASICS)
        self.press()
        return self


@pytest.fixture
def dialog(cast: Cast) -> Dialog:
    return Dialog(window(cast.bob), cast.organization)
