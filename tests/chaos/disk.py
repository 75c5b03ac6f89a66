"""A small disk for the embedded broker's folder, which can be filled up.

A tmpfs of 256 kB where this machine lets us mount one. Elsewhere the folder is made unwritable, and for root, whom that
does not stop, it is moved away: the product meets another error of the same kind (`OSError`).
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

SIZE = "256k"
FOLDERS = ("queue", "control", "processed")


class Disk:
    """`mount` it over a folder, `fill` it, `free` it."""

    def __init__(self) -> None:
        self.is_real = False
        self._folder = Path()

    def mount(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        mounted = os.geteuid() == 0 and shutil.which("mount") is not None and self._mount()
        self.is_real = mounted
        for name in FOLDERS:
            (folder / name).mkdir(exist_ok=True)

    def _mount(self) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self._folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """Not a byte more fits."""
        if self.is_real:
            with contextlib.suppress(OSError), (self._folder / "ballast").open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(bytes(512))
        elif os.geteuid() != 0:
            (self._folder / "queue").chmod(0o555)
        else:
            (self._folder / "queue").rename(self._folder / "queue.away")

    def free(self) -> None:
        if self.is_real:
            (self._folder / "ballast").unlink(missing_ok=True)
        elif os.geteuid() != 0:
            (self._folder / "queue").chmod(0o755)
        elif (self._folder / "queue.away").exists():
            (self._folder / "queue.away").rename(self._folder / "queue")

    def unmount(self) -> None:
        self.free()
        if self.is_real:
            subprocess.run(["umount", "--lazy", str(self._folder)], capture_output=True, check=False)
