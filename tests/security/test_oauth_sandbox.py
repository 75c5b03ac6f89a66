"""Promises 2 to 4 and 7, against an authorization server that is not ours: it checks what it is sent."""

from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from credentials.models import Authorization, Credential
from credentials.models.credential import Status
from tests.support.journeys import new_credential, refresh_token_of, token_of
from tests.support.people import Cast
from tests.support.sandbox_server import Sandbox
from tests.support.windows import Sent, authorize, url, window, words, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_sandbox(cast: Cast, sandbox: Sandbox, settings: Settings) -> Callable[..., Credential]:
    """Factory of credentials that are registered at the sandbox with the redirect URI of their own."""
    settings.OUTBOUND_ALLOW = [sandbox.host_and_port]

    def make(**entered: object) -> Credential:
        credential = new_credential(cast, sandbox.token_url, auth_url=sandbox.authorization_url)
        uri = authorize(window(cast.bob), credential).query["redirect_uri"]
        application = sandbox.register_application(redirect_uri=uri, id_tokens="openid" in str(entered.get("scope")))
        Authorization.objects.all().delete()
        credential.payload = {**credential.payload, "client_id": application.client_id, **entered}
        credential.seal("secrets", {"client_secret": application.client_secret})
        credential.save()
        return credential

    return make


def test_a_consent_at_the_sandbox_becomes_a_token(
    cast: Cast, sandbox: Sandbox, at_sandbox: Callable[..., Credential]
) -> None:
    credential = at_sandbox()
    bob = window(cast.bob)
    sent = authorize(bob, credential)
    assert sent.query["code_challenge_method"] == "S256"
    answer = bob.get(sandbox.consent(sent.location))
    assert answer.status_code == 303
    assert Authorization.objects.get().iss_required
    work()
    assert "The authorization passed successfully." in words(bob.get(answer["Location"]))
    credential.refresh_from_db()
    assert credential.status == Status.ACTIVE
    assert token_of(credential).access_token
    assert refresh_token_of(credential)
    stats = sandbox.stats(credential.payload["client_id"])
    assert (stats.token_requests, stats.refused) == ({"authorization_code": 1}, {})


def test_promise_02_the_sandbox_recomputes_the_challenge(
    cast: Cast, sandbox: Sandbox, at_sandbox: Callable[..., Credential]
) -> None:
    credential = at_sandbox()
    bob = window(cast.bob)
    answer = bob.get(sandbox.consent(authorize(bob, credential).location))
    authorization = Authorization.objects.get()
    authorization.seal("verifier", "a-verifier-that-belongs-to-another-challenge-0123456789")
    authorization.save()
    work()
    assert "The grant is no longer valid" in words(bob.get(answer["Location"]))


def test_an_answer_whose_issuer_was_replaced_on_the_way_is_refused(
    cast: Cast, sandbox: Sandbox, at_sandbox: Callable[..., Credential]
) -> None:
    credential = at_sandbox()
    bob = window(cast.bob)
    callback = sandbox.consent(authorize(bob, credential).location)
    assert "iss=" in callback
    bob.get(callback.replace("iss=http%3A%2F%2F127.0.0.1", "iss=http%3A%2F%2Flocalhost"))
    assert Authorization.objects.get().error == "iss_mismatch"
    assert work() == 0


def test_a_consent_that_is_refused_at_the_sandbox_says_so(
    cast: Cast, sandbox: Sandbox, at_sandbox: Callable[..., Credential]
) -> None:
    credential = at_sandbox()
    bob = window(cast.bob)
    answer = bob.get(sandbox.consent(authorize(bob, credential).location, allow=False))
    page = words(bob.get(answer["Location"]))
    assert "Access was not granted" in page
    assert "What you entered is kept." in page
    assert work() == 0
    assert "Authorize" in words(bob.get(url("detail", credential)))


def test_promise_04_the_sandbox_sends_nobody_to_a_redirect_uri_that_was_not_registered(
    cast: Cast, sandbox: Sandbox, at_sandbox: Callable[..., Credential]
) -> None:
    """Each credential's redirect URI is registered for it alone: another one's is refused over there already."""
    mine, other = at_sandbox(), at_sandbox()
    sent = authorize(window(cast.bob), mine)
    swapped = Sent(sent.location.replace(str(mine.pk), str(other.pk)), sent.query)
    with pytest.raises(AssertionError):
        sandbox.consent(swapped.location)


def test_another_account_at_the_sandbox_is_noticed_and_asked_about(
    cast: Cast, sandbox: Sandbox, at_sandbox: Callable[..., Credential]
) -> None:
    credential = at_sandbox(scope="read offline openid")
    bob = window(cast.bob)
    for username in (sandbox.username, sandbox.other_username):
        session = sandbox.sign_in(username)
        answer = bob.get(sandbox.consent(authorize(bob, credential).location, session=session))
        work()
        page = words(bob.get(answer["Location"]))
    assert "Former account sandy (subject" in page
    assert "New account dusty (subject" in page
    former_token = token_of(credential).unseal("access_token")
    asked = Authorization.objects.get(account_name=sandbox.other_username)
    bob.post(url("decide", credential, asked.pk), {"choice": "use"})
    assert token_of(credential).unseal("access_token") != former_token
    tested = bob.post(url("test-refresh", credential), {"authorization": str(asked.pk)}, follow=True)
    assert "The refresh passed" in words(tested)
    assert "It replaced the refresh token as well." in words(tested)
