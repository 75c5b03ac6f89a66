"""Getting into an organization: one query, 404 for outsiders, a recorded 403 for a role that is too small."""

import uuid

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse

from organizations import services
from organizations.access import authorize, enter, in_organization
from organizations.audit import Actor
from organizations.models import AuditEntry, Membership, Role
from organizations.policies import Action


def refusals(organization):
    return AuditEntry.objects.of(organization).filter(action="access.denied")


def test_a_member_enters_with_one_query(cast, django_assert_num_queries):
    with django_assert_num_queries(1):
        access = enter(cast.alice, cast.organization.pk, Action.MANAGE_MEMBERS)
        assert access.organization.account.number == "12345566"
        assert access.user.username == "alice"
    assert access.role is Role.ADMINISTRATOR
    assert access.actor == Actor("user", str(cast.alice.pk), "alice")


@pytest.mark.parametrize("stranger", ["charlie", "nobody", "staff"])
def test_somebody_outside_finds_no_such_organization(cast, stranger, django_user_model):
    user = {
        "charlie": cast.charlie,
        "nobody": AnonymousUser(),
        "staff": django_user_model(username="root", is_superuser=True, is_staff=True),
    }[stranger]
    if stranger == "staff":
        user.save()
    with pytest.raises(Http404):
        enter(user, cast.organization.pk, Action.SEE_BOTS)
    assert not refusals(cast.organization).exists()


def test_an_organization_that_does_not_exist_is_not_found(cast):
    with pytest.raises(Http404):
        enter(cast.alice, uuid.uuid4(), Action.SEE_BOTS)


def test_promise_29_a_disabled_person_is_outside_from_the_next_request_on(cast):
    cast.alice.is_active = False
    cast.alice.save()
    with pytest.raises(Http404):
        enter(cast.alice, cast.organization.pk, Action.SEE_BOTS)


def test_promise_29_a_changed_role_counts_from_the_next_request_on(cast):
    enter(cast.bob, cast.organization.pk, Action.MANAGE_CREDENTIALS)
    services.change_role(Actor.worker(), Membership.objects.get(user=cast.bob), Role.VIEWER)
    with pytest.raises(PermissionDenied):
        enter(cast.bob, cast.organization.pk, Action.MANAGE_CREDENTIALS)


def test_a_role_that_is_too_small_is_refused_and_recorded(cast):
    with pytest.raises(PermissionDenied):
        enter(cast.vic, cast.organization.pk, Action.MANAGE_BOTS)
    entry = refusals(cast.organization).get()
    assert (entry.actor_label, entry.outcome) == ("vic", "denied")
    assert entry.details == {"needed": "manage_bots", "role": "viewer"}


def test_a_refusal_inside_a_transaction_outlives_its_rollback(cast, rf):
    @in_organization(Action.SEE_BOTS)
    def view(request, access):
        with transaction.atomic():
            services.create_bot(access, access.organization, "Booking")
        return HttpResponse()

    request = rf.post("/")
    request.user = cast.vic
    with pytest.raises(PermissionDenied):
        view(request, organization_id=cast.organization.pk)
    assert refusals(cast.organization).count() == 1


def test_a_view_asks_somebody_who_is_not_signed_in_to_sign_in(cast, rf):
    request = rf.get("/organizations/x/bots/")
    request.user = AnonymousUser()
    view = in_organization(Action.SEE_BOTS)(lambda request, access: HttpResponse())
    response = view(request, organization_id=cast.organization.pk)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


def test_access_to_one_organization_is_none_to_another(cast):
    access = enter(cast.alice, cast.organization.pk, Action.MANAGE_BOTS)
    with pytest.raises(Http404):
        authorize(access, cast.other_organization, Action.MANAGE_BOTS)
    with pytest.raises(Http404):
        services.create_bot(access, cast.other_organization, "Spy")


def test_a_service_refuses_a_role_that_is_too_small_whatever_page_it_came_through(cast):
    access = enter(cast.vic, cast.organization.pk, Action.SEE_BOTS)
    with pytest.raises(PermissionDenied):
        services.create_bot(access, cast.organization, "Booking")
    assert not cast.organization.bots.exists()
