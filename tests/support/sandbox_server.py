"""The sandbox resource as a real process: an authorization server, and an API that wants its tokens."""

import html
import json
import re
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import requests

from botaccounts.sandbox import OTHER_USERNAME, SAMPLE_PASSWORD, SAMPLE_USERNAME
from botaccounts.sandbox.ledger import Stats, read_stats
from tests.support import preloaded
from tests.support.canary import MARK
from tests.support.environment import scratch_environment
from tests.support.errands import Errands
from tests.support.processes import Server, answers, free_port

_SERVE = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--workers", "1"]
_SERVE += ["--blocking-threads", "8", "--no-ws", "--log-level", "error"]
# What the first sandbox was prepared with: the content of its files.
_PREPARED: dict[str, bytes] = {}
# In a client secret: what is lost unless Basic is form-encoded first (RFC 6749 §2.3.1).
WANTS_ENCODING = " p%a+s:s word/&=?%2B"
Grant = Literal["authorization-code", "client-credentials"]


@dataclass(frozen=True)
class Application:
    """A client registered at the sandbox."""

    client_id: str
    client_secret: str


class Sandbox:
    """A running sandbox resource. Its person signs in with `username` and `password`.

    `port`: of one that somebody else started, with its files in `folder`.
    """

    username = SAMPLE_USERNAME
    other_username = OTHER_USERNAME
    password = SAMPLE_PASSWORD

    def __init__(self, folder: Path, access_token_seconds: int, takes: float = 0.0, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.host_and_port = f"127.0.0.1:{self.port}"
        self.authorization_url = f"{self.url}/o/authorize/"
        self.token_url = f"{self.url}/o/token/"
        self.revocation_url = f"{self.url}/o/revoke_token/"
        self.access_token_seconds = access_token_seconds
        self._session: requests.Session | None = None
        self.database = folder / "sandbox.sqlite3"
        self._key = self.database.with_suffix(".pem")
        self.env = scratch_environment(
            SANDBOX_SECRET_KEY="a secret key for the sandbox of one test run, of no use elsewhere",
            SANDBOX_DATABASE=str(self.database),
            SANDBOX_ACCESS_TOKEN_SECONDS=str(access_token_seconds),
            TOKEN_REQUEST_TAKES=str(takes),
        )
        self.server = Server(
            "sandbox",
            [*_SERVE, "--port", str(self.port), "tests.support.marked_sandbox:application"],
            log=folder / "sandbox.log",
            env=self.env,
            is_ready=lambda server: answers(f"{self.url}/health/live"),
            start=preloaded.start,
        )
        self._errands = Errands(
            self.env, "from botaccounts.sandbox.__main__ import main", "sys.exit(1) if main(errand) else None"
        )

    def start(self) -> "Sandbox":
        if not self.database.exists():
            self._prepare()
        self.server.start()
        return self

    def _prepare(self) -> None:
        """Migrate and make the people and the key once; every further sandbox of this process begins with a copy."""
        if not _PREPARED:
            self.command("prepare")
            with closing(sqlite3.connect(self.database)) as database:
                _PREPARED.update(database=database.serialize(), key=self._key.read_bytes())
            return
        self._key.write_bytes(_PREPARED["key"])
        self.database.write_bytes(_PREPARED["database"])

    def stop(self) -> None:
        """Provider down; `start()` brings it back on the same port with the same grants."""
        self.server.stop()

    def command(self, *arguments: str) -> str:
        """Run a command of `python -m botaccounts.sandbox` against this sandbox and return what it prints."""
        return self._errands.run(arguments)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        self._errands.close()

    def register_application(
        self,
        name: str = "Bot Accounts",
        *,
        redirect_uri: str = "",
        grant: Grant = "authorization-code",
        id_tokens: bool = False,
        ending: str = "",
    ) -> Application:
        """Its secret is random, and ends in `ending`."""
        arguments = ["register", "--name", name, "--grant", grant, "--json"]
        arguments += ["--client-secret", MARK + secrets.token_urlsafe(75) + ending]
        if redirect_uri:
            arguments += ["--redirect-uri", redirect_uri]
        if id_tokens:
            arguments.append("--id-tokens")
        registered = json.loads(self.command(*arguments))
        return Application(registered["client_id"], registered["client_secret"])

    def revoke(self, client_id: str = "") -> None:
        """Take back every grant of people (to one application, if named): access and refresh tokens stop at once."""
        self.command("revoke-user-grants", *(["--client-id", client_id] if client_id else []))

    def expire(self, client_id: str = "") -> None:
        """Let access tokens (of one application, if named) end now; their refresh tokens keep working."""
        self.command("expire", *(["--client-id", client_id] if client_id else []))

    def stats(self, client_id: str | None = None) -> Stats:
        """What reached the token endpoint and what is alive, in all or for one application."""
        return read_stats(self.database, client_id)

    def sign_in(self, username: str = SAMPLE_USERNAME) -> requests.Session:
        """A browser-less session of a sample person."""
        session = requests.Session()
        login = f"{self.url}/accounts/login/"
        form = {
            "username": username,
            "password": self.password,
            **hidden_fields(session.get(login, timeout=10).text),
        }
        answer = session.post(login, data=form, headers={"Referer": login}, timeout=10, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return session

    def _sample_person(self) -> requests.Session:
        """Who signs in once for all consents: to verify a password is slow on purpose."""
        if self._session is None:
            self._session = self.sign_in()
        return self._session

    def consent(self, authorization_url: str, *, allow: bool = True, session: requests.Session | None = None) -> str:
        """Open an authorization URL as the sample person, press Authorize (or Cancel), return where they are sent."""
        session = session or self._sample_person()
        page = session.get(authorization_url, timeout=10, allow_redirects=False)
        if page.is_redirect:
            return page.headers["Location"]
        assert page.status_code == 200, page.text
        form = hidden_fields(page.text)
        if allow:
            form["allow"] = "Authorize"
        headers = {"Referer": self.authorization_url}
        answer = session.post(page.url, data=form, headers=headers, timeout=10, allow_redirects=False)
        assert answer.is_redirect, answer.text
        return answer.headers["Location"]


def hidden_fields(page: str) -> dict[str, str]:
    """Names and values of a page's hidden inputs; of a name that occurs twice, the last."""
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden" and "name" in attributes:
            fields[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return fields


@pytest.fixture(scope="session")
def start_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    """Factory: `start_sandbox(access_token_seconds=3)` starts one more; all are stopped at the end of the run.

    `takes`: seconds by which its token endpoint is slower than it need be.
    """
    started: list[Sandbox] = []

    def start(access_token_seconds: int = 300, takes: float = 0.0) -> Sandbox:
        sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), access_token_seconds, takes)
        started.append(sandbox)
        return sandbox.start()

    yield start
    for sandbox in started:
        sandbox.close()


@pytest.fixture(scope="session")
def sandbox(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """The run's sandbox; its access tokens live 300 seconds."""
    return start_sandbox()
