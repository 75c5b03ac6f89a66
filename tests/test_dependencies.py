"""Every direct dependency is explained, and what is known against it is asked for where somebody answers."""

import importlib.util
import json
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.processes import ROOT

LISTS = ("requirements.in", "requirements-dev.in")


def named_in(text: str) -> list[str]:
    """The packages that a list of requirements names, without versions and extras."""
    lines = [line.strip() for line in text.splitlines()]
    return [re.split(r"[\[<>=!~; ]", line)[0].lower() for line in lines if line and not line.startswith(("#", "-"))]


def explained() -> dict[str, list[str]]:
    """Package -> its cells, from the table."""
    rows = re.findall(r"^\| `([^`]+)` \|(.+)\|$", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def test_every_direct_dependency_is_in_the_table_and_nothing_else() -> None:
    wanted = [name for file in LISTS for name in named_in((ROOT / file).read_text())]
    assert len(wanted) > 30
    assert set(explained()) == set(wanted)


def test_each_says_what_for_why_this_one_and_what_instead() -> None:
    assert {name for name, cells in explained().items() if len(cells) != 3 or not all(cells)} == set()


def test_a_list_is_read_as_pip_reads_it() -> None:
    assert named_in("# why\n-r other.in\nDjango>=5.2,<5.3\npsycopg[binary,pool]\n\nx; python_version < '4'") == [
        "django",
        "psycopg",
        "x",
    ]


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """The script, with a program of our own in the place of pip-audit."""
    spec = importlib.util.spec_from_file_location("audit_dependencies", ROOT / ".ci" / "audit_dependencies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def with_program(script: str) -> ModuleType:
        program = tmp_path / "pip-audit"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        return module

    return with_program


def answer(*packages: dict[str, object]) -> str:
    return f"cat <<END\n{json.dumps({'dependencies': packages})}\nEND\n"


SOUND: dict[str, object] = {"name": "sound", "version": "1", "vulns": []}
HOLED: dict[str, object] = {"name": "holed", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN: dict[str, object] = {"name": "unknown", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (answer(SOUND, SOUND), 0, "2 packages, 0 with"),
        (answer(SOUND, HOLED) + "exit 1", 1, "holed 2: CVE-1, fixed in 3"),
        ("echo no route to host >&2; exit 1", 0, "skipped, no registry answers"),
        (answer(UNKNOWN), 0, "skipped, no registry knows"),
    ],
)
def test_only_a_known_vulnerability_fails_the_check(
    audit: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str], script: str, code: int, said: str
) -> None:
    assert audit(script).main(["requirements.txt"]) == code
    assert said in capsys.readouterr().out


def test_a_registry_that_never_answers_and_a_missing_program_are_skipped(
    audit: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = audit("exec sleep 30")
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    assert module.main([]) == 0
    (tmp_path / "pip-audit").unlink()
    assert module.main([]) == 0
