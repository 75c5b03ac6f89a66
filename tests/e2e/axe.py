"""What axe says of a page, light and dark, and whether the page fits into a telephone and a small screen."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page

from tests.e2e.walk import scrolls_sideways

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Dark changes the values of colours and nothing else (static/css/site.css): what is structure was found in light.
COLOURS = ["color-contrast", "link-in-text-block"]
SCHEMES: dict[str, dict[str, Any]] = {
    "light": {"type": "tag", "values": WCAG},
    "dark": {"type": "rule", "values": COLOURS},
}
# Not the style sheets that a style sheet imports: axe would write them into the page, which the policy forbids. The one
# rule that reads them, css-orientation-lock, is experimental: axe leaves it out as long as nobody asks for it by name.
PRELOAD = {"assets": ["media"]}
# It only names what nobody sees, for somebody to look at, and violates nothing.
NEVER = {"hidden-content": {"enabled": False}}
# A telephone, a tablet both ways, and a small screen.
WIDTHS = (320, 800, 1000, 1200)
# What moves is moved to its end: waiting for it would draw every picture on the way.
STILL = """() => document.getAnimations()
    .filter((each) => each.effect.getComputedTiming().endTime !== Infinity).forEach((each) => each.finish())"""

# What violates nothing stays in the page: to send it takes as long as to find it.
RUN = "async (options) => ({ violations: (await axe.run(options)).violations })"


def assert_accessible(page: Page) -> None:
    """No finding of axe in either scheme, and no sideways scrolling at any width."""
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        # Colours change over a moment; axe must not measure them on their way.
        page.evaluate(STILL)
        found = findings(page, rules)
        assert found.violations_count == 0, f"{page.url} ({scheme})\n{found.generate_report()}"
    before = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 640})
        # What a script places itself follows a moment after the page.
        for _ in range(40):
            if not scrolls_sideways(page):
                break
            page.wait_for_timeout(50)
        assert not scrolls_sideways(page), f"{page.url} scrolls sideways at {width} pixels"
    assert before is not None
    page.set_viewport_size(before)


def findings(page: Page, rules: dict[str, Any]) -> AxeResults:
    """Run axe. A page that has it already, swapped by htmx or seen before, is not sent it a second time."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = {"runOnly": rules, "rules": NEVER, "iframes": False, "preload": PRELOAD, "reporter": "no-passes"}
    return AxeResults(page.evaluate(RUN, options))
