"""A part of a name, found by its trigrams.

On PostgreSQL an index of the rows does it (migration `list_credentials_by_index`), and LIKE uses it. SQLite has no such
index; there an FTS5 table stands beside the rows, kept by triggers, and has to be asked for the rows' ids.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

# Nothing shorter has a trigram. LIKE looks for it through the organization's names.
SHORTEST = 3

ROWS_OF_ORGANIZATION = "SELECT COUNT(*) FROM (SELECT 1 FROM credentials_credential WHERE organization_id = %s LIMIT %s)"
# CROSS JOIN: SQLite reads what it finds first, and only then asks whose it is.
ROWS_WITH_TEXT = """
    SELECT found.credential FROM credentials_name_trigrams CROSS JOIN credentials_name found
    ON found.number = credentials_name_trigrams.rowid
    WHERE credentials_name_trigrams MATCH %s AND found.organization = %s LIMIT %s
"""


def candidates_by_name(organization_id: UUID, text: str, *, most: int) -> Sequence[UUID] | None:
    """The ids of an organization's credentials whose name contains `text`; None where LIKE does as well.

    It does where the database has an index for it, in an organization of at most `most` credentials, and where more
    than `most` contain the text.
    """
    if connection.vendor != "sqlite" or len(text) < SHORTEST:
        return None
    with connection.cursor() as cursor:
        cursor.execute(ROWS_OF_ORGANIZATION, [organization_id.hex, most + 1])
        if cursor.fetchone()[0] <= most:
            return None
        cursor.execute(ROWS_WITH_TEXT, [phrase(text), organization_id.hex, most + 1])
        found = cursor.fetchall()
    return [UUID(hex=credential) for (credential,) in found] if len(found) <= most else None


def phrase(text: str) -> str:
    """`text` as FTS5 reads a string, in which nothing is a command."""
    return '"' + text.replace('"', '""') + '"'
