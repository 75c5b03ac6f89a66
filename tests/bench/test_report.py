"""What `make bench` says and how it ends, with areas that measure nothing."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench import installed
from tests.bench.line import Line, Lines, NotMeasured, compared

KEPT = Line("token fetch", "a bare view", 65.0, 100.0, "answers/s", 0.65, ">= 0.6", True)
NOT_KEPT = Line("the sweep", "a short one", 16.0, 10.0, "ms", 1.6, "<= 1.5", False)
MISSING = NotMeasured("the list on PostgreSQL", "PostgreSQL not installed")


def breaks(folder: Path) -> Lines:
    yield KEPT
    raise RuntimeError("the worker ended")


def lacks_a_program(folder: Path) -> Lines:
    yield KEPT
    pytest.fail("setpriv is not installed")


Areas = Callable[..., None]


@pytest.fixture
def areas(monkeypatch: pytest.MonkeyPatch) -> Areas:
    """`areas(first=[KEPT], second=breaks)`: what each measures, or what it does."""
    monkeypatch.delenv("REQUIRE_EVERYTHING", raising=False)

    def area(given: object) -> Callable[[Path], Iterator[object]]:
        return given if callable(given) else lambda folder: iter(given)  # type: ignore[call-overload,no-any-return]

    return lambda **given: monkeypatch.setattr(bench, "AREAS", {name: area(each) for name, each in given.items()})


def test_it_ends_with_0_where_every_promise_is_kept(areas: Areas) -> None:
    areas(first=[KEPT], second=[KEPT])
    assert bench.main([]) == 0


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_it_ends_with_1_where_a_promise_is_not_kept(areas: Areas, arguments: list[str]) -> None:
    areas(first=[NOT_KEPT], second=[KEPT])
    assert bench.main(arguments) == 1


@pytest.mark.parametrize(
    ("broken", "why"), [(breaks, "the worker ended"), (lacks_a_program, "setpriv is not installed")]
)
def test_an_area_that_breaks_is_named_and_costs_no_other_its_lines(
    areas: Areas, capsys: pytest.CaptureFixture[str], broken: Callable[[Path], Lines], why: str
) -> None:
    areas(first=[KEPT], second=broken, third=[KEPT])
    assert bench.main([]) == 1
    said = capsys.readouterr().out
    assert said.count(KEPT.what) == 3
    assert re.search(f"BROKEN  second: .*{why}", said)


def test_what_breaks_is_told_beside_the_json(areas: Areas, capsys: pytest.CaptureFixture[str]) -> None:
    areas(first=breaks)
    assert bench.main(["--json"]) == 1
    said = capsys.readouterr()
    assert [line["what"] for line in json.loads(said.out)] == [KEPT.what]
    assert "the worker ended" in said.err


def test_what_is_not_measured_is_said(areas: Areas, capsys: pytest.CaptureFixture[str]) -> None:
    areas(first=[MISSING, KEPT])
    assert bench.main([]) == 0
    assert "NOT MEASURED  the list on PostgreSQL: PostgreSQL not installed" in capsys.readouterr().out


def test_where_everything_is_required_nothing_may_be_left_out(areas: Areas, monkeypatch: pytest.MonkeyPatch) -> None:
    areas(first=[MISSING, KEPT])
    monkeypatch.setenv("REQUIRE_EVERYTHING", "1")
    assert bench.main([]) == 1


def test_only_the_areas_that_are_named_are_measured(areas: Areas, capsys: pytest.CaptureFixture[str]) -> None:
    areas(first=[NOT_KEPT], second=[KEPT])
    assert bench.main(["second"]) == 0
    assert NOT_KEPT.what not in capsys.readouterr().out


@pytest.mark.parametrize("area", ["answering", "list", "opening", "refresh", "sweep"])
def test_each_area_says_which_program_it_lacks(area: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installed, "look_for_program", lambda *_: "")
    found = bench.AREAS[area](tmp_path)
    first = next(found)
    found.close()  # type: ignore[attr-defined]
    assert isinstance(first, NotMeasured)
    assert "not installed" in first.why


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    line = compared("ours", "theirs", "ms", [(10, 10), (10, 5), (1, 1)], at_most=1.5)
    assert (line.value, line.against_value) == (10, 5)
    assert (line.ratio, line.kept) == (1, True)
