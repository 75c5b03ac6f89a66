"""What a domain's NLU engine is trained with, as the platform that trains it asks for it."""

from collections.abc import Callable

import pytest

from credentials.models import Credential, Domain, OAuthToken
from organizations.models import AuditEntry, Organization
from tests.api.conftest import Caller
from tests.api.test_door import assert_refused
from tests.support.lying_server import Answer, LyingServer, error_answer
from tests.support.nlu import (
    API_KEY,
    EMAIL,
    PASSWORD,
    PROJECT,
    WATSON_URL,
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

pytestmark = pytest.mark.django_db


@pytest.fixture
def domain(cast: Cast, token_server: LyingServer) -> Domain:
    """Trained on Dialogflow, with a token endpoint that checks."""
    token_server.on("/token", google_token_endpoint(service_account_key(), token_server.url("/token")))
    token_server.on("/identity/token", iam_endpoint(API_KEY))
    return domain_with(cast, new_nlu_credential(cast, google_json(token_uri=token_server.url("/token"))))


def domain_with(cast: Cast, credential: Credential | None, name: str = "Travel") -> Domain:
    return Domain.objects.create(organization=cast.organization, name=name, credential=credential)


def test_a_token_and_the_endpoint_and_never_the_stored_json(bot: Caller, domain: Domain) -> None:
    answer = bot.post(f"domains/{domain.pk}/credentials")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    told = answer.json()
    assert told.pop("expires_at").endswith("Z")
    assert told == {
        "provider": "google_dialogflow",
        "access_token": "ya29.canary-1",
        "token_type": "Bearer",
        "endpoint": "https://dialogflow.googleapis.com",
        "project_id": PROJECT,
        "location": None,
    }
    text = answer.content.decode()
    assert EMAIL not in text
    assert "PRIVATE KEY" not in text
    assert pem(service_account_key()).splitlines()[3] not in text


def test_the_endpoint_is_that_of_the_location(bot: Caller, domain: Domain) -> None:
    credential = Credential.objects.get()
    credential.payload |= {"location": "europe-west1"}
    credential.save()
    told = bot.post(f"domains/{domain.pk}/credentials").json()
    assert told["endpoint"] == "https://europe-west1-dialogflow.googleapis.com"
    assert (told["location"], told["project_id"]) == ("europe-west1", PROJECT)


def test_watson_in_both_forms(bot: Caller, domain: Domain, cast: Cast, token_server: LyingServer) -> None:
    by_key = new_nlu_credential(cast, watson_json(iam_url=token_server.url("/identity/token")), "ibm_watson")
    told = bot.post(f"domains/{domain_with(cast, by_key, 'By key').pk}/credentials").json()
    assert (told["access_token"], told["token_type"], told["endpoint"]) == ("canary-iam-1", "Bearer", WATSON_URL)
    assert told["project_id"] is None
    by_pair = new_nlu_credential(cast, watson_pair_json(), "ibm_watson")
    answer = bot.post(f"domains/{domain_with(cast, by_pair, 'By pair').pk}/credentials")
    assert (answer.json()["token_type"], answer.json()["expires_at"]) == ("Basic", None)
    assert API_KEY not in answer.content.decode()
    assert PASSWORD not in answer.content.decode()


def test_handing_out_is_recorded_with_the_domain_and_without_the_token(bot: Caller, domain: Domain) -> None:
    bot.post(f"domains/{domain.pk}/credentials")
    entry = AuditEntry.objects.get(action="token.served")
    assert (entry.actor_kind, entry.actor_id) == ("service_token", str(bot.row.pk))
    assert entry.object_id == str(domain.credential_id)
    assert entry.details == {"domain": str(domain.pk), "name": "Travel"}
    assert "ya29" not in str(list(AuditEntry.objects.values()))


def test_a_domain_of_another_organization_is_not_found(
    domain: Domain, cast: Cast, caller_of: Callable[[Organization], Caller], token_server: LyingServer
) -> None:
    assert_refused(caller_of(cast.other_organization).post(f"domains/{domain.pk}/credentials"), 404, "not_found")
    assert token_server.requests == []


def test_a_domain_without_credential_says_so(bot: Caller, cast: Cast) -> None:
    answer = bot.post(f"domains/{domain_with(cast, None, 'Bare').pk}/credentials")
    assert_refused(answer, 422, "no_credential")


def test_what_only_a_person_can_mend_is_409(bot: Caller, domain: Domain, token_server: LyingServer) -> None:
    token_server.on("/token", error_answer("invalid_grant", "account not found"))
    answer = bot.post(f"domains/{domain.pk}/credentials")
    assert_refused(answer, 409, "needs_authorization")
    assert "account not found" in answer.json()["detail"]


def test_what_passes_is_503_with_the_time_to_wait(bot: Caller, domain: Domain, token_server: LyingServer) -> None:
    token_server.on("/token", Answer(status=503, headers={"Retry-After": "60"}))
    answer = bot.post(f"domains/{domain.pk}/credentials")
    assert_refused(answer, 503, "temporarily_unavailable")
    assert 30 <= int(answer["Retry-After"]) <= 61


def test_the_token_call_has_none_for_an_nlu_credential_and_asks_nobody(
    bot: Caller, domain: Domain, token_server: LyingServer
) -> None:
    assert_refused(bot.post(f"credentials/{domain.credential_id}/token"), 422, "no_token")
    assert token_server.requests == []
    assert not OAuthToken.objects.exists()
