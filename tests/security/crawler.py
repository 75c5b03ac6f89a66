"""Every page that somebody can reach by clicking: GET only, within one site."""

import html
import re
from collections.abc import Callable, Iterable
from urllib.parse import urljoin, urlsplit

import requests

_ADDRESS = re.compile(r'(?:href|action|hx-get)="([^"]*)"')


def crawl(
    session: requests.Session,
    starts: Iterable[str],
    *,
    within: str,
    wanted: Callable[[str], bool] = lambda url: True,
    at_most: int = 600,
) -> dict[str, str]:
    """The text and the headers of every page below `within` that can be reached from `starts`, by address.

    AssertionError where one answers with a 5xx, or where there are more than `at_most`.
    """
    waiting, pages = list(starts), dict[str, str]()
    while waiting:
        url = waiting.pop().partition("#")[0]
        if url in pages or not url.startswith(within) or not wanted(url):
            continue
        answer = session.get(url, timeout=30, allow_redirects=False)
        assert answer.status_code < 500, f"{answer.status_code} at {url}"
        assert len(pages) < at_most, f"more than {at_most} pages"
        pages[url] = answer.text + str(answer.headers)
        if answer.is_redirect or answer.status_code == 303:
            waiting.append(urljoin(url, answer.headers["Location"]))
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            waiting += [urljoin(url, html.unescape(address)) for address in _ADDRESS.findall(answer.text)]
    return pages


def page_and_not_search(url: str) -> bool:
    """Leaves out what multiplies pages without showing more: orders, filters and searches, assets, signing out."""
    parts = urlsplit(url)
    return not parts.query and not parts.path.startswith(("/static/", "/accounts/logout"))
