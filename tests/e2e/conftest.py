"""The scene of the walks through the pages, and a browser page that complains for the reader of its console."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.scene import ACCESS_TOKEN_SECONDS, Scene, another, scene_of, set_up
from tests.e2e.watch import watch
from tests.support.lying_server import LyingServer
from tests.support.product import Factory
from tests.support.production import bring_up
from tests.support.sandbox_server import Sandbox

_RUTH = """
from django.conf import settings
from django.test import Client
from tests.support.people import person
from tests.support.second_factor import sign_in_staff
ruth = person("ruth")
ruth.is_staff = ruth.is_superuser = True
ruth.save()
session = sign_in_staff(Client(), ruth).session
print(settings.SESSION_COOKIE_NAME, session.session_key)
"""


@pytest.fixture(scope="session")
def resource() -> Iterator[LyingServer]:
    """A resource of no OAuth 2.0, which the product of the scene may call; each test scripts paths of its own."""
    server = LyingServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def lasting_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Another resource, whose access tokens outlive every walk. Whoever needs it starts it."""
    sandbox = Sandbox(tmp_path_factory.mktemp("lasting"), access_token_seconds=300)
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def scene(
    request: pytest.FixtureRequest,
    product_factory: Factory,
    start_sandbox: Callable[..., Sandbox],
    lasting_sandbox: Sandbox,
    resource: LyingServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """One product and one sandbox for all the walks; the sandbox's access tokens live for a few seconds only."""
    sandbox = start_sandbox(access_token_seconds=ACCESS_TOKEN_SECONDS)
    allowed = (sandbox.host_and_port, lasting_sandbox.host_and_port, resource.allow_entry)
    env = {"OUTBOUND_ALLOW": ",".join(allowed)}
    if request.config.getoption("shape") == "embedded":
        scene = set_up(product_factory, sandbox, env=env)
        yield scene
        scene.errands.close()
        product_factory.retire(scene.product)
        return
    redis_server = request.getfixturevalue("redis_server")
    built = bring_up(product_factory, redis_server.url, tmp_path_factory.mktemp("production"), env=env)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(built.authorities))
        scene = scene_of(built.product, sandbox)
        yield scene
        scene.errands.close()
    built.nginx.stop()
    product_factory.retire(built.product)


@pytest.fixture(scope="session")
def newcomer(scene: Scene) -> Scene:
    """The scene for Alice once she belongs to two organizations: she has to select one, as the specification says."""
    another(scene, "Storefront", number="55500100")
    return scene


@pytest.fixture
def page(context: BrowserContext, scene: Scene) -> Iterator[Page]:
    """A page of a fresh profile. The test fails where a script fails, the policy blocks something, or a 5xx is met."""
    page = context.new_page()
    complaints = watch(page, scene.product.url)
    yield page
    assert complaints == []


@pytest.fixture(scope="session")
def staff_session(scene: Scene) -> tuple[str, str]:
    """Name and value of the cookie of Ruth, who is of staff and whose session has shown a second factor."""
    name, value = scene.shell(_RUTH).split()
    return name, value


@pytest.fixture
def ruth(page: Page, scene: Scene, staff_session: tuple[str, str]) -> Page:
    """A page for somebody of staff."""
    name, value = staff_session
    page.context.add_cookies([{"name": name, "value": value, "url": scene.product.url}])
    return page


@pytest.fixture
def plain_page(browser: Browser, scene: Scene) -> Iterator[Page]:
    """A page of a fresh profile with scripting switched off; the test fails where the product answers with a 5xx."""
    context = browser.new_context(
        java_script_enabled=False, ignore_https_errors=True, viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints = watch(page, scene.product.url)
    yield page
    context.close()
    assert complaints == []
