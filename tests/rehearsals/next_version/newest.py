"""What the first migration of the next version follows."""

from pathlib import Path

from credentials import migrations

NEWEST = max(file.stem for folder in migrations.__path__ for file in Path(folder).glob("[0-9]*.py"))
