"""Access Token: what is accepted, what is sent, and what shows."""

import pytest
from django.test import Client

from credentials.models import Credential
from credentials.models.credential import Status
from credentials.services.call import call, send_test
from credentials.services.use import hand_out_token
from organizations.access import enter
from organizations.audit import Actor
from organizations.policies import Action
from tests.support.credentials import make_integration
from tests.support.lying_server import Answer, LyingServer, Recorded
from tests.support.people import Cast
from tests.support.wizard import (
    add_by_wizard,
    answer_step,
    edit_by_page,
    errors_of,
    last_step_address,
    pages,
)

pytestmark = pytest.mark.django_db

KIND = "access_token"
TOKEN = "canary-s3cret/+=~.token"
FIELDS = {"access_token": TOKEN, "token_type": "Bearer"}
BOT = Actor.command("test")


@pytest.fixture
def credential(bob: Client, cast: Cast) -> Credential:
    return add_by_wizard(bob, cast.organization, KIND, FIELDS)


def test_the_wizard_asks_for_token_and_type_and_ends_with_save(bob: Client, cast: Cast) -> None:
    shown = bob.get(last_step_address(bob, cast.organization, KIND))
    assert [bound.label for bound in shown.context["form"]] == ["Access Token", "Token Type"]
    assert shown.context["action_label"] == "Save"


def test_bearer_and_basic_are_offered_without_a_script(bob: Client, cast: Cast) -> None:
    text = bob.get(last_step_address(bob, cast.organization, KIND)).content.decode()
    assert 'list="id_token_type_suggestions"' in text
    offered = text.split('<datalist id="id_token_type_suggestions">')[1].split("</datalist>")[0]
    assert [word for word in ("Bearer", "Basic", "Token") if f'value="{word}"' in offered] == ["Bearer", "Basic"]


def test_it_is_active_at_once_and_its_token_is_sealed(credential: Credential) -> None:
    assert credential.status == Status.ACTIVE
    assert credential.payload == {"token_type": "Bearer"}
    assert credential.open_secrets() == {"access_token": TOKEN}
    assert TOKEN not in credential.secrets


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("access_token", "", "required"),
        ("access_token", "   ", "required"),
        ("access_token", "a\r\nX-Evil: 1", "control character"),
        ("access_token", "a\x00b", "Null characters"),
        ("access_token", "a\x7fb", "control character"),
        ("access_token", "tökén", "visible ASCII"),
        ("access_token", "“quoted”", "visible ASCII"),
        ("access_token", "a" * 8001, "at most 8000"),
        ("token_type", "", "required"),
        ("token_type", "Bearer:", "one word"),
        ("token_type", "My Scheme", "one word"),
        ("token_type", "Bear\r\ner", "control character"),
        ("token_type", "Bär", "one word"),
        ("token_type", '"Bearer"', "one word"),
        ("token_type", "a" * 101, "one word"),
    ],
)
def test_promise_36_what_cannot_be_sent_is_refused_at_its_field(
    bob: Client, cast: Cast, field: str, value: str, says: str
) -> None:
    answer = answer_step(bob, cast.organization, KIND, FIELDS | {field: value})
    assert says in errors_of(answer, field)
    assert TOKEN not in answer.content.decode()
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("token", "token_type"),
    [
        (TOKEN, "Bearer"),
        ("am9lOnNlY3JldA==", "Basic"),
        (TOKEN, "Zoho-oauthtoken"),
        ('username="joe", realm="orders"', "Custom~1"),
    ],
)
def test_a_server_that_checks_the_header_accepts_it_as_it_was_entered(
    bob: Client, cast: Cast, server: LyingServer, token: str, token_type: str
) -> None:
    def check(request: Recorded) -> Answer:
        return Answer(status=200 if request.headers.get("authorization") == f"{token_type} {token}" else 401)

    server.answers(check)
    for name, entered, status in (("Right", token, 200), ("Wrong", f"{token}x", 401)):
        fields = {"access_token": entered, "token_type": token_type}
        credential = add_by_wizard(bob, cast.organization, KIND, fields, name)
        integration = make_integration(cast.organization, server.url("/"), credential=credential, name=name)
        assert call(integration, {}, actor=BOT).status == status


def test_the_line_break_behind_a_pasted_token_is_taken_off(bob: Client, cast: Cast) -> None:
    credential = add_by_wizard(bob, cast.organization, KIND, FIELDS | {"access_token": f" {TOKEN}\r\n"})
    assert credential.open_secrets() == {"access_token": TOKEN}


def test_a_test_request_hides_a_token_that_the_resource_repeats(
    credential: Credential, cast: Cast, server: LyingServer
) -> None:
    server.answers(lambda request: Answer(body=f"you sent {request.headers['authorization']}".encode()))
    integration = make_integration(cast.organization, server.url("/"), credential=credential)
    result = send_test(enter(cast.dana, cast.organization.pk, Action.CALL_INTEGRATIONS), integration, {})
    assert result.body == "you sent Bearer [hidden]"
    assert result.attached == ["Authorization: Bearer ••••"]


def test_a_bot_is_handed_the_token_and_its_type(credential: Credential) -> None:
    handed_out = hand_out_token(credential, actor=BOT)
    assert (handed_out.token.access_token, handed_out.token.token_type) == (TOKEN, "Bearer")
    assert handed_out.expires_at is None


def test_pages_show_the_type_and_never_the_token(bob: Client, credential: Credential, cast: Cast) -> None:
    for rest in (f"{credential.pk}/", f"{credential.pk}/edit/", f"{credential.pk}/delete/", ""):
        text = bob.get(pages(cast.organization, rest)).content.decode()
        assert TOKEN not in text
        assert "Authorize</button>" not in text
    assert "Bearer" in bob.get(pages(cast.organization, f"{credential.pk}/")).content.decode()


def test_an_edit_keeps_the_token_that_is_left_blank_and_demands_nothing_again(
    bob: Client, credential: Credential
) -> None:
    assert edit_by_page(bob, credential, {"token_type": "Token"}).status_code == 303
    credential.refresh_from_db()
    assert credential.payload == {"token_type": "Token"}
    assert credential.open_secrets() == {"access_token": TOKEN}
    assert credential.status == Status.ACTIVE


def test_an_edit_that_is_refused_changes_nothing(bob: Client, credential: Credential) -> None:
    answer = edit_by_page(bob, credential, {"access_token": "a\nb", "token_type": "Token"})
    assert "control character" in errors_of(answer, "access_token")
    credential.refresh_from_db()
    assert credential.payload == {"token_type": "Bearer"}
    assert credential.open_secrets() == {"access_token": TOKEN}
