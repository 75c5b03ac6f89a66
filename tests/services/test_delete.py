"""Deleting a credential: not while something uses it, else at once; its token is revoked at the resource."""

from collections.abc import Callable

import pytest
import requests
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from pytest_django.fixtures import Settings

from credentials.models import ApiIntegration, Authorization, Credential, OAuthToken, TokenAttempt
from credentials.services import delete as service
from credentials.services.delete import InUse, Revocation, delete
from organizations.access import Access
from organizations.models import AuditEntry, Role
from tests.support.credentials import make_integration
from tests.support.journeys import (
    access_of,
    access_token_of,
    authorized_credential,
    new_credential,
    received_authorization,
)
from tests.support.lying_server import Answer, LyingServer, json_answer
from tests.support.people import Cast
from tests.support.sandbox_server import Sandbox
from tests.support.windows import actions_about, authorize, window, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def offering(token_server: LyingServer) -> LyingServer:
    """An authorization server that says where tokens are revoked, and revokes them."""
    document = {
        "issuer": token_server.url("").rstrip("/"),
        "authorization_endpoint": token_server.url("/authorize"),
        "revocation_endpoint": token_server.url("/revoke"),
    }
    token_server.on("/.well-known/oauth-authorization-server", json_answer(document))
    token_server.on("/revoke", Answer(status=200))
    return token_server


def revocations(server: LyingServer) -> list[dict[str, str]]:
    return [request.form for request in server.requests if request.path == "/revoke"]


