"""A running product with its people, and the sandbox resource beside it: where every walk through the pages begins."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.support.journeys import Stage, Visitor, set_the_stage
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

    def url(self, path: str = "credentials/") -> str:
        """The address of a page of the organization."""
        return f"{self.product.url}/organizations/{self.stage.organization_id}/{path}"

    def visitor(self, username: str = "alice") -> Visitor:
        """A signed-in person without a browser."""
        return Visitor(self.product.url, self.stage, username).sign_in()

    def shell(self, code: str) -> str:
        """Run Python in the product and return the last line that it printed."""
        return self.product.manage("shell", "--verbosity", "0", "-c", code).strip().rpartition("\n")[2]

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

    def credentials_named(self, name: str) -> list[str]:
        """The ids of the organization's credentials of this name, as the API lists them."""
        answer = requests.get(
            f"{self.product.url}/api/v1/credentials?limit=500",
            headers={"Authorization": f"Bearer {self.stage.service_token}"},
            timeout=30,
        )
        return [credential["id"] for credential in answer.json()["credentials"] if credential["name"] == name]


def set_up(start_product: Factory, sandbox: Sandbox, **options: Any) -> Scene:
    """Start a product that may call `sandbox`, with people in it. `options` are the factory's."""
    env = {"OUTBOUND_ALLOW": sandbox.host_and_port, **options.pop("env", {})}
    product = start_product(**{"web": 1, "workers": 1, **options}, env=env)
    return Scene(product, sandbox, set_the_stage(product))
