"""The list of credentials as a person opens it: in Chromium, with an empty cache, in an organization of 100,000.

Held against the same page of an organization of 100, an opening of each in turn. The promises are absolute: the first
contentful paint within a second on loopback, and less than 200 kilobytes as they come over the wire.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.bench.installed import CHROMIUM, missing
from tests.bench.line import Line, Lines, NotMeasured, compared
from tests.bench.listing import shell
from tests.support.browser import FLAGS
from tests.support.databases import no_postgres
from tests.support.journeys import Visitor, set_the_stage
from tests.support.processes import executed
from tests.support.product import Factory, Product

LARGE, SMALL = 100_000, 100
ROUNDS = 15
MILLISECONDS, KILOBYTES = 1000, 200
PAINTED = """() => new Promise((resolve) => new PerformanceObserver((list, observer) => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (paint) { observer.disconnect(); resolve(paint.startTime); }
}).observe({type: "paint", buffered: true}))"""

_ANOTHER = """
from organizations import services
from organizations.audit import Actor
from organizations.models import Membership
from tests.support.crowd import crowd
stage = Actor.command("demo")
alice = Membership.objects.get(user__username="alice", organization_id="{first}").user
account = services.create_account(stage, "{number}", "Brand {number}")
organization = services.create_organization(stage, account, "Parcels {number}", administrator=alice)
crowd(str(organization.pk), {count})
print(organization.pk)
"""


@dataclass(frozen=True)
class Opening:
    """`painted` is in milliseconds after the navigation began, `received` in kilobytes of 1000 bytes."""

    painted: float
    received: float


def lines(folder: Path) -> Lines:
    """On SQLite; nothing where Chromium is not installed."""
    if why := missing(CHROMIUM):
        yield NotMeasured("what a browser receives and paints", why)
        return
    product = Factory(folder, no_postgres, start_web=executed)(workers=0)
    try:
        with sync_playwright() as playwright:
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS, headless=True)
            yield from on(product, browser)
            browser.close()
    finally:
        product.stop()


def on(product: Product, browser: Browser) -> Iterator[Line]:
    stage = set_the_stage(product)
    addresses = []
    for number, count in ((1001, LARGE), (1002, SMALL)):
        code = _ANOTHER.format(first=stage.organization_id, number=number, count=count)
        addresses.append(f"{product.url}/organizations/{shell(product, code)}/credentials/")
    alice = Visitor(product.url, stage).sign_in()
    for address in addresses:
        opening(browser, alice, address)
    rounds = [[opening(browser, alice, address) for address in addresses] for _ in range(ROUNDS)]
    for what, name, unit, most in (
        ("first contentful paint, empty cache", "painted", "ms", MILLISECONDS),
        ("received on a first visit", "received", "kB", KILOBYTES),
    ):
        pairs = [(getattr(large, name), getattr(small, name)) for large, small in rounds]
        line = compared(what, f"{SMALL} instead of {LARGE:,} credentials", unit, pairs)
        yield replace(line, promise=f"< {most} {unit}", kept=line.value < most)


def opening(browser: Browser, visitor: Visitor, address: str) -> Opening:
    """Open the address in a profile of its own, with nothing but the session."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    session = [cookie for cookie in visitor.session.cookies if cookie.name.endswith("session")]
    context.add_cookies([{"name": each.name, "value": each.value or "", "url": address} for each in session])
    page = context.new_page()
    network, received = context.new_cdp_session(page), [0.0]
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(address)
    painted = float(page.evaluate(PAINTED))
    page.wait_for_load_state("networkidle")
    if page.locator("#results tbody tr").count() == 0:
        raise RuntimeError(f"{address} shows no credentials.")
    context.close()
    return Opening(painted, sum(received) / 1000)
