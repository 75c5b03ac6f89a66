"""The audit log as text: CSV for a spreadsheet, JSON lines for a script and for archives.

JSON lines keep every field as it was hashed, so that each line can be verified by itself. CSV is for people: a cell
that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

from organizations.models import AuditEntry

FIELDS = (
    "position",
    "at",
    "actor_kind",
    "actor_id",
    "actor_label",
    "action",
    "object_type",
    "object_id",
    "object_label",
    "outcome",
    "details",
    "previous_hash",
    "hash",
)
# What spreadsheets take for the beginning of a formula, in their own and in full width.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Line:
    """A file for `csv.writer` that keeps nothing."""

    def write(self, text: str) -> str:
        return text


def as_json(entry: AuditEntry) -> dict[str, Any]:
    """Every field of an entry, its moment in UTC with microseconds."""
    return {name: getattr(entry, name) for name in FIELDS} | {
        "chain": str(entry.chain_id),
        "at": entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def json_line(value: Mapping[str, Any]) -> str:
    """One line of JSON, with its end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def json_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """One JSON object a line, in the order given."""
    for entry in entries:
        yield json_line(as_json(entry))


def csv_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """A head and one record an entry (RFC 4180), every cell quoted; details are JSON."""
    writer: Any = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(FIELDS)
    for entry in entries:
        fields = as_json(entry)
        fields["details"] = json.dumps(fields["details"], ensure_ascii=False, sort_keys=True)
        yield writer.writerow([inert(fields[name]) for name in FIELDS])


def inert(value: object) -> str:
    """A cell that no spreadsheet computes."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


FORMATS: Mapping[str, tuple[str, Callable[[Iterable[AuditEntry]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_lines),
    "jsonl": ("application/jsonl; charset=utf-8", json_lines),
}
