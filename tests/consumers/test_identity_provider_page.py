"""The page of the account's consumer identity provider."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client

from credentials.crypto.envelope import Unsealable
from credentials.models import ConsumerIdentityProvider, ConsumerToken
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, Role
from tests.support.identity import key, make_provider, public_pem
from tests.support.journeys import token_server
from tests.support.lying_server import LyingServer, json_answer, redirect_answer
from tests.support.people import Cast
from tests.support.windows import window

__all__ = ["token_server"]

pytestmark = pytest.mark.django_db
FIELDS = {
    "issuer": "https://idp.brand.example/",
    "display_name": "Brand sign-in",
    "flow": "code",
    "use_pkce": "on",
    "authorization_endpoint": "https://idp.brand.example/authorize",
    "token_endpoint": "https://idp.brand.example/token",
    "client_id": "brand-client",
    "client_secret": "canary-idp-secret",
    "verification": "jwks",
    "jwks_url": "https://idp.brand.example/jwks",
    "public_key": "",
    "client_authentication": "basic",
    "version": "0",
}


def url(cast: Cast) -> str:
    return f"/accounts/{cast.account.number}/identity-provider/"


def post(client: Client, cast: Cast, **changes: str) -> Any:
    fields: Mapping[str, str] = {**FIELDS, **changes}
    return client.post(url(cast), {name: value for name, value in fields.items() if value != "-"})


def stored() -> ConsumerIdentityProvider:
    return ConsumerIdentityProvider.objects.get()


def test_an_administrator_saves_it_and_sees_no_secret_again(cast: Cast) -> None:
    alice = window(cast.alice)
    assert post(alice, cast).status_code == 303
    assert stored().client_secret == "canary-idp-secret"
    assert "canary" not in stored().secrets
    page = alice.get(url(cast)).content.decode()
    assert "canary-idp-secret" not in page
    assert "configured" in page
    assert f"http://127.0.0.1:8000/callback/{cast.account.number}/redirectedCode" in page
    entry = AuditEntry.objects.get(action="identity_provider.created")
    assert entry.chain_id == cast.organization.pk
    assert "canary" not in repr(entry.details)


@pytest.mark.parametrize("role", [Role.CREDENTIALS_MANAGER, Role.API_DEVELOPER, Role.VIEWER])
def test_other_roles_are_refused_and_that_is_recorded(cast: Cast, role: Role) -> None:
    client = window(cast.by_role(role))
    assert client.get(url(cast)).status_code == 403
    assert post(client, cast).status_code == 403
    assert AuditEntry.objects.filter(action="access.denied").count() == 2
    assert not ConsumerIdentityProvider.objects.exists()


def test_outsiders_and_visitors_find_nothing(cast: Cast) -> None:
    charlie = window(cast.charlie)
    for answer in (charlie.get(url(cast)), post(charlie, cast), charlie.get("/accounts/999/identity-provider/")):
        assert answer.status_code == 404
    assert Client().get(url(cast)).status_code == 302
    assert not ConsumerIdentityProvider.objects.exists()


def test_an_administrator_of_any_organization_of_the_account_may(cast: Cast) -> None:
    services.create_organization(Actor.command("test"), cast.account, "Sister", administrator=cast.vic)
    assert post(window(cast.vic), cast).status_code == 303


def test_the_page_stays_in_the_organization_that_an_administrator_comes_from(cast: Cast) -> None:
    sister = services.create_organization(Actor.command("test"), cast.account, "Sister", administrator=cast.alice)
    alice = window(cast.alice)
    for here, elsewhere in ((cast.organization, sister), (sister, cast.organization)):
        there = f"{url(cast)}?organization={here.pk}"
        assert there in alice.get(f"/organizations/{here.pk}/credentials/").content.decode()
        page = alice.get(there).content.decode()
        assert f"/organizations/{here.pk}/credentials/" in page
        assert str(elsewhere.pk) not in page


@pytest.mark.parametrize("organization", ["", "nonsense", "6f3f6c0e-5d0c-4f4e-9d39-0d7d4a3a4b11"])
def test_a_made_up_organization_leads_nowhere_else(cast: Cast, organization: str) -> None:
    page = window(cast.alice).get(url(cast), {"organization": organization}).content.decode()
    assert f"/organizations/{cast.organization.pk}/credentials/" in page


def test_a_cross_site_post_is_refused(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(url(cast), FIELDS).status_code == 403
    assert not ConsumerIdentityProvider.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", ""),
        ("issuer", "idp.brand.example"),
        ("issuer", "http://idp.brand.example/"),
        ("authorization_endpoint", "http://idp.brand.example/authorize"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("token_endpoint", ""),
        ("token_endpoint", "https://user:secret@idp.brand.example/token"),
        ("client_id", ""),
        ("client_id", "brand\nclient"),
        ("client_secret", ""),
        ("jwks_url", ""),
        ("jwks_url", "http://idp.brand.example/jwks"),
        ("public_key", "not a key"),
        ("display_name", ""),
        ("flow", "password"),
        ("verification", "hope"),
    ],
)
def test_a_wrong_value_is_an_error_at_its_field(cast: Cast, field: str, value: str) -> None:
    answer = post(window(cast.alice), cast, **{field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert "Error:" in answer.content.decode()
    assert not ConsumerIdentityProvider.objects.exists()


def test_implicit_needs_neither_token_endpoint_nor_secret(cast: Cast) -> None:
    answer = post(window(cast.alice), cast, flow="implicit", token_endpoint="", client_secret="")
    assert answer.status_code == 303


def test_a_public_key_instead_of_an_endpoint(cast: Cast) -> None:
    answer = post(window(cast.alice), cast, verification="public_key", jwks_url="", public_key=public_pem(key()))
    assert answer.status_code == 303
    assert "BEGIN PUBLIC KEY" in stored().public_key


def test_a_blank_secret_keeps_the_stored_one(cast: Cast) -> None:
    alice = window(cast.alice)
    post(alice, cast)
    assert post(alice, cast, version="1", client_secret="", display_name="New").status_code == 303
    assert (stored().client_secret, stored().display_name) == ("canary-idp-secret", "New")


@pytest.mark.parametrize("field", ["token_endpoint", "authorization_endpoint"])
def test_promise_30_another_host_demands_the_secret_again(cast: Cast, field: str) -> None:
    alice = window(cast.alice)
    post(alice, cast)
    answer = post(alice, cast, version="1", client_secret="", **{field: "https://evil.example/token"})
    assert answer.status_code == 422
    assert "client_secret" in answer.context["form"].errors
    assert getattr(stored(), field) == FIELDS[field]
    answer = post(alice, cast, version="1", client_secret="another", **{field: "https://evil.example/token"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"display_name": "New"}, True),
        ({"token_endpoint": "https://idp.brand.example/v2/token"}, True),
        ({"token_endpoint": "https://evil.example/token"}, False),
        ({"issuer": "https://other.example/"}, False),
        ({"client_id": "another"}, False),
    ],
    ids=str,
)
def test_promise_30_consumers_refresh_tokens_never_travel_to_a_new_host(
    cast: Cast, changes: dict[str, str], kept: bool
) -> None:
    alice = window(cast.alice)
    post(alice, cast)
    ConsumerToken.objects.create(account=cast.account, organization=cast.organization, subject="alice")
    ConsumerToken.objects.create(account=cast.other_account, organization=cast.other_organization, subject="alice")
    assert post(alice, cast, version="1", client_secret="again", **changes).status_code == 303
    assert ConsumerToken.objects.filter(account=cast.account).exists() is kept
    assert ConsumerToken.objects.filter(account=cast.other_account).exists()


def test_two_who_edit_at_once_do_not_overwrite_each_other_unseen(cast: Cast) -> None:
    alice = window(cast.alice)
    post(alice, cast)
    for version in ("0", "2", "7"):
        assert post(alice, cast, version=version, display_name="Late").status_code == 422
    assert stored().display_name == "Brand sign-in"


def test_discover_fills_in_what_the_issuer_says_and_saves_nothing(cast: Cast, token_server: LyingServer) -> None:
    issuer = token_server.url("/realm")
    token_server.on(
        "/realm/.well-known/openid-configuration",
        json_answer(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/auth",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/certs",
                "code_challenge_methods_supported": ["plain", "S256"],
            }
        ),
    )
    page = post(window(cast.alice), cast, discover="1", issuer=issuer, token_endpoint="", jwks_url="")
    assert page.status_code == 200
    values = page.context["form"].initial
    assert values["authorization_endpoint"] == f"{issuer}/auth"
    assert (values["token_endpoint"], values["jwks_url"]) == (f"{issuer}/token", f"{issuer}/certs")
    assert values["use_pkce"] is True
    assert "Filled in" in page.content.decode()
    assert "canary-idp-secret" not in page.content.decode()
    assert not ConsumerIdentityProvider.objects.exists()


def test_discover_believes_only_the_issuer_itself_and_follows_nobody(cast: Cast, token_server: LyingServer) -> None:
    alice = window(cast.alice)
    issuer = token_server.url("/realm")
    document = {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"}
    path = "/realm/.well-known/openid-configuration"
    for answer in (json_answer(document), redirect_answer("https://evil.example/"), json_answer(["x"])):
        token_server.on(path, answer)
        page = post(alice, cast, discover="1", issuer=issuer)
        assert page.status_code == 422
        assert list(page.context["form"].errors) == ["issuer"]


def test_discover_goes_through_the_guarded_way_out(cast: Cast, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = []
    page = post(window(cast.alice), cast, discover="1", issuer="https://169.254.169.254/")
    assert list(page.context["form"].errors) == ["issuer"]


def test_the_secret_of_one_account_does_not_open_in_another(cast: Cast, token_server: LyingServer) -> None:
    """A ciphertext that is moved by SQL does not open."""
    ours = make_provider(cast.account, token_server)
    theirs = make_provider(cast.other_account, token_server)
    ConsumerIdentityProvider.objects.filter(pk=theirs.pk).update(secrets=ours.secrets)
    theirs.refresh_from_db()
    with pytest.raises(Unsealable):
        _ = theirs.client_secret
