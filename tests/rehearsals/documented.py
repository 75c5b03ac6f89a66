"""The commands of `docs/operations.md`, run as they stand there."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.databases import POSTGRES_FOLDERS
from tests.support.processes import ROOT, find_program

PAGE = ROOT / "docs" / "operations.md"


def commands(name: str) -> str:
    """The block of the page that begins with ```` ```sh NAME ````."""
    [(_, block)] = re.findall(
        rf"^( *)```sh {re.escape(name)}\n(.*?)^\1```$", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    return textwrap.dedent(block)


@dataclass(frozen=True)
class Done:
    """What came of a block: exit code, and what it wrote."""

    code: int
    output: str
    errors: str


class Operator:
    """Somebody at a shell, with `manage.py`, `python` and PostgreSQL's programs in the path.

    `folder` holds two places apart from each other, `$BACKUP` and `$ELSEWHERE`.
    """

    def __init__(self, folder: Path) -> None:
        programs = folder / "bin"
        programs.mkdir()
        for name, arguments in (("manage.py", f"{ROOT / 'manage.py'} "), ("python", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments}"$@"\n')
            (programs / name).chmod(0o755)
        self.backup, self.elsewhere = folder / "backup", folder / "elsewhere"
        self.backup.mkdir()
        self.elsewhere.mkdir()
        self._path = str(programs)

    def begin(self, name: str, env: Mapping[str, str]) -> "subprocess.Popen[str]":
        """Start a block in the environment of a product."""
        path = [self._path]
        if env["DATABASE_URL"].startswith("postgres"):
            path.append(str(Path(find_program("pg_dump", *POSTGRES_FOLDERS)).parent))
        return subprocess.Popen(
            ["sh", "-eu", "-c", commands(name)],
            cwd=ROOT,
            env={
                **env,
                "BACKUP": str(self.backup),
                "ELSEWHERE": str(self.elsewhere),
                "PATH": os.pathsep.join([*path, env["PATH"]]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, running: "subprocess.Popen[str]") -> Done:
        output, errors = running.communicate(timeout=60)
        return Done(running.returncode, output, errors)

    def run(self, name: str, env: Mapping[str, str]) -> Done:
        """A block from its beginning to its end."""
        return self.end(self.begin(name, env))

    def read_dump(self) -> str:
        """Everything that is in the backup, as SQL."""
        program = find_program("pg_restore", *POSTGRES_FOLDERS)
        dump = str(self.backup / "botaccounts.dump")
        return subprocess.run([program, "--file=-", dump], check=True, capture_output=True, text=True).stdout
