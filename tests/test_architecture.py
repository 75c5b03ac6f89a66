"""Who may import whom, how long a module may be, and what only a type's room may know (`docs/architecture.md`)."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.source import (
    PACKAGES,
    ROOT,
    decisions_by_kind,
    imports,
    is_vague,
    lacks_docstring,
    modules,
    within,
)

LINES_AT_MOST = 300

SERVICES = ("credentials.services", "credentials.runtime")
ROWS_AND_ROOMS = ("credentials.models", "credentials.types", "organizations")
# What a row raises and what a guarded call raises has a name, and whoever catches it has to import that name.
FOUNDATIONS = ("credentials.crypto", "credentials.oauth", "credentials.keystores", "credentials.outbound")
DOOR = (*SERVICES, *ROWS_AND_ROOMS, *FOUNDATIONS)

# Package or module -> what of ours it may import beside itself. The longest entry that fits a module counts.
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "credentials.oauth": (),
    "credentials.keystores": (),
    "credentials.outbound": (),
    "credentials.crypto.envelope": (),
    "credentials.crypto": (),
    "credentials.models": ("credentials.crypto",),
    "credentials.types": ("credentials.oauth", "credentials.keystores", "credentials.outbound"),
    "credentials.services": (*SERVICES, *ROWS_AND_ROOMS, *FOUNDATIONS),
    "credentials.runtime": (*SERVICES, *ROWS_AND_ROOMS, *FOUNDATIONS),
    "credentials.browser": DOOR,
    "credentials.views": (*DOOR, "credentials.browser"),
    "credentials.wizard": (*DOOR, "credentials.browser"),
    "credentials.api": DOOR,
    "credentials.admin": DOOR,
    "credentials.tasks": DOOR,
    "credentials.management": DOOR,
    "credentials.urls": ("credentials.views", "credentials.wizard"),
    "credentials.checks": ("credentials.models", "credentials.crypto", "credentials.outbound"),
    "credentials.apps": ("credentials.checks", "credentials.services"),
    "credentials.templatetags": (),
    "credentials.migrations": ("credentials.crypto", "credentials.models", "organizations.online_index"),
    "credentials.__init__": (),
    "organizations": ("organizations",),
    "botaccounts": PACKAGES,
}
FRONT_DOORS = (
    *(f"credentials.{door}" for door in ("views", "wizard", "api", "admin", "tasks", "management")),
    *(f"organizations.{door}" for door in ("views", "admin", "management")),
)
# Who reads Django, where the rule is narrower than "anybody".
DJANGO: Mapping[str, tuple[str, ...]] = {
    "credentials.oauth": (),
    "credentials.keystores": (),
    "credentials.crypto.envelope": (),
    "credentials.types": ("django.forms",),
}


def rule_of(module: str, table: Mapping[str, tuple[str, ...]]) -> str | None:
    return max((prefix for prefix in table if within(module, [prefix])), key=len, default=None)


def forbidden_imports(module: str, source: str) -> set[str]:
    """What `module` imports of ours, or of Django, though its rule does not allow it."""
    rule = rule_of(module, MAY_IMPORT)
    if rule is None:
        return {f"{module} has no rule: give it a line in MAY_IMPORT"}
    found = imports(module, source)
    ours = {name for name in found if within(name, PACKAGES)}
    wrong = {name for name in ours if not within(name, (rule, *MAY_IMPORT[rule]))}
    door = next((door for door in FRONT_DOORS if within(module, [door])), None)
    if door:
        wrong |= {name for name in ours if within(name, FRONT_DOORS) and not within(name, [door])}
    if (narrow := rule_of(module, DJANGO)) is not None:
        wrong |= {name for name in found if within(name, ["django"]) and not within(name, DJANGO[narrow])}
    if "something computed" in found:
        wrong.add("something computed")
    return wrong


# A constraint of the database can only spell the kind that it is about.
DECIDES_BY_KIND = {"credentials.models.credential": 1}

MODULES = dict(modules())


def test_every_module_imports_only_what_its_place_allows() -> None:
    wrong = {module: forbidden_imports(module, source) for module, source in MODULES.items()}
    assert {module: names for module, names in wrong.items() if names} == {}


def test_every_module_has_at_most_three_hundred_lines() -> None:
    lengths = {module: len(source.splitlines()) for module, source in MODULES.items()}
    assert {module: lines for module, lines in lengths.items() if lines > LINES_AT_MOST} == {}


def test_nothing_outside_the_rooms_decides_by_kind() -> None:
    outside = {module: source for module, source in MODULES.items() if not within(module, ["credentials.types"])}
    found = {module: len(decisions_by_kind(source)) for module, source in outside.items()}
    assert {module: count for module, count in found.items() if count} == DECIDES_BY_KIND


def test_every_module_says_what_it_is_for() -> None:
    assert [module for module, source in MODULES.items() if lacks_docstring(source) or is_vague(module)] == []


def test_no_page_decides_by_kind() -> None:
    pages = sorted((ROOT / "templates").rglob("*.html"))
    assert pages
    assert [page.name for page in pages if decides_by_kind(page.read_text())] == []


def decides_by_kind(page: str) -> bool:
    return any(re.search(r"\bkind\b", tag) for tag in re.findall(r"\{%\s*(?:el)?if\b[^%]*%\}", page))


def test_only_what_the_machine_lacks_skips_a_test() -> None:
    """A program, which is a failure where REQUIRE_EVERYTHING is set; and a C library that has arenas."""
    skips = re.compile(r"pytest\.(skip|importorskip)\(|mark\.skip|\bskipif\b")
    found = {path.name for path in (ROOT / "tests").rglob("*.py") if skips.search(path.read_text())}
    assert found - {Path(__file__).name} == {"processes.py", "test_arenas.py"}


def test_every_place_that_has_a_rule_is_looked_at() -> None:
    assert {"credentials", "organizations", "botaccounts"} == {name.partition(".")[0] for name in MODULES}
    absent = {rule for rule in MAY_IMPORT if not any(within(module, [rule]) for module in MODULES)}
    assert absent <= {"credentials.admin"}


# Each rule can fail: it is shown a module that breaks it.


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("organizations.services", "from credentials.models import Credential"),
        ("organizations.models", "def late():\n    import credentials.services.add"),
        ("organizations.audit", "from importlib import import_module\nimport_module('credentials.models')"),
        ("organizations.audit", "name = 'x'\nimport importlib\nimportlib.import_module(name)"),
        ("organizations.admin.log", "from organizations.views import bots"),
        ("organizations.views", "from organizations import admin"),
        ("credentials.oauth.client", "from credentials.outbound import GuardedAdapter"),
        ("credentials.oauth.client", "from .. import outbound"),
        ("credentials.oauth.client", "from django.conf import settings"),
        ("credentials.keystores.pem", "from credentials.crypto import envelope"),
        ("credentials.crypto.envelope", "from credentials.crypto.keyring import keyring"),
        ("credentials.crypto.envelope", "from django.conf import settings"),
        ("credentials.crypto.fields", "from credentials.models import Credential"),
        ("credentials.outbound.policy", "from credentials import oauth"),
        ("credentials.models.token", "from credentials.services import journal"),
        ("credentials.models.token", "from credentials.types.registry import room"),
        (
            "credentials.models.token",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import organizations.models",
        ),
        ("credentials.types.oauth2.room", "from credentials.models import Credential"),
        ("credentials.types.oauth2.room", "from credentials import tasks"),
        ("credentials.types.oauth2.room", "from ...views import detail"),
        ("credentials.types.base", "from django.http import HttpRequest"),
        ("credentials.services.add", "from credentials.wizard import drafts"),
        ("credentials.services.add", "from credentials.tasks import exchange_code"),
        ("credentials.runtime", "from credentials.api import errors"),
        ("credentials.browser", "from credentials.views.find import find_credential"),
        ("credentials.views.detail", "from credentials.wizard.flow import Flow"),
        ("credentials.views.detail", "from organizations.views import bots"),
        ("credentials.wizard.views", "from credentials.views import detail"),
        ("credentials.api.views", "from credentials.views.presentation import present"),
        ("credentials.api.views", "from credentials.browser import go_to"),
        ("credentials.tasks", "def late():\n    from credentials.api import views"),
        ("credentials.management.commands.demo", "import credentials.tasks"),
        ("credentials.templatetags.presentation", "from credentials.models import Credential"),
        ("credentials.something_new", ""),
    ],
)
def test_an_import_against_the_rules_is_found(module: str, source: str) -> None:
    assert forbidden_imports(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("credentials.views.detail", "from credentials.browser import go_to\nfrom credentials.views.find import x"),
        ("credentials.wizard.views", "from credentials import browser\nfrom organizations.access import Access"),
        ("credentials.types.oauth2.room", "from django import forms\nfrom credentials.types.base import Fact"),
        ("credentials.services.call", "from credentials import runtime\nfrom . import use"),
        ("credentials.models.token", "from credentials.crypto.fields import EncryptedField\nimport uuid"),
        ("organizations.views", "from . import services, pages"),
    ],
)
def test_an_import_that_the_rules_allow_is_let_be(module: str, source: str) -> None:
    assert forbidden_imports(module, source) == set()


@pytest.mark.parametrize(
    "source",
    [
        "if credential.kind == 'oauth2': pass",
        "if 'oauth2' != kind: pass",
        "x = kind in ('oauth2', 'basic')",
        "match credential.kind:\n    case 'oauth2': pass",
        "x = values['kind'] == 'oauth2'",
        "x = values.get('kind') in {'oauth2'}",
        "rows.filter(kind__in=['oauth2'])",
        "rows.exclude(kind='oauth2')",
        "rows.filter(Q(kind='oauth2'))",
        "rows.filter(kind='oauth2')",
    ],
)
def test_a_decision_by_kind_is_found(source: str) -> None:
    assert decisions_by_kind(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "rows.filter(kind=query.kind)",
        "room(credential.kind)",
        "if kind is None: pass",
        "x = owner == cleaned.get('kind')",
    ],
)
def test_a_plain_use_of_a_kind_is_let_be(source: str) -> None:
    assert decisions_by_kind(source) == []


def test_the_other_rules_can_fail_too() -> None:
    assert lacks_docstring("import os")
    assert not lacks_docstring("")
    assert is_vague("credentials.services.utils")
    assert is_vague("credentials.common.text")
    assert not is_vague("credentials.services.use")
    assert decides_by_kind("{% if credential.kind == 'oauth2' %}")
    assert not decides_by_kind("{% if kinder %} a kind word")
