"""An index for a part of a credential's name, which `credentials.services.name_search` explains.

PostgreSQL: pg_trgm comes with the server's contrib package, and since version 13 whoever may create objects in the
database may switch it on. Where that fails, the index is left out: the search finds the same, only not as fast, and
`docs/operations.md` says how to add it later.

SQLite: the names stand once more in a table of their own, whose integer key an FTS5 index can hold on to, which it
could not to the rows' own: VACUUM renumbers those. A later migration that alters Credential makes SQLite build a new
table without the triggers: run `index_names` again there.
"""

import logging
from typing import Any

from django.db import NotSupportedError, OperationalError, ProgrammingError, migrations, transaction

logger = logging.getLogger(__name__)

EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
POSTGRESQL = "CREATE INDEX credential_by_part_of_name ON credentials_credential USING gin (LOWER(name) gin_trgm_ops)"
# The extension stays: something else may use it.
POSTGRESQL_BACK = ["DROP INDEX IF EXISTS credential_by_part_of_name"]

FORGET = """
    INSERT INTO credentials_name_trigrams (credentials_name_trigrams, rowid, name)
    SELECT 'delete', number, name FROM credentials_name WHERE credential = OLD.id
"""
REMEMBER = """
    INSERT INTO credentials_name_trigrams (rowid, name)
    SELECT number, name FROM credentials_name WHERE credential = NEW.id
"""
SQLITE_BACK = [
    "DROP TRIGGER IF EXISTS credentials_name_added",
    "DROP TRIGGER IF EXISTS credentials_name_changed",
    "DROP TRIGGER IF EXISTS credentials_name_removed",
    "DROP TABLE IF EXISTS credentials_name_trigrams",
    "DROP TABLE IF EXISTS credentials_name",
]
SQLITE = [
    *SQLITE_BACK,
    """
    CREATE TABLE credentials_name (
        number integer NOT NULL PRIMARY KEY, credential char(32) NOT NULL UNIQUE, organization char(32) NOT NULL,
        name varchar(255) NOT NULL
    )
    """,
    """
    CREATE VIRTUAL TABLE credentials_name_trigrams
    USING fts5(name, content='credentials_name', content_rowid='number', tokenize='trigram')
    """,
    f"""
    CREATE TRIGGER credentials_name_added AFTER INSERT ON credentials_credential BEGIN
        INSERT INTO credentials_name (credential, organization, name) VALUES (NEW.id, NEW.organization_id, NEW.name);
        {REMEMBER};
    END
    """,
    f"""
    CREATE TRIGGER credentials_name_changed AFTER UPDATE OF name ON credentials_credential
    WHEN OLD.name <> NEW.name BEGIN
        {FORGET};
        UPDATE credentials_name SET name = NEW.name WHERE credential = NEW.id;
        {REMEMBER};
    END
    """,
    f"""
    CREATE TRIGGER credentials_name_removed AFTER DELETE ON credentials_credential BEGIN
        {FORGET};
        DELETE FROM credentials_name WHERE credential = OLD.id;
    END
    """,
    """
    INSERT INTO credentials_name (credential, organization, name)
    SELECT id, organization_id, name FROM credentials_credential
    """,
    "INSERT INTO credentials_name_trigrams (credentials_name_trigrams) VALUES ('rebuild')",
]


def index_names(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for statement in SQLITE:
            schema_editor.execute(statement)
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute(EXTENSION)
    except (NotSupportedError, OperationalError, ProgrammingError) as refusal:
        # No contrib package, or no right to create extensions.
        logger.warning("Search by name goes without its index: %s", refusal)
    else:
        schema_editor.execute(POSTGRESQL)


def forget_names(apps: Any, schema_editor: Any) -> None:
    for statement in SQLITE_BACK if schema_editor.connection.vendor == "sqlite" else POSTGRESQL_BACK:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("credentials", "0009_indexes_of_the_list")]
    operations = [migrations.RunPython(index_names, forget_names)]
