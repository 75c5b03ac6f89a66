"""The scene of the walks through the pages, and a browser page that complains for the reader of its console."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.scene import ACCESS_TOKEN_SECONDS, Scene, set_up
from tests.e2e.watch import watch
from tests.support.lying_server import LyingServer
from tests.support.product import Factory
from tests.support.sandbox_server import Sandbox


@pytest.fixture(scope="session")
def resource() -> Iterator[LyingServer]:
    """A resource of no OAuth 2.0, which the product of the scene may call; each test scripts paths of its own."""
    server = LyingServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def scene(product_factory: Factory, start_sandbox: Callable[..., Sandbox], resource: LyingServer) -> Scene:
    """One product and one sandbox for all the walks; the sandbox's access tokens live for a few seconds only."""
    sandbox = start_sandbox(access_token_seconds=ACCESS_TOKEN_SECONDS)
    return set_up(product_factory, sandbox, env={"OUTBOUND_ALLOW": f"{sandbox.host_and_port},{resource.allow_entry}"})


@pytest.fixture
def page(context: BrowserContext, scene: Scene) -> Iterator[Page]:
    """A page of a fresh profile. The test fails where a script fails, the policy blocks something, or a 5xx is met."""
    page = context.new_page()
    complaints = watch(page, scene.product.url)
    yield page
    assert complaints == []


@pytest.fixture
def plain_page(browser: Browser, scene: Scene) -> Iterator[Page]:
    """A page of a fresh profile with scripting switched off; the test fails where the product answers with a 5xx."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints = watch(page, scene.product.url)
    yield page
    context.close()
    assert complaints == []
