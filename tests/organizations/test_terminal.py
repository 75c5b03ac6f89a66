"""What commands print, to a person and to a script."""

import io

from django.core.management.base import OutputWrapper

from organizations.terminal import LONGEST, Verdict, print_table, progress
from tests.support.screen import Screen

HEAD = ["name", "verdict"]


def printed(*rows, stream=None, **options):
    stream = stream or io.StringIO()
    print_table(OutputWrapper(stream), HEAD, rows, **options)
    return stream.getvalue()


def test_columns_line_up_also_under_wide_characters():
    head, first, second = printed(("Orders", "well"), ("注文", "well")).splitlines()
    assert (head.index("VERDICT"), first.index("well")) == (8, 8)
    assert second.index("well") == 8 - len("注文")  # each of them is two columns wide


def test_a_script_gets_plain_lines_however_long_they_are():
    lines = printed(("x" * 59, "y" * 59), ("a", Verdict("well", is_good=True))).splitlines()
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    assert all(line == line.rstrip() for line in lines)


def test_a_person_gets_colours_for_a_verdict():
    text = printed(("a", Verdict("well", is_good=True)), ("b", Verdict("broken", is_good=False)), stream=Screen())
    assert "\x1b[32mwell" in text
    assert "\x1b[1;31mbroken" in text


def test_a_name_cannot_draw_on_the_terminal_nor_turn_its_line_around_nor_be_markup():
    text = printed(("\x1b[31mred\u202e[bold]x[/bold]\n" + "x" * 100, "1"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]x[/bold]" in text
    assert len(text.splitlines()) == 2
    assert "…" in text
    assert "…" not in printed(("x" * (LONGEST + 1), "1"), longest=100)


def test_progress_is_for_a_terminal_alone():
    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        with progress(OutputWrapper(stream), "Working") as report:
            report(3, 7)
    assert "3/7" in screen.getvalue()
    assert pipe.getvalue() == ""
