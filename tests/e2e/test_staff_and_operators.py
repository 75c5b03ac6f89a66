"""The other two ways in: the administration for staff, and the terminal for operators."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.scene import Scene, another
from tests.support.processes import ROOT

# What moves the cursor, erases or colours (ECMA-48, CSI).
CONTROL = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


def act(page: Page, action: str) -> Locator:
    """Select everything that the list shows, choose an action and run it; what is said then."""
    page.get_by_role("checkbox", name="Select all").check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).click()
    return page.locator(".messagelist")


@pytest.mark.chromium
def test_ux_24_staff_find_inspect_and_deactivate_a_credential_and_revoke_a_token(ruth: Page, scene: Scene) -> None:
    name, page = "Looked up by staff", ruth
    added = scene.authorized(name, grant="client_credentials")
    token = scene.token_of(added.credential_id)
    page.goto(f"{scene.product.url}/admin/credentials/credential/?status__exact=active")
    page.locator("#searchbar").fill(name)
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.get_by_role("link", name=name).click()
    main = page.locator("#content")
    for said in (added.credential_id, "Support bots", added.application.client_id, scene.sandbox.token_url, "Active"):
        expect(main).to_contain_text(said)
    for secret in (added.application.client_secret, token, "v1:"):
        assert secret not in page.content()
    page.go_back()
    expect(act(page, "Deactivate the selected credentials")).to_have_text("Credentials deactivated: 1.")
    assert scene.call(scene.add_integration(added.credential_id)).status_code != 200

    watched = another(scene, "Watched by staff", number="55500600")
    tokens = f"{scene.product.url}/admin/organizations/servicetoken/?q=Watched&state="
    assert watched.list_by_api().status_code == 200
    page.goto(f"{tokens}active")
    expect(act(page, "Revoke the selected service tokens")).to_contain_text("1")
    page.goto(f"{tokens}revoked")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    assert watched.list_by_api().status_code == 401


def started(scene: Scene, *arguments: str, **streams: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        env={**scene.product.env, "COLUMNS": "200", "TERM": "xterm"},
        cwd=ROOT,
        text=True,
        **streams,  # type: ignore[call-overload]
    )


def read_screen(screen: int) -> str:
    """What a command drew until it ended."""
    drawn = b""
    # Linux ends the reading of a terminal that nobody holds any more with an error.
    with contextlib.suppress(OSError):
        while more := os.read(screen, 65536):
            drawn += more
    os.close(screen)
    return drawn.decode()


def test_ux_25_operators_get_tables_progress_json_and_exit_codes_that_mean_something(scene: Scene) -> None:
    scene.authorized("For the report", grant="client_credentials")
    scene.added("Needs somebody")
    screen, terminal = pty.openpty()
    verifying = started(scene, "verify_audit", stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    report = ("credential_report", "--json", "--check", "--organization", scene.stage.organization_id)
    reporting = started(scene, *report, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    drawn = read_screen(screen)
    assert verifying.wait(60) == 0
    assert "Verifying" in drawn
    lines = [CONTROL.sub("", line) for line in drawn.splitlines()]
    (head,), (row,) = ([line for line in lines if word in line] for word in ("VERDICT", "Support bots"))
    assert head.index("VERDICT") == row.index("intact")

    printed, said = reporting.communicate(timeout=60)
    assert (reporting.returncode, said) == (1, "")
    assert {row["name"] for row in json.loads(printed)} >= {"For the report", "Needs somebody"}
