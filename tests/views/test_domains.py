"""The pages of domains: who may do what, what may be chosen, and what a credential says of them."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from credentials.models import ApiIntegration, Credential, Domain
from credentials.services import domains, integrations
from credentials.services.integrations import Definition
from organizations.audit import Actor
from organizations.models import AuditEntry, Bot, Organization, Role
from organizations.policies import Action, allows
from tests.support.credentials import make_credential
from tests.support.nlu import google_json, new_nlu_credential
from tests.support.people import Cast
from tests.support.second_factor import sign_in_staff
from tests.support.wizard import errors_of, pages, signed_in

pytestmark = pytest.mark.django_db

STAGE = Actor.command("test")


@pytest.fixture
def engine(cast: Cast) -> Credential:
    return new_nlu_credential(cast, google_json(), name="Dialogflow")


@pytest.fixture
def domain(cast: Cast, engine: Credential) -> Domain:
    return domains.create(STAGE, cast.organization, name="Travel", credential=engine)


def address(organization: Organization, rest: str = "") -> str:
    return f"/organizations/{organization.pk}/domains/{rest}"


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined,no-any-return]


def test_an_api_developer_adds_edits_and_deletes_a_domain(cast: Cast, engine: Credential) -> None:
    dana = signed_in(cast.dana)
    added = dana.post(address(cast.organization, "add/"), {"name": " Travel ", "credential": str(engine.pk)})
    domain = Domain.objects.get()
    assert (added.status_code, added["Location"]) == (303, address(cast.organization, f"{domain.pk}/"))
    assert (domain.name, domain.credential, domain.organization) == ("Travel", engine, cast.organization)
    saved = dana.post(
        address(cast.organization, f"{domain.pk}/edit/"), {"name": "Journeys", "credential": "", "version": "1"}
    )
    domain.refresh_from_db()
    assert (saved.status_code, domain.name, domain.credential) == (303, "Journeys", None)
    assert dana.post(address(cast.organization, f"{domain.pk}/delete/")).status_code == 303
    assert not Domain.objects.exists()
    assert Credential.objects.filter(pk=engine.pk).exists()
    actions = list(AuditEntry.objects.filter(actor_label="dana").order_by("position").values_list("action", flat=True))
    assert actions[-5:] == [
        "domain.created",
        "credential.attached_to_domain",
        "domain.edited",
        "credential.detached_from_domain",
        "domain.deleted",
    ]


def test_the_later_of_two_who_edit_at_once_is_told_and_overwrites_nothing(
    cast: Cast, domain: Domain, engine: Credential
) -> None:
    edit, seen = address(cast.organization, f"{domain.pk}/edit/"), {"credential": str(engine.pk), "version": "1"}
    assert signed_in(cast.dana).post(edit, {**seen, "name": "Dana's"}).status_code == 303
    answer = signed_in(cast.alice).post(edit, {**seen, "name": "Alice's"})
    assert answer.status_code == 422
    assert "Somebody else has saved this meanwhile." in text(answer)
    assert Domain.objects.get().name == "Dana's"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("rest", "needed"),
    [
        ("", Action.SEE_INTEGRATIONS),
        ("{id}/", Action.SEE_INTEGRATIONS),
        ("add/", Action.MANAGE_INTEGRATIONS),
        ("{id}/edit/", Action.MANAGE_INTEGRATIONS),
        ("{id}/delete/", Action.MANAGE_INTEGRATIONS),
    ],
)
def test_each_role_opens_what_it_may(cast: Cast, domain: Domain, role: Role, rest: str, needed: Action) -> None:
    answer = signed_in(cast.by_role(role)).get(address(cast.organization, rest.format(id=domain.pk)))
    assert answer.status_code == (200 if allows(role, needed) else 403)


@pytest.mark.parametrize("rest", ["{id}/", "{id}/edit/", "{id}/delete/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_another_organization_finds_nothing_and_changes_nothing(
    cast: Cast, domain: Domain, rest: str, method: str
) -> None:
    charlie = signed_in(cast.charlie)
    for organization in (cast.organization, cast.other_organization):
        answer = getattr(charlie, method)(
            address(organization, rest.format(id=domain.pk)), {"name": "Taken", "credential": ""}
        )
        assert answer.status_code in ({404, 405} if rest == "{id}/" and method == "post" else {404})
    domain.refresh_from_db()
    assert domain.name == "Travel"


def test_a_viewer_is_offered_no_button_and_cannot_post(cast: Cast, domain: Domain) -> None:
    vic = signed_in(cast.vic)
    listed = text(vic.get(address(cast.organization)))
    assert "Travel" in listed
    assert "Add domain" not in listed
    for rest in ("add/", f"{domain.pk}/edit/", f"{domain.pk}/delete/"):
        assert vic.post(address(cast.organization, rest), {"name": "x", "credential": ""}).status_code == 403
    assert list(Domain.objects.values_list("name", flat=True)) == ["Travel"]


def choices(client: Client, page: str) -> list[str]:
    field = client.get(page).context["form"].fields["credential"]
    return [label for value, label in field.choices if value]


def test_domains_are_offered_nlu_credentials_and_integrations_every_other(cast: Cast, engine: Credential) -> None:
    make_credential(cast.organization, "Orders")
    new_foreign = make_credential(cast.other_organization, "Charlie's")
    dana = signed_in(cast.dana)
    assert choices(dana, address(cast.organization, "add/")) == [
        "Dialogflow (Third-party NLU, Google Dialogflow: Active)"
    ]
    offered = choices(dana, reverse("credentials:integration-add", args=[cast.organization.pk]))
    assert [label.split(" (")[0] for label in offered] == ["Orders"]
    assert new_foreign.name not in str(offered)


def test_a_credential_of_the_wrong_kind_cannot_be_posted(cast: Cast, engine: Credential) -> None:
    orders = make_credential(cast.organization, "Orders")
    answer = signed_in(cast.dana).post(
        address(cast.organization, "add/"), {"name": "Travel", "credential": str(orders.pk)}
    )
    assert answer.status_code == 422
    assert "valid choice" in errors_of(answer, "credential")
    assert not Domain.objects.exists()


def test_the_services_hold_it_too(cast: Cast, engine: Credential) -> None:
    orders = make_credential(cast.organization, "Orders")
    elsewhere = make_credential(cast.other_organization, "Charlie's")
    bot = Bot.objects.create(organization=cast.organization, name="Concierge")
    with pytest.raises(ValidationError, match="for integrations only"):
        domains.create(STAGE, cast.organization, name="Travel", credential=orders)
    with pytest.raises(ValidationError, match="no such credential"):
        domains.create(STAGE, cast.organization, name="Travel", credential=elsewhere)
    with pytest.raises(ValidationError, match="for domains only"):
        integrations.create(STAGE, Definition(bot, "Look up", "GET", "https://api.example.com/", engine))
    assert not Domain.objects.exists()
    assert not ApiIntegration.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "a" * 256])
def test_a_name_that_cannot_be_is_refused(cast: Cast, name: str) -> None:
    answer = signed_in(cast.dana).post(address(cast.organization, "add/"), {"name": name, "credential": ""})
    assert answer.status_code == 422
    assert errors_of(answer, "name")


def test_a_name_is_given_once_in_an_organization_whatever_its_case(cast: Cast, domain: Domain) -> None:
    answer = signed_in(cast.dana).post(address(cast.organization, "add/"), {"name": "TRAVEL", "credential": ""})
    assert "already" in errors_of(answer, "name")
    domains.create(STAGE, cast.other_organization, name="Travel", credential=None)
    assert Domain.objects.count() == 2


def test_an_unknown_credential_is_no_choice(cast: Cast) -> None:
    answer = signed_in(cast.dana).post(
        address(cast.organization, "add/"), {"name": "Travel", "credential": str(uuid4())}
    )
    assert "valid choice" in errors_of(answer, "credential")


def test_the_credential_names_the_domains_that_use_it_and_is_not_deleted_meanwhile(
    cast: Cast, domain: Domain, engine: Credential
) -> None:
    bob = signed_in(cast.bob)
    link = address(cast.organization, f"{domain.pk}/")
    for rest in (f"{engine.pk}/", f"{engine.pk}/delete/"):
        shown = text(bob.get(pages(cast.organization, rest)))
        assert link in shown
        assert "Travel" in shown
    assert "1 domain" in " ".join(text(bob.get(pages(cast.organization))).split())
    bob.post(pages(cast.organization, f"{engine.pk}/delete/"))
    assert Credential.objects.filter(pk=engine.pk).exists()
    domains.delete(STAGE, domain)
    bob.post(pages(cast.organization, f"{engine.pk}/delete/"))
    assert not Credential.objects.filter(pk=engine.pk).exists()


def test_hostile_names_are_inert(cast: Cast, engine: Credential) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    domain = domains.create(STAGE, cast.organization, name=hostile, credential=engine)
    for user, page in (
        (cast.dana, address(cast.organization)),
        (cast.dana, address(cast.organization, f"{domain.pk}/")),
        (cast.dana, address(cast.organization, f"{domain.pk}/delete/")),
        (cast.bob, pages(cast.organization, f"{engine.pk}/")),
    ):
        assert "<img src=x" not in text(signed_in(user).get(page))


def test_staff_change_a_domain_in_the_admin_through_the_same_service(cast: Cast, domain: Domain) -> None:
    client = sign_in_staff(Client(), User.objects.create_superuser("root"))
    orders = make_credential(cast.organization, "Orders")
    page = reverse("admin:credentials_domain_change", args=[domain.pk])
    assert client.get(page).status_code == 200
    client.post(page, {"name": "Travel", "credential": str(orders.pk)})
    domain.refresh_from_db()
    assert domain.credential != orders
    assert client.post(page, {"name": "Journeys", "credential": ""}).status_code == 302
    domain.refresh_from_db()
    assert (domain.name, domain.credential) == ("Journeys", None)
    assert AuditEntry.objects.filter(action="domain.edited", actor_label="root").exists()
