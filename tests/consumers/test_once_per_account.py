"""At most one Consumer Pre-Authentication credential in an account, over all its organizations."""

import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from credentials.models import Credential
from credentials.services import add
from organizations import services
from organizations.access import enter
from organizations.audit import Actor
from organizations.models import Organization
from organizations.policies import Action
from tests.support.inside import in_product
from tests.support.journeys import Stage, Visitor, set_the_stage
from tests.support.people import Cast
from tests.support.product import Product
from tests.support.windows import window

KIND = "consumer_pre_authentication"
LABEL = "Consumer Pre-Authentication"
BASICS = {"name": "Shoppers", "kind": KIND}


@pytest.fixture
def sister(cast: Cast) -> Organization:
    """Another organization of the account; Alice is in both, Bob is not in this one."""
    return services.create_organization(Actor.command("test"), cast.account, "Sister", administrator=cast.alice)


def post_first(client: Client, organization: Organization, **fields: str) -> str:
    answer = client.post(f"/organizations/{organization.pk}/credentials/add/", {**BASICS, **fields}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
def test_the_first_step_is_the_last_and_saves_it(cast: Cast) -> None:
    page = post_first(window(cast.bob), cast.organization)
    assert "The credential “Shoppers” was saved." in page
    made = Credential.objects.get()
    assert (made.kind, made.status, made.payload, made.account) == (KIND, "active", {}, cast.account)


@pytest.mark.django_db
def test_without_an_identity_provider_its_page_says_so_and_links_there(cast: Cast) -> None:
    page = post_first(window(cast.alice), cast.organization)
    assert "The account has no identity provider yet" in page
    assert f"/accounts/{cast.account.number}/identity-provider/" in page
    seen_by_bob = window(cast.bob).get(
        f"/organizations/{cast.organization.pk}/credentials/{Credential.objects.get().pk}/"
    )
    assert "Ask an administrator" in seen_by_bob.content.decode()
    assert "identity-provider" not in seen_by_bob.content.decode()


@pytest.mark.django_db
def test_the_second_one_is_told_where_the_first_is(cast: Cast, sister: Organization) -> None:
    post_first(window(cast.alice), sister)
    page = post_first(window(cast.alice), cast.organization, name="Others")
    assert "this one has it already: “Shoppers” in the organization Sister" in page
    assert Credential.objects.count() == 1


@pytest.mark.django_db
def test_whoever_does_not_belong_there_is_not_told_where(cast: Cast, sister: Organization) -> None:
    post_first(window(cast.alice), sister)
    page = post_first(window(cast.bob), cast.organization)
    assert "this one has it already: in another organization" in page
    assert "Sister" not in page
    assert Credential.objects.count() == 1


@pytest.mark.django_db
def test_another_account_and_other_types_are_free(cast: Cast) -> None:
    post_first(window(cast.bob), cast.organization)
    post_first(window(cast.charlie), cast.other_organization)
    assert Credential.objects.filter(kind=KIND).count() == 2


@pytest.mark.django_db
def test_the_database_holds_it_whatever_the_service_saw(
    cast: Cast, sister: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, there = (enter(cast.alice, each.pk, Action.MANAGE_CREDENTIALS) for each in (cast.organization, sister))
    add.add(there, credential_id=uuid.uuid4(), name="Shoppers", kind=KIND, entered={})
    with pytest.raises(add.AlreadyInAccount, match="Sister"):
        add.add(alice, credential_id=uuid.uuid4(), name="Shoppers", kind=KIND, entered={})
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.create(organization=cast.organization, account=cast.account, name="x", kind=KIND)


@pytest.mark.django_db
def test_after_the_first_is_deleted_there_can_be_another(cast: Cast, sister: Organization) -> None:
    post_first(window(cast.alice), sister)
    Credential.objects.all().delete()
    post_first(window(cast.bob), cast.organization)
    assert Credential.objects.get().organization == cast.organization


SISTER = """
import json
from django.contrib.auth.models import User
from organizations import services
from organizations.audit import Actor
from organizations.models import Account
stage = Actor.command("demo")
account = Account.objects.get()
print(services.create_organization(stage, account, "Sister", administrator=User.objects.get(username="alice")).pk)
"""
COUNT = "from credentials.models import Credential; print(Credential.objects.count())"
DELETE = "from credentials.models import Credential; Credential.objects.all().delete()"


@pytest.mark.postgres
def test_two_organizations_race_on_postgresql_and_one_wins(product: Callable[..., Product]) -> None:
    running = product(web=2, workers=0, database="postgres")
    with in_product(running) as python:
        here = set_the_stage(running, python)
        there = Stage(python(SISTER).strip(), here.bot_id, here.service_token)
        visitors = [Visitor(running.urls[0], here).sign_in(), Visitor(running.urls[1], there).sign_in()]
        for number in range(5):
            barrier = threading.Barrier(2)
            pages: list[str] = ["", ""]

            def walk(position: int, barrier=barrier, pages=pages, number=number) -> None:  # type: ignore[no-untyped-def]
                visitor = visitors[position]
                visitor.get(visitor.credentials_url("add/"))
                barrier.wait()
                answer = visitor.post(visitor.credentials_url("add/"), {**BASICS, "name": f"Shoppers {number}"})
                while answer.is_redirect or answer.status_code == 303:
                    answer = visitor.get(visitor.step(answer))
                pages[position] = answer.text

            threads = [threading.Thread(target=walk, args=(position,)) for position in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            won = [f"Shoppers {number}” was saved" in page for page in pages]
            lost = ["this one has it already" in page and "Error:" in page for page in pages]
            assert sorted(won) == [False, True], pages
            assert lost == [not each for each in won]
            assert python(COUNT).strip() == "1"
            python(DELETE)
