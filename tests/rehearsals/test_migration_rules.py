"""Every migration since the baseline leaves the version before it something to work with."""

from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from organizations.online_index import AddIndexOnline
from tests.rehearsals import next_version
from tests.rehearsals.migration_rules import UNKNOWN, objections
from tests.support.source import PACKAGES, within

# The rules are as old as this: nothing was released before.
BASELINE = {
    "credentials": "0013_host_of_attempt",
    "organizations": "0005_service_token_scopes",
    "staff": "0001_second_factor",
}
# Migrations that may break a rule, each with the reason why the old version bears it all the same.
EXCEPTIONS: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    return MigrationLoader(None)


def since_the_baseline(loader: MigrationLoader) -> Iterator[Migration]:
    old = {key for leaf in BASELINE.items() for key in loader.graph.forwards_plan(leaf)}
    for app in BASELINE:
        for leaf in loader.graph.leaf_nodes(app):
            for key in loader.graph.forwards_plan(leaf):
                if key not in old and key[0] in BASELINE:
                    yield loader.graph.nodes[key]


def said_of(loader: MigrationLoader, *operations: Operation, atomic: bool = True) -> list[str]:
    """Of a next migration of `credentials` with these operations."""
    migration = Migration("9999_next", "credentials")
    migration.operations, migration.atomic = list(operations), atomic
    return objections(migration, loader.project_state())


def test_the_baseline_is_there_and_no_app_of_ours_is_left_out(loader: MigrationLoader) -> None:
    assert set(BASELINE.items()) <= set(loader.graph.nodes)
    ours = {config.label for config in apps.get_app_configs() if within(config.name, PACKAGES)}
    assert {app for app, _ in loader.graph.nodes if app in ours} == set(BASELINE)


def test_every_migration_since_then_keeps_the_rules(loader: MigrationLoader) -> None:
    wrong = {
        (migration.app_label, migration.name): found
        for migration in since_the_baseline(loader)
        if (found := objections(migration, loader.project_state((migration.app_label, migration.name), at_end=False)))
    }
    assert {key: found for key, found in wrong.items() if key not in EXCEPTIONS} == {}
    assert all(EXCEPTIONS.values())
    assert set(EXCEPTIONS) <= set(wrong), "An exception that nothing needs any more."


def test_the_rehearsed_next_version_keeps_them_and_is_made_of_every_allowed_form(loader: MigrationLoader) -> None:
    state = loader.project_state()
    forms = set()
    folder = Path(next_version.__file__).parent / "migrations"
    for file in sorted(folder.glob("[0-9]*.py")):
        module = import_module(f"{next_version.__name__}.migrations.{file.stem}")
        migration = module.Migration(file.stem, "credentials")
        assert objections(migration, state) == []
        state = migration.mutate_state(state)
        forms |= {type(operation) for operation in migration.operations}
    assert forms == {migrations.AddField, migrations.CreateModel, AddIndexOnline, migrations.RunPython}


NAME = models.CharField(max_length=255)
ALLOWED = {
    "a column that may be null": migrations.AddField("credential", "tint", models.CharField(null=True, max_length=9)),
    "a column that the database fills": migrations.AddField(
        "credential", "tint", models.CharField(db_default="", max_length=9)
    ),
    "a column without an index that names another row": migrations.AddField(
        "credential", "twin", models.ForeignKey("self", null=True, db_index=False, on_delete=models.SET_NULL)
    ),
    "words about a column": migrations.AlterField(
        "credential", "name", models.CharField(max_length=255, help_text="What people call it.")
    ),
    "something that can be taken back": migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop),
    "an index less": migrations.RemoveIndex("credential", "credential_by_age"),
}
REFUSED = {
    "a column that the old code does not fill": (
        migrations.AddField("credential", "tint", models.CharField(default="", max_length=9)),
        "does not fill it",
    ),
    "a column with an index": (
        migrations.AddField("credential", "tint", models.CharField(null=True, max_length=9, db_index=True)),
        "built under a lock",
    ),
    "a column that names another row, with its index": (
        migrations.AddField("credential", "twin", models.ForeignKey("self", null=True, on_delete=models.SET_NULL)),
        "built under a lock",
    ),
    "a unique column": (
        migrations.AddField("credential", "tint", models.CharField(null=True, max_length=9, unique=True)),
        "built under a lock",
    ),
    "a wider column": (
        migrations.AlterField("credential", "name", models.CharField(max_length=300)),
        "plans that the old code keeps",
    ),
    "a column that must not be null any more": (
        migrations.AlterField("credential", "expires_at", models.DateTimeField()),
        "plans that the old code keeps",
    ),
    "an index in a transaction": (
        migrations.AddIndex("credential", models.Index(fields=["version"], name="by_version")),
        "use AddIndexOnline",
    ),
    "a constraint": (
        migrations.AddConstraint(
            "credential", models.CheckConstraint(condition=models.Q(version__gt=0), name="version_positive")
        ),
        "may write what it forbids",
    ),
    "a column less": (migrations.RemoveField("credential", "version"), "still asks for it"),
    "a table less": (migrations.DeleteModel("Draft"), "still asks for it"),
    "another name of a column": (migrations.RenameField("credential", "version", "edition"), "by its old name"),
    "another name of a table": (migrations.RenameModel("Draft", "Sketch"), "by its old name"),
    "a table under another name": (migrations.AlterModelTable("draft", "sketches"), "by its old name"),
    "what cannot be taken back": (migrations.RunPython(migrations.RunPython.noop), "cannot be taken back"),
    "SQL that cannot be taken back": (migrations.RunSQL("SELECT 1"), "cannot be taken back"),
    "what nobody has thought of": (migrations.AlterUniqueTogether("credential", {("name", "kind")}), UNKNOWN),
    "a column less by another door": (
        migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("credential", "version")]),
        "still asks for it",
    ),
}


