"""A running product with its people, and the sandbox resource beside it: where every walk through the pages begins."""

import json
from dataclasses import dataclass
from typing import Any

import requests

from tests.support.journeys import Stage, Visitor, set_the_stage
from tests.support.product import Factory, Product
from tests.support.sandbox_server import Sandbox

# Long enough for a walk of a few clicks, short enough to wait for its end.
ACCESS_TOKEN_SECONDS = 6

_INTEGRATION = """
from credentials.models import ApiIntegration
integration = ApiIntegration.objects.create(
    bot_id="{bot_id}", organization_id="{organization_id}", name="{name}",
    method="GET", url="{url}", credential_id="{credential_id}",
)
print(integration.pk)
"""


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

    def add_integration(self, credential_id: str, name: str = "Order status") -> str:
        """Attach a credential to a call of the sandbox's protected API; the integration's id."""
        return self.shell(
            _INTEGRATION.format(
                bot_id=self.stage.bot_id,
                organization_id=self.stage.organization_id,
                name=f"{name} {credential_id[:8]}",
                url=f"{self.sandbox.url}/api/orders/A-1001",
                credential_id=credential_id,
            )
        )

    def call(self, integration_id: str) -> requests.Response:
        """What a bot does in the middle of a conversation."""
        return requests.post(
            f"{self.product.url}/api/v1/integrations/{integration_id}/call",
            json={"variables": {}},
            headers={"Authorization": f"Bearer {self.stage.service_token}"},
            timeout=30,
        )

    def credentials_named(self, name: str) -> list[str]:
        """The ids of the organization's credentials of this name."""
        code = "import json; from credentials.models import Credential\n"
        code += f"print(json.dumps([str(c.pk) for c in Credential.objects.filter(name={name!r})]))"
        found: list[str] = json.loads(self.shell(code))
        return found


def set_up(start_product: Factory, sandbox: Sandbox, **options: Any) -> Scene:
    """Start a product that may call `sandbox`, with people in it. `options` are the factory's."""
    env = {"OUTBOUND_ALLOW": sandbox.host_and_port, **options.pop("env", {})}
    product = start_product(**{"web": 1, "workers": 1, **options}, env=env)
    return Scene(product, sandbox, set_the_stage(product))
