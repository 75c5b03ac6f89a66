"""Processes that share a SQLite file write their audit entries one after another, each woken by the one before."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from organizations import turn

pytestmark = pytest.mark.django_db
TRY = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def another_process_gets_it() -> bool:
    path = Path(str(connection.settings_dict["NAME"]) + turn.SUFFIX)
    return subprocess.run([sys.executable, "-c", TRY, str(path)], capture_output=True, check=False).returncode == 0


def test_whoever_has_the_turn_has_it_alone_and_gives_it_away() -> None:
    with turn.in_turn():
        assert not another_process_gets_it()
    assert another_process_gets_it()


def test_a_failure_gives_it_away_too() -> None:
    with pytest.raises(RuntimeError), turn.in_turn():
        raise RuntimeError
    assert another_process_gets_it()


def test_a_database_without_a_file_has_no_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", tmp_path / "nothing")
    with turn.in_turn():
        assert list(tmp_path.iterdir()) == []
