"""Afterwards: no secret of the rounds is in a dump, in Redis, in a log, on a page or in a message."""

import subprocess
from pathlib import Path

from tests.chaos.house import House
from tests.chaos.people import Alice
from tests.security.crawler import crawl, page_and_not_search
from tests.security.messages import queue_of
from tests.support.processes import find_program

PAGES = 400


def sweep(house: House, alice: Alice, *, pages: int = PAGES) -> list[str]:
    """Where a canary was seen. `pages`: how many at most Alice looks at, of all that she can reach."""
    places: dict[str, bytes | str] = dict(files(house.product.folder))
    url = house.product.env["DATABASE_URL"]
    if url.startswith("postgres"):
        program = find_program("pg_dump", "/usr/lib/postgresql/*/bin")
        places["pg_dump"] = subprocess.run([program, url], capture_output=True, timeout=300, check=True).stdout
    places |= dict(queue_of(house.product))
    places |= {f"hook {number}": body for number, body in enumerate(house.resource.hooks)}
    home = f"{alice.url}/organizations/{house.cast.homes[0].id}/"
    seen = 0

    def wanted(address: str) -> bool:
        nonlocal seen
        seen += page_and_not_search(address)
        return page_and_not_search(address) and seen < pages

    places |= crawl(alice.session, [home + "credentials/", home + "activity/"], within=alice.url, wanted=wanted)
    return [f"{house.name}: {each}" for each in house.cage.sightings(places)]


def files(folder: Path) -> dict[str, bytes]:
    """Logs, mails, the SQLite file, the broker's folder: everything that the product has written."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
