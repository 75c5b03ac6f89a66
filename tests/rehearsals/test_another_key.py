"""The steps to another key, as `docs/operations.md` prints them: no process ever meets what it cannot open."""

import io
import re

import pytest
from django.core.management import call_command
from django.test import override_settings
from pytest_django import Settings

from credentials.models import Credential
from tests.rehearsals.documented import commands
from tests.support.people import Cast
from tests.support.product import new_credential_keys


@pytest.fixture
def steps() -> list[str]:
    """Keys of the processes from step to step, and `rotate_keys` where it is run."""
    known = {"OLD": new_credential_keys("2026a"), "NEW": new_credential_keys("2026b")}
    found = []
    for line in commands("rotate-keys").splitlines():
        command = line.partition("#")[0].strip()
        if keys := re.fullmatch(r'CREDENTIAL_KEYS="(.*)"', command):
            found.append(re.sub(r"\$(\w+)", lambda name: known[name.group(1)], keys.group(1)))
        else:
            found.append(command.removeprefix("manage.py "))
    return found


def seal(cast: Cast, keys: str, name: str) -> None:
    with override_settings(CREDENTIAL_KEYS=keys):
        row = Credential(organization=cast.organization, account=cast.account, name=name, kind="oauth2")
        row.seal("secrets", {"client_secret": name})
        row.save()


def opens_everything(keys: str) -> bool:
    with override_settings(CREDENTIAL_KEYS=keys):
        return all(row.open_secrets() == {"client_secret": row.name} for row in Credential.objects.all())


def test_old_and_new_processes_open_what_the_other_seals_at_every_step(
    cast: Cast, steps: list[str], settings: Settings
) -> None:
    before = ""
    for number, step in enumerate(steps):
        if step == "rotate_keys":
            settings.CREDENTIAL_KEYS = before
            call_command(step, stdout=io.StringIO())
            continue
        # Processes of this step and of the one before serve side by side until the last has been restarted.
        together = [step, before] if before else [step]
        for place, sealing in enumerate(together):
            seal(cast, sealing, f"{number}.{place}")
        assert all(opens_everything(opening) for opening in together), f"after {steps[:number]}"
        before = step
    assert [key.partition(":")[0] for key in steps[-1].split(",")] == ["2026b"]
    assert "rotate_keys" in steps
