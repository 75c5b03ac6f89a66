"""Basic Authentication: what is accepted, what is sent, and what shows."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services.call import call
from credentials.services.use import hand_out_token
from organizations.audit import Actor
from organizations.models import AuditEntry
from tests.support.credentials import make_integration
from tests.support.lying_server import Answer, LyingServer, Recorded
from tests.support.people import Cast
from tests.support.processes import Server, answers, find_program, free_port
from tests.support.wizard import (
    add_by_wizard,
    answer_step,
    edit_by_page,
    errors_of,
    last_step_address,
    pages,
)

pytestmark = pytest.mark.django_db

KIND = "basic_authentication"
USER, PASSWORD = "jörg @ büro", " pä:ss wörd ☃ "
FIELDS = {"user_name": USER, "user_password": PASSWORD}
BOT = Actor.command("test")


@pytest.fixture
def credential(bob: Client, cast: Cast) -> Credential:
    return add_by_wizard(bob, cast.organization, KIND, FIELDS)


def test_the_wizard_asks_for_user_name_and_password_and_ends_with_save(bob: Client, cast: Cast) -> None:
    shown = bob.get(last_step_address(bob, cast.organization, KIND))
    assert [bound.label for bound in shown.context["form"]] == ["User Name", "User Password"]
    assert shown.context["action_label"] == "Save"


def test_it_is_active_at_once_and_its_password_is_sealed(credential: Credential) -> None:
    assert credential.status == Status.ACTIVE
    assert credential.payload == {"user_name": USER}
    assert credential.open_secrets() == {"user_password": PASSWORD}
    assert PASSWORD not in credential.secrets
    assert AuditEntry.objects.filter(action="credential.created", object_id=str(credential.pk)).count() == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("user_name", "a:b", "colon"),
        ("user_name", "", "required"),
        ("user_name", "a\r\nX-Evil: 1", "control character"),
        ("user_name", "a\x7fb", "control character"),
        ("user_name", "a\x85b", "control character"),
        ("user_name", "a\x00b", "Null characters"),
        ("user_name", "a" * 8001, "at most 8000"),
        ("user_password", "", "required"),
        ("user_password", "a\nb", "control character"),
        ("user_password", "a\x1bb", "control character"),
    ],
)
def test_promise_36_what_cannot_be_sent_is_refused_at_its_field(
    bob: Client, cast: Cast, field: str, value: str, says: str
) -> None:
    answer = answer_step(bob, cast.organization, KIND, FIELDS | {field: value})
    assert says in errors_of(answer, field)
    assert not Credential.objects.exists()


def test_promise_36_the_request_carries_the_pair_as_utf8(credential: Credential, server: LyingServer) -> None:
    server.answers(Answer(body=b"in"))
    integration = make_integration(credential.organization, server.url("/"), credential=credential)
    call(integration, {}, actor=BOT)
    scheme, _, pair = server.requests[0].headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert b64decode(pair, validate=True).decode() == f"{USER}:{PASSWORD}"


def test_a_server_that_checks_the_pair_lets_it_in_and_a_wrong_one_not(
    bob: Client, credential: Credential, cast: Cast, server: LyingServer
) -> None:
    def check(request: Recorded) -> Answer:
        user, _, password = b64decode(request.headers["authorization"][6:]).decode().partition(":")
        return Answer(status=200 if (user, password) == (USER, PASSWORD) else 401)

    server.answers(check)
    wrong = add_by_wizard(bob, cast.organization, KIND, FIELDS | {"user_password": PASSWORD.strip()})
    for each, status in ((credential, 200), (wrong, 401)):
        integration = make_integration(cast.organization, server.url("/"), credential=each, name=str(each.pk))
        assert call(integration, {}, actor=BOT).status == status


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[str]:
    """nginx with auth_basic for exactly this user and password; its address."""
    program, port = find_program("nginx", "/usr/sbin"), free_port()
    # Hashed, because the file separates its columns by colons.
    digest = b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()  # noqa: S324 - the format that nginx reads
    (tmp_path / "users").write_text(f"{USER}:{{SHA}}{digest}\n")
    (tmp_path / "index.html").write_text("you are in")
    (tmp_path / "nginx.conf").write_text(
        f"""
        daemon off; master_process off; pid {tmp_path}/nginx.pid; error_log stderr;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
            fastcgi_temp_path {tmp_path}/fastcgi; uwsgi_temp_path {tmp_path}/uwsgi; scgi_temp_path {tmp_path}/scgi;
            server {{
                listen 127.0.0.1:{port};
                root {tmp_path};
                location / {{ auth_basic "orders"; auth_basic_user_file {tmp_path}/users; }}
            }}
        }}
        """
    )
    address = f"http://127.0.0.1:{port}/"
    process = Server(
        "nginx",
        [program, "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")],
        log=tmp_path / "log",
        is_ready=lambda _: answers(address, 401),
    )
    process.start()
    yield address
    process.stop()


def test_nginx_accepts_the_call_and_refuses_another_password(
    nginx: str, bob: Client, credential: Credential, cast: Cast, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = [nginx.removeprefix("http://").rstrip("/")]
    wrong = add_by_wizard(bob, cast.organization, KIND, FIELDS | {"user_password": "another"})
    results = [
        call(make_integration(cast.organization, nginx, credential=each, name=str(each.pk)), {}, actor=BOT)
        for each in (credential, wrong)
    ]
    assert [result.status for result in results] == [200, 401]
    assert results[0].body == "you are in"


def test_a_bot_is_handed_the_encoded_pair(credential: Credential) -> None:
    handed_out = hand_out_token(credential, actor=BOT)
    assert handed_out.token.token_type == "Basic"
    assert handed_out.token.access_token == b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert handed_out.expires_at is None


def test_pages_show_the_user_name_and_never_the_password(bob: Client, credential: Credential, cast: Cast) -> None:
    for rest in (f"{credential.pk}/", f"{credential.pk}/edit/", f"{credential.pk}/delete/", ""):
        text = bob.get(pages(cast.organization, rest)).content.decode()
        assert PASSWORD.strip() not in text
        assert "Authorize</button>" not in text
    detail = bob.get(pages(cast.organization, f"{credential.pk}/")).content.decode()
    assert USER in detail
    assert "configured" in detail


def test_an_edit_keeps_the_password_that_is_left_blank_and_demands_nothing_again(
    bob: Client, credential: Credential
) -> None:
    assert edit_by_page(bob, credential, {"user_name": "somebody else"}).status_code == 303
    credential.refresh_from_db()
    assert credential.payload == {"user_name": "somebody else"}
    assert credential.open_secrets() == {"user_password": PASSWORD}
    assert credential.status == Status.ACTIVE
    assert edit_by_page(bob, credential, {"user_password": "another"}).status_code == 303
    credential.refresh_from_db()
    assert credential.open_secrets() == {"user_password": "another"}


def test_it_is_not_authorized_at_a_resource(bob: Client, credential: Credential, cast: Cast) -> None:
    assert bob.post(pages(cast.organization, f"{credential.pk}/authorize/")).status_code == 404
