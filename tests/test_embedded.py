"""`make run`: from nothing to a product that answers, again with the same data, and gone without a trace."""

import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from botaccounts.embedded.dotenv import add_missing_secrets
from botaccounts.embedded.place import Place, choose_place, defaults
from botaccounts.embedded.ready import boxed
from credentials.crypto import keyring
from tests.support.canary import MARK
from tests.support.checkout import Checkout
from tests.support.inside import Inside
from tests.support.journeys import Stage, Visitor, bot_token
from tests.support.processes import ROOT, answers, find_program, free_port, wait_until
from tests.support.sandbox_server import Sandbox


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("embedded") / "checkout"
    listed = subprocess.run([find_program("git"), "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target)
    checkout = Checkout(folder)
    yield checkout
    for pid in checkout.processes():
        os.kill(pid, signal.SIGKILL)
    seen = checkout.secrets_left()
    assert seen == [], f"secrets were left behind: {seen}"


@pytest.fixture(scope="module")
def first_run(checkout: Checkout) -> str:
    """What the first start printed; it was ended by Ctrl-C afterwards, and left no process."""
    server = checkout.by_make().start()
    assert answers(f"{checkout.url}/health/ready")
    checkout.first_demo = checkout.demo()
    checkout.end(server, signal.SIGINT)
    return server.text()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_first_start_says_where_it_is_and_who_may_sign_in(checkout: Checkout, first_run: str) -> None:
    assert f"Bot Accounts is ready: {checkout.url}" in first_run
    assert "alice" in first_run
    assert "Sandbox resource: http://127.0.0.1:" in first_run
    assert "Traceback" not in first_run


def test_secrets_and_data_are_for_their_owner_alone(checkout: Checkout, first_run: str) -> None:
    env_file = checkout.folder / ".env"
    assert mode(env_file) == 0o600
    assert mode(checkout.folder / "var") == 0o700
    assert mode(checkout.folder / "var" / "botaccounts.sqlite3") == 0o600
    assert {line.partition("=")[0] for line in env_file.read_text().splitlines() if "=" in line} == {
        "SECRET_KEY",
        "CREDENTIAL_KEYS",
        "SANDBOX_SECRET_KEY",
    }


def test_manage_py_in_another_terminal_means_the_running_one(checkout: Checkout, first_run: str) -> None:
    assert checkout.first_demo["url"] == checkout.url


def test_a_second_start_keeps_keys_people_and_data_and_is_the_only_one(checkout: Checkout, first_run: str) -> None:
    env_before = (checkout.folder / ".env").read_text()
    server = checkout.by_make(HOST="127.0.0.2").start()
    assert not answers(f"{checkout.url}/health/live"), "it listens at more than HOST"

    demo = checkout.demo()
    assert demo["url"] == f"http://127.0.0.2:{checkout.port}"
    assert demo["organization_id"] == checkout.first_demo["organization_id"]
    alice = signed_in(demo, checkout.first_demo["users"][0])
    # A secret to keep: what is left of all runs is searched for it in the end.
    step = alice.step(alice.post(alice.credentials_url("add/"), {"name": "Orders", "kind": "basic_authentication"}))
    alice.step(alice.post(step, {"user_name": "bot", "user_password": f"{MARK}-of-a-resource"}))
    refused = checkout.try_to_start(PORT=str(free_port()))
    assert refused.returncode == 1
    assert "running already" in refused.stderr

    checkout.end(server, signal.SIGTERM)
    assert (checkout.folder / ".env").read_text() == env_before


def signed_in(demo: dict[str, Any], person: dict[str, str]) -> Visitor:
    """One of the sample people, by the password that the first start told."""
    stage = Stage(demo["organization_id"], demo["bot_id"], demo["service_token"], person["password"])
    return Visitor(demo["url"], stage, person["username"]).sign_in()


def walk_the_whole_path(checkout: Checkout, sandbox: Sandbox) -> None:
    """A worker exchanges the code, and renews what the sweep finds that beat asks for."""
    alice = signed_in(checkout.first_demo, checkout.first_demo["users"][0])
    credential = alice.add_authorized(sandbox).credential_id
    inside = Inside(checkout)
    inside.end_token(credential)
    wait_until(lambda: inside.generation(credential) == 2, seconds=90, what="a renewal that nobody asked for")
    token = bot_token(checkout.url, alice.stage, credential).json()["access_token"]
    order = requests.get(f"{sandbox.url}/api/orders/A-1001", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert order.status_code == 200


def test_the_whole_path_can_be_tried_and_no_process_is_left_when_it_is_killed(
    checkout: Checkout, first_run: str
) -> None:
    server = checkout.server().start()
    try:
        with closing(checkout.sandbox(server)) as sandbox:
            walk_the_whole_path(checkout, sandbox)
    finally:
        checkout.end(server, signal.SIGKILL)
    assert not answers(f"{checkout.url}/health/live")


def test_no_process_is_left_when_make_is_killed(checkout: Checkout, first_run: str) -> None:
    """It was ended by Ctrl-C and by SIGTERM above, and left none either."""
    checkout.end(checkout.by_make().start(), signal.SIGKILL)


def test_a_signal_during_the_start_is_not_lost(checkout: Checkout, first_run: str) -> None:
    server = checkout.server()
    server._is_ready = lambda started: "started (pid=" in started.text()
    server.start()
    checkout.end(server, signal.SIGTERM)
    assert "Bot Accounts is ready" not in server.text()


def test_a_port_that_is_taken_is_named_and_nothing_starts(checkout: Checkout, first_run: str) -> None:
    with socket.create_server(("127.0.0.1", checkout.port)):
        done = checkout.try_to_start()
    assert done.returncode == 1
    assert f"port {checkout.port}" in done.stderr
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert checkout.processes() == []


def test_a_database_without_its_key_is_not_given_a_new_one(checkout: Checkout, first_run: str) -> None:
    env_file = checkout.folder / ".env"
    kept = env_file.read_text()
    try:
        env_file.write_text("".join(line for line in kept.splitlines(True) if not line.startswith("CREDENTIAL_KEYS")))
        done = checkout.try_to_start()
        assert done.returncode == 1
        assert "CREDENTIAL_KEYS" in done.stderr
        assert "CREDENTIAL_KEYS" not in env_file.read_text()
    finally:
        env_file.write_text(kept)
        env_file.chmod(0o600)


def test_a_variable_of_the_environment_wins_over_the_file(checkout: Checkout, first_run: str) -> None:
    done = checkout.try_to_start(CREDENTIAL_KEYS="broken")
    assert done.returncode == 1
    assert "CREDENTIAL_KEYS" in done.stderr
    assert "broken" not in done.stderr


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "8 000"])
def test_a_port_that_is_none_is_refused(checkout: Checkout, text: str) -> None:
    done = checkout.try_to_start(PORT=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert "must be a number from 1 to 65535" in done.stderr


def test_the_sandbox_moves_when_the_port_beside_is_taken() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        place = choose_place({"PORT": str(port)})
    assert place.sandbox_port not in (port, port + 1)


def test_only_the_sandbox_is_let_through_and_what_somebody_set_wins() -> None:
    port = free_port()
    place = choose_place({"PORT": str(port), "SANDBOX_PORT": str(free_port())})
    chosen = defaults(place, {"PUBLIC_URL": "https://bots.example.com"})
    assert chosen["OUTBOUND_ALLOW"] == f"127.0.0.1:{place.sandbox_port},localhost:{place.sandbox_port}"
    assert chosen["PUBLIC_URL"] == "https://bots.example.com"
    assert set(chosen["ALLOWED_HOSTS"].split(",")) == {"bots.example.com", "127.0.0.1", "localhost"}
    assert "ALLOWED_HOSTS" not in defaults(place, {"ALLOWED_HOSTS": "bots.example.com"})


def test_a_name_to_listen_at_becomes_an_address_and_stays_the_public_name() -> None:
    place = choose_place({"HOST": "localhost", "PORT": str(free_port())})
    assert place.address == "127.0.0.1"
    assert defaults(place, {})["PUBLIC_URL"] == f"http://localhost:{place.port}"


def test_an_ipv6_address_stands_in_brackets_among_the_names_that_it_answers_to() -> None:
    # Nobody listens there: the machine may have no IPv6.
    chosen = defaults(Place("::1", "::1", 8000, 8001), {})
    assert chosen["PUBLIC_URL"] == "http://[::1]:8000"
    assert "[::1]" in chosen["ALLOWED_HOSTS"].split(",")


def test_a_name_that_nobody_has_is_no_place_to_listen(checkout: Checkout) -> None:
    done = checkout.try_to_start(HOST="no-such-host.invalid")
    assert (done.returncode, done.stdout) == (1, "")
    assert "HOST is 'no-such-host.invalid'" in done.stderr
    assert "Traceback" not in done.stderr


def test_on_every_address_it_answers_to_names_of_this_machine_only() -> None:
    place = choose_place({"HOST": "0.0.0.0", "PORT": str(free_port())})  # noqa: S104
    chosen = defaults(place, {})
    assert chosen["PUBLIC_URL"] == f"http://127.0.0.1:{place.port}"
    assert {"127.0.0.1", "localhost", socket.gethostname()} <= set(chosen["ALLOWED_HOSTS"].split(","))
    assert "*" not in chosen["ALLOWED_HOSTS"]


def test_the_box_is_as_wide_as_its_longest_line() -> None:
    assert boxed(["a", "long"]).split() == ["+------+", "|", "a", "|", "|", "long", "|", "+------+"]


def test_only_what_is_missing_is_added_to_an_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "CREDENTIAL_KEYS", "SANDBOX_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    env_file = tmp_path / ".env"
    env_file.write_text("# mine\nEMAIL_URL=smtp://localhost")

    add_missing_secrets(env_file, tmp_path / "none.sqlite3")
    lines = env_file.read_text().splitlines()
    assert lines[:2] == ["# mine", "EMAIL_URL=smtp://localhost"]
    assert [line.partition("=")[0] for line in lines[2:]] == ["CREDENTIAL_KEYS", "SANDBOX_SECRET_KEY"]
    assert mode(env_file) == 0o600
    keyring.parse_keys(os.environ["CREDENTIAL_KEYS"])
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