@pytest.mark.parametrize("form", ALLOWED)
def test_the_old_version_bears(loader: MigrationLoader, form: str) -> None:
    assert said_of(loader, ALLOWED[form]) == []


@pytest.mark.parametrize("form", REFUSED)
def test_the_old_version_does_not_bear(loader: MigrationLoader, form: str) -> None:
    operation, reason = REFUSED[form]
    [said] = said_of(loader, operation)
    assert reason in said


def test_an_index_is_built_online_outside_a_transaction_only(loader: MigrationLoader) -> None:
    index = AddIndexOnline("credential", models.Index(fields=["version"], name="by_version"))
    assert said_of(loader, index, atomic=False) == []
    [said] = said_of(loader, index)
    assert "atomic = False is missing" in said


def test_a_new_table_may_have_anything(loader: MigrationLoader) -> None:
    made = migrations.CreateModel("Label", [("id", models.BigAutoField(primary_key=True)), ("text", NAME.clone())])
    index = migrations.AddIndex("label", models.Index(fields=["text"], name="by_text"))
    assert said_of(loader, made, index, migrations.AddField("label", "tint", NAME.clone())) == []


def test_data_are_not_changed_where_tables_are_locked(loader: MigrationLoader) -> None:
    column = ALLOWED["a column that may be null"]
    [said] = said_of(loader, column, ALLOWED["something that can be taken back"])
    assert "make it two migrations" in said


class OfPostgres:
    """As much of a schema editor as it takes to ask whether an index is there. It builds nothing."""

    def __init__(self, state: tuple[bool] | None) -> None:
        self.executed: list[str] = []
        self.connection = self
        self.vendor, self.in_atomic_block, self.alias = "postgresql", False, "default"
        self.fetchone = lambda: state
        self.cursor = lambda: nullcontext(self)
        self.quote_name = '"{}"'.format

    def execute(self, statement: str, values: object = None) -> None:
        self.executed.append(statement)

    def add_index(self, model: type[models.Model], index: models.Index, concurrently: bool) -> None:
        assert concurrently
        self.executed.append("build")


@pytest.mark.parametrize(
    ("state", "done"),
    [(None, ["build"]), ((False,), ['DROP INDEX CONCURRENTLY "by_version"', "build"]), ((True,), [])],
    ids=["not there", "left half built", "built, and not written down"],
)
def test_building_an_index_can_be_run_again(
    loader: MigrationLoader, state: tuple[bool] | None, done: list[str]
) -> None:
    index = AddIndexOnline("credential", models.Index(fields=["version"], name="by_version"))
    editor: Any = OfPostgres(state)
    before = loader.project_state()
    index.database_forwards("credentials", editor, before, before)
    assert editor.executed[1:] == done


@pytest.mark.django_db(transaction=True)
def test_sqlite_builds_the_index_as_ever_and_drops_it_again(loader: MigrationLoader) -> None:
    before = loader.project_state()
    index = AddIndexOnline("credential", models.Index(fields=["version"], name="by_version"))
    after = before.clone()
    index.state_forwards("credentials", after)

    def is_there() -> bool:
        with connection.cursor() as cursor:
            constraints = connection.introspection.get_constraints(cursor, "credentials_credential")
        return "by_version" in constraints

    with connection.schema_editor(atomic=False) as editor:
        index.database_forwards("credentials", editor, before, after)
    assert is_there()
    with connection.schema_editor(atomic=False) as editor:
        index.database_backwards("credentials", editor, after, before)
    assert not is_there()
