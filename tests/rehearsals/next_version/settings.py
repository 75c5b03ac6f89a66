"""The settings of this version, with the migrations of the next one."""

from botaccounts.settings import *  # noqa: F403

MIGRATION_MODULES = {"credentials": "tests.rehearsals.next_version.migrations"}