def test_nothing_of_it_is_left_and_the_log_says_who(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    delete(access_of(cast), credential)
    for model in (Credential, OAuthToken, TokenAttempt, Authorization):
        assert not model.objects.exists()
    entry = AuditEntry.objects.get(action="credential.deleted")
    assert (entry.actor_id, entry.object_id, entry.object_label) == (
        str(cast.bob.pk),
        str(credential.pk),
        credential.name,
    )


def test_it_is_refused_while_an_integration_uses_it(cast: Cast, offering: LyingServer) -> None:
    credential = authorized_credential(cast, offering, auth_url=offering.url("/authorize"))
    make_integration(cast.organization, "https://api.example.com/", credential=credential)
    with pytest.raises(InUse):
        delete(access_of(cast), credential)
    assert access_token_of(credential) == "canary-at-1"
    assert revocations(offering) == []
    assert "credential.deleted" not in actions_about(credential.pk)
    assert [used.name for used in service.usages(credential)] == ["Look up an order"]


def test_it_is_refused_where_it_was_given_to_an_integration_in_the_last_moment(
    cast: Cast, token_server: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = authorized_credential(cast, token_server)

    def too_late(*args: object, **details: object) -> None:
        raise IntegrityError("FOREIGN KEY constraint failed")

    monkeypatch.setattr(service, "record", too_late)
    with pytest.raises(InUse):
        delete(access_of(cast), credential)
    assert Credential.objects.exists()


def test_it_goes_once_the_integration_uses_another(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    make_integration(cast.organization, "https://api.example.com/", credential=credential)
    ApiIntegration.objects.update(credential=None)
    delete(access_of(cast), credential)
    assert not Credential.objects.exists()


def test_the_refresh_token_is_revoked_because_with_it_the_grant_ends(cast: Cast, offering: LyingServer) -> None:
    credential = authorized_credential(cast, offering, auth_url=offering.url("/authorize"))
    assert delete(access_of(cast), credential) is Revocation.REVOKED
    assert revocations(offering) == [{"token": "canary-rt-1", "token_type_hint": "refresh_token"}]
    assert offering.requests[-1].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("address", ["another host", "http://[", "https://host:port/revoke"])
def test_secrets_never_reach_a_revocation_endpoint_on_a_host_that_nobody_entered(
    cast: Cast, offering: LyingServer, serve: Callable[[], LyingServer], settings: Settings, address: str
) -> None:
    other = serve()
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, other.allow_entry]
    document = {
        "issuer": offering.url("").rstrip("/"),
        "authorization_endpoint": offering.url("/authorize"),
        "revocation_endpoint": other.url("/revoke") if address == "another host" else address,
    }
    offering.on("/.well-known/oauth-authorization-server", json_answer(document))
    credential = authorized_credential(cast, offering, auth_url=offering.url("/authorize"))
    assert delete(access_of(cast), credential) is Revocation.NOT_OFFERED
    assert other.requests == []
    assert not Credential.objects.exists()


def test_the_access_token_is_revoked_where_there_is_no_other(cast: Cast, offering: LyingServer) -> None:
    credential = authorized_credential(
        cast, offering, auth_url=offering.url("/authorize"), answer={"refresh_token": None}
    )
    assert delete(access_of(cast), credential) is Revocation.REVOKED
    assert revocations(offering) == [{"token": "canary-at-1", "token_type_hint": "access_token"}]


def test_serving_has_stopped_before_the_resource_is_asked(
    cast: Cast, offering: LyingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = authorized_credential(cast, offering, auth_url=offering.url("/authorize"))
    left: list[int] = []
    original = service.revoke

    def look(held: service.Held) -> Revocation:
        left.append(Credential.objects.count())
        return original(held)

    monkeypatch.setattr(service, "revoke", look)
    delete(access_of(cast), credential)
    assert left == [0]
    assert len(revocations(offering)) == 1


@pytest.mark.parametrize(
    "answer", [Answer(status=503), Answer(status=302, headers={"Location": "https://evil.example/"}), Answer(raw=b"")]
)
def test_a_resource_that_fails_to_revoke_brings_nothing_back_and_it_is_said(
    cast: Cast, offering: LyingServer, answer: Answer
) -> None:
    offering.on("/revoke", answer)
    credential = authorized_credential(cast, offering, auth_url=offering.url("/authorize"))
    assert delete(access_of(cast), credential) is Revocation.FAILED
    assert not Credential.objects.exists()
    assert len(revocations(offering)) == 1


def test_a_resource_that_offers_no_revocation_is_said(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    assert delete(access_of(cast), credential) is Revocation.NOT_OFFERED


def test_one_that_was_never_authorized_has_nothing_to_revoke(cast: Cast, offering: LyingServer) -> None:
    credential = new_credential(cast, offering.url("/token"), auth_url=offering.url("/authorize"))
    assert delete(access_of(cast), credential) is Revocation.NOTHING_TO_REVOKE
    assert offering.requests == []


def test_one_whose_secrets_cannot_be_opened_can_be_deleted_and_says_what_is_left_to_do(
    cast: Cast, offering: LyingServer
) -> None:
    credential = authorized_credential(cast, offering, auth_url=offering.url("/authorize"))
    Credential.objects.update(secrets="v1:lost:AAAA")
    credential.refresh_from_db()
    assert delete(access_of(cast), credential) is Revocation.FAILED
    assert not Credential.objects.exists()


def test_one_of_a_type_that_this_version_does_not_know_can_be_deleted(cast: Cast) -> None:
    credential = new_credential(cast, "https://as.example.com/token")
    Credential.objects.update(kind="from_the_future")
    credential.refresh_from_db()
    assert delete(access_of(cast), credential) is Revocation.NOTHING_TO_REVOKE
    assert not Credential.objects.exists()


def test_an_authorization_under_way_goes_with_it(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    received_authorization(cast, credential)
    delete(access_of(cast), credential)
    assert work() == 0
    assert token_server.requests == []


def test_the_second_of_two_who_delete_it_writes_nothing(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    again = Credential.objects.get()
    delete(access_of(cast), credential)
    delete(access_of(cast), again)
    assert AuditEntry.objects.filter(action="credential.deleted").count() == 1


@pytest.mark.parametrize("role", [Role.API_DEVELOPER, Role.VIEWER])
def test_whoever_does_not_manage_credentials_deletes_none(cast: Cast, token_server: LyingServer, role: Role) -> None:
    credential = authorized_credential(cast, token_server)
    with pytest.raises(PermissionDenied):
        delete(Access(cast.by_role(role), cast.organization, role), credential)
    assert Credential.objects.exists()


@pytest.fixture
def at_sandbox(cast: Cast, sandbox: Sandbox, settings: Settings) -> Callable[[], Credential]:
    """A credential that was authorized at the sandbox, for real."""
    settings.OUTBOUND_ALLOW = [sandbox.host_and_port]

    def make() -> Credential:
        credential = new_credential(cast, sandbox.token_url, auth_url=sandbox.authorization_url)
        application = sandbox.register_application(
            redirect_uri=f"{settings.PUBLIC_URL}/oauth2/callback/{credential.pk}/"
        )
        credential.payload["client_id"] = application.client_id
        credential.seal("secrets", {"client_secret": application.client_secret})
        credential.save()
        bob = window(cast.bob)
        bob.get(sandbox.consent(authorize(bob, credential).location))
        assert work() == 1
        credential.refresh_from_db()
        return credential

    return make


def test_the_sandbox_honours_the_token_no_more(
    cast: Cast, sandbox: Sandbox, at_sandbox: Callable[[], Credential]
) -> None:
    credential = at_sandbox()
    client_id = credential.payload["client_id"]
    headers = {"Authorization": f"Bearer {access_token_of(credential)}"}
    assert requests.get(f"{sandbox.url}/api/orders/4711", headers=headers, timeout=10).status_code == 200
    assert sandbox.stats(client_id).live_grants == 1

    assert delete(access_of(cast), credential) is Revocation.REVOKED

    assert sandbox.stats(client_id).live_grants == 0
    assert requests.get(f"{sandbox.url}/api/orders/4711", headers=headers, timeout=10).status_code in {401, 403}
