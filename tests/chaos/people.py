"""Alice, who saves forms while everything falls down around her, and authorizes anew what could not be saved."""

import itertools
import re
import uuid
from urllib.parse import urljoin, urlsplit

import requests

from tests.chaos.cast import Home, credential_owner
from tests.chaos.ledger import Ledger
from tests.chaos.resource import Resource
from tests.support.sandbox_server import hidden_fields

_numbers = itertools.count(1)


class Stopped(Exception):
    """A page did not come, or led nowhere: she stops, and comes back another time."""


class Alice:
    """An administrator of every organization, at one web process. Each answer that she gets is noted."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self.password = password
        self.session = requests.Session()
        self.ledger = Ledger("")

    def get(self, address: str) -> requests.Response:
        """Raises `Stopped` where there is no page."""
        return self._noted("page", "GET", address, {})

    def post(self, address: str, form: dict[str, str], *, page: str = "") -> requests.Response:
        """The form of a page, with its hidden fields. Raises `Stopped`."""
        shown = self.get(page or address)
        if shown.status_code != 200:
            raise Stopped
        return self._noted("form", "POST", address, {**hidden_fields(shown.text), **form})

    def _noted(self, what: str, method: str, address: str, form: dict[str, str]) -> requests.Response:
        address = urljoin(self.url, address)
        try:
            answer = self.session.request(
                method, address, data=form or None, headers={"Referer": self.url}, timeout=60, allow_redirects=False
            )
        except requests.RequestException as failure:
            self.ledger.note(what, 0, f"{type(failure).__name__} at {urlsplit(address).path}")
            raise Stopped from None
        self.ledger.note(what, answer.status_code, f"{method} {urlsplit(address).path} {answer.text[-300:]}")
        if answer.status_code >= 500:
            raise Stopped
        return answer

    def sign_in(self) -> "Alice":
        self.post("/accounts/login/", {"username": "alice", "password": self.password})
        return self

    def listen(self, home: Home, resource: Resource) -> str:
        """Set up a webhook at the resource; the secret that messages are signed with."""
        page = f"/organizations/{home.id}/webhook/"
        shown = self.post(page, {"url": resource.url("/hook")})
        found = re.search(r'value="whsec_([^"]+)"', shown.text)
        assert found is not None, "the webhook was not set up"
        return found.group(1)

    def save_a_pair(self, home: Home, password: str) -> None:
        """The wizard for Basic Authentication. Once its last button leads on, the credential is there."""
        add = f"/organizations/{home.id}/credentials/add/"
        name = f"Desk {next(_numbers)} {uuid.uuid4().hex[:6]}"
        step = self._led(self.post(add, {"name": name, "kind": "basic_authentication"}))
        draft = urlsplit(step).path.rstrip("/").split("/")[-2]
        self._led(self.post(step, {"user_name": "desk", "user_password": password}))
        self.ledger.note_saved(str(uuid.UUID(draft)), password)

    def authorize(self, home: Home, credential: uuid.UUID, resource: Resource) -> None:
        """*Authorize*, agree at the resource, and come back with a code."""
        page = f"/organizations/{home.id}/credentials/{credential}/"
        go_to = self._led(self.post(f"{page}authorize/", {}, page=page))
        self._led(self.get(resource.consent(go_to, credential_owner(credential))))
        self.ledger.came_back.append(credential)

    def _led(self, answer: requests.Response) -> str:
        if not answer.is_redirect and answer.status_code != 303:
            raise Stopped
        return urljoin(answer.url, answer.headers["Location"])
