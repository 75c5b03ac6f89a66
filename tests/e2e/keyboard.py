"""A person who has no mouse: Tab, Enter, Space, and typing. Nothing here focuses or clicks for them."""

from playwright.sync_api import Locator, Page

MANY = 60  # stops of the Tab key on one page


def has_focus(target: Locator) -> bool:
    return bool(target.evaluate("element => element === document.activeElement"))


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus; AssertionError where it is never reached."""
    target.wait_for()
    for _ in range(MANY):
        if has_focus(target):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The Tab key does not lead to {target}")


def type_into(page: Page, target: Locator, text: str) -> None:
    tab_to(page, target)
    page.keyboard.type(text)


def choose(page: Page, target: Locator, label: str) -> None:
    """Choose an entry of a select by typing the beginning of its label, as browsers let people do."""
    tab_to(page, target)
    page.keyboard.type(label)


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)
