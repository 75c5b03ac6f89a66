"""Afterwards: no secret of the rounds is in a dump, in Redis, in a log, on a page or in a message."""

from tests.chaos.house import House
from tests.chaos.people import Alice
from tests.security.crawler import crawl, page_and_not_search
from tests.support.remains import remains

PAGES = 400


def sweep(house: House, alice: Alice, *, pages: int = PAGES) -> list[str]:
    """Where a canary was seen. `pages`: how many at most Alice looks at, of all that she can reach."""
    places: dict[str, bytes | str] = dict(remains(house.product.folder, house.product.env))
    places |= {f"hook {number}": body for number, body in enumerate(house.resource.hooks)}
    home = f"{alice.url}/organizations/{house.cast.homes[0].id}/"
    seen = 0

    def wanted(address: str) -> bool:
        nonlocal seen
        seen += page_and_not_search(address)
        return page_and_not_search(address) and seen < pages

    places |= crawl(alice.session, [home + "credentials/", home + "activity/"], within=alice.url, wanted=wanted)
    return [f"{house.name}: {each}" for each in house.cage.sightings(places)]
