"""What is left of a product once it has stopped, searched for secrets: every product that a test starts is.

Whatever secret a test, the sandbox or another server of the tests hands to a product carries `canary.MARK`, so that one
search finds any of them, of any test. What a product makes itself is told by its form.
"""

import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote_plus

import redis

from organizations import service_tokens
from tests.support.canary import MARK, PASSWORD, Canary, any_of, unfold
from tests.support.databases import POSTGRES_FOLDERS, redis_keys
from tests.support.processes import ROOT, find_program

# Twice: a session is compressed and then encoded. `test_canary.py` unfolds its own products further.
DEPTH = 2
# Tracebacks name it, and a checkout may be called anything, the mark too.
_HERE = str(ROOT).encode()
_KNOWN = {
    pattern: name
    for name, core in (("a marked secret", MARK), ("a person's password", PASSWORD))
    for pattern in (*Canary(name, core, core).patterns(), quote_plus(core).encode())
}
_WANTED = re.compile(any_of(sorted(_KNOWN)))
_FORMS = {
    "a service token": re.compile(rb"bat_[0-9A-Za-z]{%d}" % (service_tokens.LENGTH - len("bat_"))),
    "the secret of a webhook": re.compile(rb"whsec_[0-9A-Za-z+/]{40}"),
    "a signed token": re.compile(rb"eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}"),
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
}
# Commands whose purpose it is; every other one keeps what it knows to itself.
PRINTED_ON_PURPOSE = re.compile(r"what (create_service_token|demo) printed: a service token")


def sightings(places: Mapping[str, bytes], depth: int = DEPTH, also: Mapping[bytes, str] | None = None) -> list[str]:
    """Where a secret was seen: `PLACE: WHAT`, without its value. Empty when there is none.

    `also` has the names of further secrets that are looked for, by their values.
    """
    seen = set()
    for place, content in places.items():
        content = content.replace(_HERE, b"")
        layers = b"\0".join(unfold(content, depth))  # thousands of short ones: together they are searched in no time
        found = {_KNOWN[each] for each in _WANTED.findall(layers)}
        found |= {name for name, form in _FORMS.items() if form.search(layers)}
        found |= {name for value, name in (also or {}).items() if value in layers}
        seen |= {f"{place}: {name}" for name in found}
    return sorted(seen)


def keys_in(env: Mapping[str, str]) -> dict[bytes, str]:
    """The product's own keys, which nothing that it writes holds; for `also`."""
    credential_keys = [each.rpartition(":")[2] for each in env.get("CREDENTIAL_KEYS", "").split(",")]
    found = dict.fromkeys(credential_keys, "a credential key") | {env.get("SECRET_KEY", ""): "the SECRET_KEY"}
    return {value.encode(): name for value, name in found.items() if value}


def printed(command: str, words: str, env: Mapping[str, str]) -> list[str]:
    """What `manage.py COMMAND` of a product printed and should not have."""
    seen = sightings({f"what {command} printed": words.encode()}, also=keys_in(env))
    return [each for each in seen if not PRINTED_ON_PURPOSE.fullmatch(each)]


def remains(folder: Path, env: Mapping[str, str]) -> dict[str, bytes]:
    """Everything that a product has written: files, what PostgreSQL holds, what Redis still holds."""
    places = files(folder)
    if env["DATABASE_URL"].startswith("postgres"):
        places["pg_dump"] = dump(env["DATABASE_URL"])
    if env["REDIS_URL"]:
        with suppress(redis.ConnectionError):  # one that is not there keeps nothing: the tests' Redis has no files
            places |= dict(redis_keys(env["REDIS_URL"]))
    return places


def files(folder: Path) -> dict[str, bytes]:
    """Logs, mails, the SQLite file with its write-ahead log, the broker's folder. Links lead to what is not its own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def dump(url: str) -> bytes:
    program = find_program("pg_dump", *POSTGRES_FOLDERS)
    return subprocess.run([program, url], capture_output=True, timeout=300, check=True).stdout
