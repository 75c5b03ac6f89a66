"""A running product with its people, and the sandbox resource beside it: where every walk through the pages begins."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import requests

from tests.support.errands import Errands
from tests.support.inside import MINUTE, Inside
from tests.support.journeys import Added, Stage, Visitor, bot_token, set_the_stage
from tests.support.product import Factory, Product
from tests.support.sandbox_server import Sandbox

# Long enough for a walk of a few clicks, short enough to wait for its end.
ACCESS_TOKEN_SECONDS = 6


@dataclass(frozen=True)
class Scene:
    """Bob manages the credentials of one organization with one bot; `stage` holds their ids and the service token."""

    product: Product
    sandbox: Sandbox
    stage: Stage
    errands: Errands
    organization: str = "Support bots"
    _visitors: dict[str, Visitor] = field(default_factory=dict)

    def url(self, path: str = "credentials/") -> str:
        """The address of a page of the organization."""
        return f"{self.product.url}/organizations/{self.stage.organization_id}/{path}"

    def visitor(self, username: str = "alice") -> Visitor:
        """A person without a browser, who signs in once for all the walks."""
        if username not in self._visitors:
            self._visitors[username] = Visitor(self.product.url, self.stage, username).sign_in()
        return self._visitors[username]

    def cookies(self, username: str) -> list[Any]:
        """The cookie by which the product knows this person. Whoever signs out with it signs out everybody else."""
        session = [cookie for cookie in self.visitor(username).session.cookies if cookie.name.endswith("session")]
        return [{"name": each.name, "value": each.value or "", "url": self.product.url} for each in session]

    @cached_property
    def resource_cookies(self) -> list[Any]:
        """The cookie by which the sandbox knows its sample person."""
        return [
            {"name": each.name, "value": each.value or "", "url": self.sandbox.url}
            for each in self.sandbox.sign_in().cookies
            if each.name.endswith("session")
        ]

    def shell(self, code: str) -> str:
        """Run Python in the product and return the last line that it printed."""
        return self.errands.run(code).strip().rpartition("\n")[2]

    def added(self, name: str, **options: Any) -> Added:
        """A credential of Bob's that waits for *Authorize*, or with Client Credentials for the worker.

        `options` are those of `Visitor.add`: the grant, and what is entered instead of the right thing.
        """
        return self.visitor("bob").add(self.sandbox, name=name, **options)

    def authorized(self, name: str, **options: Any) -> Added:
        """A credential of Bob's that works."""
        return self.visitor("bob").add_authorized(self.sandbox, name=name, **options)

    def stop_workers(self) -> None:
        """Nothing that waits for a worker happens any more."""
        for name in self._workers:
            self.product.stop(name)

    def start_workers(self) -> None:
        """Start those that do not run."""
        for name in self._workers:
            if not self.product.processes[name].is_running:
                self.product.start(name)

    @property
    def _workers(self) -> list[str]:
        return [name for name in self.product.processes if name.startswith("worker.")]

    def end_token(self, credential_id: str, client_id: str) -> None:
        """The time of an access token has passed, at the sandbox and in the product, and nobody has renewed it."""
        self.sandbox.expire(client_id)
        inside = Inside(self.product)
        inside.end_token(credential_id)
        ends = "UPDATE credentials_credential SET expires_at = ? WHERE id = ? AND expires_at IS NOT NULL"
        inside.change(ends, datetime.now(UTC) - MINUTE, uuid.UUID(credential_id))

    def add_integration(self, credential_id: str, url: str = "") -> str:
        """Attach a credential to a call of the sandbox's protected API, or of `url`, on its page; its id."""
        alice = self.visitor("alice")
        form = {
            "name": f"Order status {credential_id[:8]}",
            "bot": self.stage.bot_id,
            "method": "GET",
            "url": url or f"{self.sandbox.url}/api/orders/A-1001",
            "credential": credential_id,
            "use_default_headers": "on",
        }
        return alice.step(alice.post(self.url("integrations/add/"), form)).rstrip("/").rpartition("/")[2]

    def call(self, integration_id: str) -> requests.Response:
        """What a bot does in the middle of a conversation."""
        return requests.post(
            f"{self.product.url}/api/v1/integrations/{integration_id}/call",
            json={"variables": {}},
            headers={"Authorization": f"Bearer {self.stage.service_token}"},
            timeout=30,
        )

    def token_of(self, credential_id: str) -> str:
        """The access token that a bot is given."""
        return str(bot_token(self.product.url, self.stage, credential_id).json()["access_token"])

    def credentials_named(self, name: str) -> list[str]:
        """The ids of the organization's credentials of this name, as the API lists them."""
        found = self.list_by_api().json()["credentials"]
        return [credential["id"] for credential in found if credential["name"] == name]

    def list_by_api(self) -> requests.Response:
        """The organization's credentials, as a bot lists them."""
        return requests.get(
            f"{self.product.url}/api/v1/credentials?limit=500",
            headers={"Authorization": f"Bearer {self.stage.service_token}"},
            timeout=30,
        )


_ANOTHER = """
import json
from datetime import timedelta
from django.utils import timezone
from organizations import services
from organizations.audit import Actor
from organizations.models import Membership, Role
stage = Actor.command("demo")
alice = Membership.objects.get(organization_id={organization_id!r}, user__username="alice").user
account = services.create_account(stage, {number!r}, {brand!r})
organization = services.create_organization(stage, account, {name!r}, administrator=alice)
bot = services.create_bot(stage, organization, "Order desk")
token, plaintext = services.create_service_token(stage, organization, "runtime", timezone.now() + timedelta(days=1))
print(json.dumps({{"organization_id": str(organization.pk), "bot_id": str(bot.pk), "service_token": plaintext}}))
"""


def another(scene: Scene, name: str, *, number: str, sandbox: Sandbox | None = None) -> Scene:
    """An organization of another account in the same product. Alice is its administrator, and of both from now on."""
    script = _ANOTHER.format(
        organization_id=scene.stage.organization_id, number=number, brand=f"Brand {number}", name=name
    )
    stage = Stage(**json.loads(scene.shell(script)))
    return Scene(scene.product, sandbox or scene.sandbox, stage, scene.errands, organization=name)


def set_up(start_product: Factory, sandbox: Sandbox, **options: Any) -> Scene:
    """Start a product that may call `sandbox`, with people in it. `options` are the factory's."""
    env = {"OUTBOUND_ALLOW": sandbox.host_and_port, **options.pop("env", {})}
    product = start_product(**{"web": 1, "workers": 1, **options}, env=env)
    return scene_of(product, sandbox)


def scene_of(product: Product, sandbox: Sandbox) -> Scene:
    """Fill a running product with people."""
    errands = Errands(product.env, "import django; django.setup()", "exec(errand, {})")
    return Scene(product, sandbox, set_the_stage(product, errands.run), errands)
