"""Third-party NLU: the token that a domain is trained with, from token endpoints that check what they are sent."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from django.test import Client
from google.auth.transport.requests import Request as GoogleTransport
from google.oauth2 import service_account

from credentials.models import Credential, Domain, OAuthToken, TokenAttempt
from credentials.models.clock import database_now
from credentials.models.credential import Status
from credentials.runtime import NeedsAuthorization, Unavailable
from credentials.services import domains
from credentials.services.domains import HandedOut
from credentials.services.exchange import exchange
from credentials.services.refresh import Outcome, refresh
from credentials.services.sweep import find
from organizations.audit import Actor
from organizations.models import AuditEntry
from tests.support.journeys import access_token_of, received_authorization, token_of
from tests.support.lying_server import Answer, LyingServer, Recorded, error_answer
from tests.support.nlu import (
    API_KEY,
    PASSWORD,
    PROJECT,
    WATSON_URL,
    decoded,
    google_json,
    google_token_endpoint,
    iam_endpoint,
    new_nlu_credential,
    pem,
    service_account_key,
    watson_json,
    watson_pair_json,
)
from tests.support.people import Cast
from tests.support.tokens import at_once, change_token, leave_attempt, leave_lease, make_due, make_ended
from tests.support.wizard import edit_by_page, pages

pytestmark = pytest.mark.django_db

BOT, WORKER = Actor.command("test"), Actor.worker()
Train = Callable[[Credential], HandedOut]


@pytest.fixture
def train(cast: Cast) -> Train:
    """Ask for what a domain with this credential is trained with."""

    def ask(credential: Credential) -> HandedOut:
        Domain.objects.get_or_create(organization=cast.organization, name="Travel", credential=credential)
        domain = Domain.objects.select_related("organization", "credential__organization").get(credential=credential)
        return domains.hand_out_access(domain, actor=BOT)

    return ask


@pytest.fixture
def google(cast: Cast, server: LyingServer) -> Credential:
    server.on("/token", google_token_endpoint(service_account_key(), server.url("/token")))
    return new_nlu_credential(cast, google_json(token_uri=server.url("/token")))


@pytest.fixture
def watson(cast: Cast, server: LyingServer) -> Credential:
    server.on("/identity/token", iam_endpoint(API_KEY))
    return new_nlu_credential(cast, watson_json(iam_url=server.url("")), "ibm_watson")


def test_google_auth_accepts_the_stored_json_at_the_endpoint_that_accepts_our_exchange(
    google: Credential, server: LyingServer, train: Train
) -> None:
    stored = json.loads(google.open_secrets()["credentials"])
    theirs = service_account.Credentials.from_service_account_info(stored, scopes=["https://example.com/scope"])
    theirs.refresh(GoogleTransport())
    assert theirs.token == "ya29.canary-1"
    assert train(google).access.token.access_token == "ya29.canary-2"
    assert [request.path for request in server.requests] == ["/token", "/token"]


def test_the_endpoint_refuses_what_another_key_has_signed(cast: Cast, server: LyingServer, train: Train) -> None:
    server.on("/token", google_token_endpoint(service_account_key(), server.url("/token")))
    another = generate_private_key(public_exponent=65537, key_size=2048)
    credential = new_nlu_credential(cast, google_json(token_uri=server.url("/token"), private_key=pem(another)))
    with pytest.raises(NeedsAuthorization, match="Invalid JWT Signature"):
        train(credential)


def test_google_gives_a_token_the_endpoint_and_the_project(google: Credential, train: Train) -> None:
    handed_out = train(google)
    access = handed_out.access
    assert (access.provider, access.endpoint, access.project_id) == (
        "google_dialogflow",
        "https://dialogflow.googleapis.com",
        PROJECT,
    )
    assert (access.token.access_token, access.token.token_type) == ("ya29.canary-1", "Bearer")
    assert handed_out.expires_at is not None
    assert abs(handed_out.expires_at - database_now() - timedelta(seconds=3599)) < timedelta(seconds=30)


def test_the_assertion_is_what_rfc_7523_asks_for(google: Credential, server: LyingServer, train: Train) -> None:
    train(google)
    (request,) = server.requests
    header, claims, _ = request.form["assertion"].split(".")
    assert decoded(header) == {"alg": "RS256", "typ": "JWT", "kid": "0f3a"}
    assert decoded(claims)["aud"] == server.url("/token")
    assert decoded(claims)["scope"] == "https://www.googleapis.com/auth/dialogflow"
    assert decoded(claims)["exp"] - decoded(claims)["iat"] == 3600
    assert request.headers["accept"] == "application/json"
    assert "authorization" not in request.headers


def test_watson_gives_an_iam_token_and_the_url(watson: Credential, server: LyingServer, train: Train) -> None:
    handed_out = train(watson)
    access = handed_out.access
    assert (access.provider, access.endpoint, access.project_id) == ("ibm_watson", WATSON_URL, None)
    assert (access.token.access_token, access.token.token_type) == ("canary-iam-1", "Bearer")
    assert handed_out.expires_at is not None
    assert server.requests[0].form == {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": API_KEY}
    # "not_supported" is what IBM calls no refresh token.
    assert token_of(watson).refresh_token == ""


def test_watsons_user_name_and_password_are_handed_out_encoded_and_nobody_is_called(
    cast: Cast, server: LyingServer, train: Train
) -> None:
    credential = new_nlu_credential(cast, watson_pair_json(), "ibm_watson")
    handed_out = train(credential)
    assert handed_out.access.token.token_type == "Basic"
    assert handed_out.access.token.access_token == "dHJhaW5lcjpjYW5hcnktd2F0c29uLXDDpHNzd29yZA=="
    assert (handed_out.access.endpoint, handed_out.expires_at) == (WATSON_URL, None)
    assert PASSWORD not in repr(handed_out)
    assert server.requests == []
    assert not OAuthToken.objects.exists()


def test_the_token_is_kept_sealed_and_asked_for_once(google: Credential, server: LyingServer, train: Train) -> None:
    for _ in range(3):
        assert train(google).access.token.access_token == "ya29.canary-1"
    assert len(server.requests) == 1
    assert "ya29" not in token_of(google).access_token
    assert [attempt.state for attempt in TokenAttempt.objects.all()] == ["applied"]
    actions = list(AuditEntry.objects.filter(object_id=str(google.pk)).values_list("action", flat=True))
    assert (actions.count("token.obtained"), actions.count("token.served")) == (1, 3)


@pytest.mark.django_db(transaction=True)
def test_twenty_that_ask_at_once_for_the_first_token_cause_one_exchange(
    google: Credential, server: LyingServer, train: Train
) -> None:
    train(google)
    OAuthToken.objects.all().delete()
    server.requests.clear()
    results = at_once([lambda: train(google)] * 20)
    assert {result.access.token.access_token for result in results} == {"ya29.canary-2"}
    assert len(server.requests) == 1


def test_an_ended_token_is_renewed_with_the_stored_secret(watson: Credential, train: Train) -> None:
    train(watson)
    make_ended(watson)
    assert train(watson).access.token.access_token == "canary-iam-2"


def test_a_worker_renews_it_before_it_ends(google: Credential, train: Train) -> None:
    train(google)
    make_due(google)
    assert find().renewals == [google.pk]
    assert refresh(google.pk, actor=WORKER) is Outcome.RENEWED
    assert access_token_of(google) == "ya29.canary-2"


def test_a_first_exchange_whose_process_died_is_finished_from_its_stored_answer(
    google: Credential, server: LyingServer, train: Train
) -> None:
    OAuthToken.objects.create(credential=google, organization=google.organization)
    change_token(google, refresh_at=database_now())
    leave_attempt(google, answer={"access_token": "ya29.canary-stored", "expires_in": 3600}, grant="client_credentials")
    leave_lease(google)
    assert refresh(google.pk, actor=WORKER) is Outcome.RENEWED
    assert train(google).access.token.access_token == "ya29.canary-stored"
    assert server.requests == []


def test_a_refusal_is_final_until_somebody_edits(
    google: Credential, server: LyingServer, train: Train, bob: Client
) -> None:
    server.on("/token", error_answer("invalid_grant", "account not found"))
    for _ in range(2):
        with pytest.raises(NeedsAuthorization, match="account not found"):
            train(google)
    assert len(server.requests) == 1
    google.refresh_from_db()
    assert google.status == Status.NEEDS_AUTHORIZATION
    server.on("/token", google_token_endpoint(service_account_key(), server.url("/token")))
    answer = edit_by_page(bob, google, {"credentials": google_json(token_uri=server.url("/token"))})
    assert answer.status_code == 303
    google.refresh_from_db()
    assert (google.status, google.status_reason) == (Status.ACTIVE, "")
    assert train(google).access.token.access_token == "ya29.canary-1"


def test_a_person_can_try_again_with_authorize(
    google: Credential, server: LyingServer, train: Train, cast: Cast, bob: Client
) -> None:
    server.on("/token", error_answer("invalid_grant", "key disabled"))
    with pytest.raises(NeedsAuthorization):
        train(google)
    assert "Authorize" in bob.get(pages(cast.organization, f"{google.pk}/")).content.decode()
    server.on("/token", google_token_endpoint(service_account_key(), server.url("/token")))
    assert exchange(received_authorization(cast, google))
    google.refresh_from_db()
    assert google.status == Status.ACTIVE
    assert train(google).access.token.access_token == "ya29.canary-1"


def test_ibms_refusal_is_final_and_says_what_ibm_said(watson: Credential, server: LyingServer, train: Train) -> None:
    server.on("/identity/token", iam_endpoint("another key"))
    with pytest.raises(NeedsAuthorization, match="Provided API key could not be found"):
        train(watson)
    watson.refresh_from_db()
    assert (watson.status, watson.status_code) == (Status.FAILED, "BXNIM0415E")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_outage_is_waited_for_and_mends_itself(
    watson: Credential, server: LyingServer, train: Train, status: int
) -> None:
    server.on("/identity/token", Answer(status=status, headers={"Retry-After": "120"}), iam_endpoint(API_KEY))
    with pytest.raises(Unavailable) as unavailable:
        train(watson)
    assert 100 < unavailable.value.retry_after <= 121
    with pytest.raises(Unavailable):
        train(watson)
    assert len(server.requests) == 1
    make_due(watson)
    assert train(watson).access.token.access_token == "canary-iam-1"
    watson.refresh_from_db()
    assert watson.status == Status.ACTIVE


@pytest.mark.parametrize("named", ["api key", "private key"])
def test_a_provider_that_repeats_the_secret_does_not_put_it_on_our_pages(
    google: Credential, watson: Credential, server: LyingServer, train: Train, cast: Cast, bob: Client, named: str
) -> None:
    credential, secret, path = {
        "api key": (watson, API_KEY, "/identity/token"),
        "private key": (google, pem(service_account_key()), "/token"),
    }[named]
    server.on(path, error_answer("invalid_client", f"you sent {secret} here"))
    with pytest.raises(NeedsAuthorization) as refused:
        train(credential)
    shown = str(refused.value) + bob.get(pages(cast.organization, f"{credential.pk}/")).content.decode()
    shown += str(list(AuditEntry.objects.values())) + str(list(TokenAttempt.objects.values("error", "answer")))
    assert "you sent" in shown
    assert not [line for line in secret.splitlines() if len(line) > 16 and line in shown]


def test_a_token_uri_that_redirects_gets_no_second_request(
    google: Credential, server: LyingServer, train: Train
) -> None:
    server.on("/token", Answer(status=307, headers={"Location": server.url("/elsewhere")}))
    with pytest.raises(Unavailable):
        train(google)
    assert [request.path for request in server.requests] == ["/token"]


def test_the_guard_holds_for_a_token_uri_that_was_allowed_once(
    google: Credential, server: LyingServer, train: Train, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(Unavailable, match="private network"):
        train(google)
    assert server.requests == []


def test_an_answer_with_a_line_break_in_the_token_is_refused(
    google: Credential, server: LyingServer, train: Train
) -> None:
    def evil(request: Recorded) -> Answer:
        return Answer(body=json.dumps({"access_token": "a\r\nX-Evil: 1", "token_type": "Bearer"}).encode())

    server.on("/token", evil)
    with pytest.raises((Unavailable, NeedsAuthorization)):
        train(google)
    assert token_of(google).access_token == ""
