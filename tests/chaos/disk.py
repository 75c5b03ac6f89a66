"""A small disk for the embedded broker's folder, which can be filled up.

A tmpfs of 256 kB where this machine lets us mount one. Elsewhere the processes of the house play it to themselves: what
opens a file to write below the folder that `CHAOS_DISK` names is told that there is no room while the flag is up.
"""

import contextlib
import errno
import os
import pathlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

SIZE = "256k"
FOLDERS = ("queue", "control", "processed")
VARIABLE = "CHAOS_DISK"


def flag_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.full")


def obey() -> None:
    """From now on this process believes in the disk that `CHAOS_DISK` names, if it names one."""
    if not os.environ.get(VARIABLE):
        return
    folder = Path(os.environ[VARIABLE])
    flag = flag_of(folder)
    really_open = pathlib.Path.open

    def open_if_there_is_room(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if set(mode) & set("wax") and folder in self.parents and flag.exists():
            self.touch()  # as a full disk does: there is a name, and nothing under it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return really_open(self, mode, *arguments, **options)

    pathlib.Path.open = open_if_there_is_room  # type: ignore[method-assign]


class Disk:
    """`mount` it over a folder, `fill` it, `free` it."""

    def __init__(self) -> None:
        self.is_real = False
        self._folder = Path()

    def mount(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.is_real = os.geteuid() == 0 and shutil.which("mount") is not None and self._mount()
        for name in FOLDERS:
            (folder / name).mkdir(exist_ok=True)

    def _mount(self) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self._folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """Not a byte more fits."""
        if not self.is_real:
            flag_of(self._folder).touch()
            return
        with contextlib.suppress(OSError), (self._folder / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(512))

    def free(self) -> None:
        flag_of(self._folder).unlink(missing_ok=True)
        (self._folder / "ballast").unlink(missing_ok=True)

    def unmount(self) -> None:
        self.free()
        if self.is_real:
            subprocess.run(["umount", "--lazy", str(self._folder)], capture_output=True, check=False)
