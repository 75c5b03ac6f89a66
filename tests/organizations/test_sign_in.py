"""Signing in: where it leads, when it stops, and what the log says of it."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from organizations.models import AuditEntry

LOGIN = "/accounts/login/"


def sign_in(client, username, password, **extra):
    return client.post(LOGIN, {"username": username, "password": password, **extra}, REMOTE_ADDR="192.0.2.1")


def told(action):
    return AuditEntry.objects.of(None).filter(action=action)


def test_somebody_with_one_organization_lands_in_it(cast, client):
    response = client.post(LOGIN, {"username": "alice", "password": cast.password}, follow=True)
    target = reverse("credentials:list", kwargs={"organization_id": cast.organization.pk})
    assert response.redirect_chain[-1][0] == target


def test_signing_in_and_out_is_recorded(cast, client):
    sign_in(client, "alice", cast.password)
    entry = told("user.signed_in").get()
    assert (entry.actor_kind, entry.actor_label, entry.object_id) == ("user", "alice", str(cast.alice.pk))
    assert client.get("/accounts/logout/").status_code == 405
    response = client.post("/accounts/logout/")
    assert response["Location"] == LOGIN
    assert told("user.signed_out").get().actor_label == "alice"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\evil",
        "http://testserver/x",
        "javascript:alert(1)",
    ],
)
def test_sign_in_leads_to_a_page_of_this_site_only(cast, client, target):
    response = sign_in(client, "alice", cast.password, next=target)
    assert response["Location"] == "/organizations/"


def test_sign_in_leads_back_to_the_page_that_was_asked_for(cast, client):
    page = f"/organizations/{cast.organization.pk}/bots/"
    response = client.get(page)
    assert response["Location"] == f"{LOGIN}?next={page}"
    assert sign_in(client, "alice", cast.password, next=page)["Location"] == page


def test_promise_32_a_failure_says_the_same_whether_there_is_such_a_person_or_not(cast, client):
    User.objects.filter(pk=cast.vic.pk).update(is_active=False)
    answers = [sign_in(client, "alice", "wrong"), sign_in(client, "nobody", "wrong"), sign_in(client, "vic", "wrong")]
    errors = [list(answer.context["form"].non_field_errors()) for answer in answers]
    assert errors[0] == errors[1] == errors[2] != []
    assert "Error:" in answers[0].content.decode().split("</title>")[0]


def test_promise_32_five_failures_lock_the_door_even_for_the_right_password(cast, client):
    for attempt in range(4):
        assert sign_in(client, "alice", f"wrong {attempt}").status_code == 200
    assert sign_in(client, "alice", "wrong").status_code == 429
    refused = sign_in(client, "alice", cast.password)
    assert refused.status_code == 429
    assert "Too many attempts" in refused.content.decode()
    assert "sessionid" not in client.cookies
    assert told("user.locked_out").exists()


def test_promise_32_an_unknown_name_is_locked_with_the_same_words(cast, client):
    pages = [
        [sign_in(client, name, "wrong").content.decode().split("csrfmiddlewaretoken")[0] for _ in range(6)]
        for name in ("alice", "nobody")
    ]
    assert [page.replace("nobody", "alice") for page in pages[1]] == pages[0]


def test_promise_32_a_forged_address_does_not_help(cast, client):
    for attempt in range(5):
        sign_in_from(client, f"198.51.100.{attempt}", "wrong")
    assert sign_in_from(client, "198.51.100.99", cast.password).status_code == 429


def sign_in_from(client, forged, password):
    return client.post(
        LOGIN,
        {"username": "alice", "password": password},
        REMOTE_ADDR="192.0.2.1",
        headers={"X-Forwarded-For": forged, "X-Real-Ip": forged, "Forwarded": f"for={forged}"},
    )


def test_somebody_else_can_still_sign_in_from_the_same_address(cast, client):
    for _ in range(6):
        sign_in(client, "alice", "wrong")
    assert sign_in(client, "bob", cast.password).status_code == 302


def test_a_failure_is_recorded_without_what_was_typed(cast, client):
    sign_in(client, "alice", "canary-password")
    sign_in(client, "name-of-nobody", "x")
    known, unknown = told("user.sign_in_failed").order_by("position")
    assert (known.outcome, known.actor_kind, known.object_label) == ("denied", "anonymous", "alice")
    assert (unknown.object_label, unknown.object_id) == ("", "")
    told_of_both = str([entry.__dict__ for entry in AuditEntry.objects.all()])
    assert not [typed for typed in ("canary-password", "name-of-nobody") if typed in told_of_both]


def test_a_disabled_person_is_signed_out_by_their_next_request(cast, client):
    client.force_login(cast.alice)
    page = f"/organizations/{cast.organization.pk}/bots/"
    assert client.get(page).status_code == 200
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert client.get(page)["Location"].startswith(LOGIN)
