"""Where nothing can be mounted the full disk is played, and to the product it looks like one."""

import pathlib
from pathlib import Path

import pytest

from tests.chaos.disk import VARIABLE, Disk, obey


def test_a_disk_that_cannot_be_mounted_is_full_and_free_again_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "broker"
    disk = Disk()
    monkeypatch.setattr(disk, "_mount", lambda: False)
    disk.mount(folder)
    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.setattr(pathlib.Path, "open", pathlib.Path.open)  # put back when the test is over
    obey()
    message = folder / "queue" / "1.celery.msg"
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        message.write_text("{}")
    (tmp_path / "elsewhere").write_text("there is room")
    disk.free()
    message.write_text("{}")
    assert message.read_text() == "{}"
