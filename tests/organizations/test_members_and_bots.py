"""The use cases around members, bots, organizations and accounts."""

import threading

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction

from organizations import services
from organizations.access import enter
from organizations.audit import Actor
from organizations.models import Account, AuditEntry, Bot, Membership, Organization, Role
from organizations.policies import Action
from tests.support.people import person


@pytest.fixture
def alice(cast):
    return enter(cast.alice, cast.organization.pk, Action.MANAGE_MEMBERS)


def membership(user):
    return Membership.objects.get(user=user)


def newest(organization):
    return AuditEntry.objects.of(organization).first()


def fields_of(refusal):
    return set(refusal.value.message_dict)


def test_an_administrator_adds_somebody_with_a_role(cast, alice):
    person("eve")
    added = services.add_member(alice, cast.organization, " eve ", Role.VIEWER)
    assert (added.user.username, added.role) == ("eve", Role.VIEWER)
    entry = newest(cast.organization)
    assert (entry.action, entry.actor_label, entry.object_label) == ("member.added", "alice", "eve")
    assert entry.details == {"role": "viewer"}


@pytest.mark.parametrize("username", ["nobody", "gone", "bob", "", "a\x00b"])
def test_nobody_unknown_disabled_or_present_already_is_added(cast, alice, username):
    User.objects.create(username="gone", is_active=False)
    before = AuditEntry.objects.count()
    with pytest.raises(ValidationError) as refusal:
        services.add_member(alice, cast.organization, username, Role.VIEWER)
    assert fields_of(refusal) == {"username"}
    assert Membership.objects.filter(organization=cast.organization).count() == 4
    assert AuditEntry.objects.count() == before


def test_a_role_that_does_not_exist_is_refused_by_the_database_too(cast):
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(user=cast.bob).update(role="emperor")


def test_changing_a_role_is_recorded_with_what_it_was(cast, alice):
    services.change_role(alice, membership(cast.bob), Role.API_DEVELOPER)
    assert membership(cast.bob).role == Role.API_DEVELOPER
    assert newest(cast.organization).details == {"role": "api_developer", "before": "credentials_manager"}


def test_giving_the_same_role_again_changes_and_records_nothing(cast, alice):
    before = newest(cast.organization)
    services.change_role(alice, membership(cast.bob), Role.CREDENTIALS_MANAGER)
    assert newest(cast.organization) == before


def test_the_last_administrator_can_be_neither_demoted_nor_removed(cast, alice):
    with pytest.raises(ValidationError) as refusal:
        services.change_role(alice, membership(cast.alice), Role.VIEWER)
    assert fields_of(refusal) == {"role"}
    with pytest.raises(ValidationError):
        services.remove_member(alice, membership(cast.alice))
    assert membership(cast.alice).role == Role.ADMINISTRATOR


def test_an_administrator_who_cannot_sign_in_does_not_count_as_another(cast, alice):
    services.change_role(alice, membership(cast.bob), Role.ADMINISTRATOR)
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    with pytest.raises(ValidationError):
        services.remove_member(alice, membership(cast.alice))
    User.objects.filter(pk=cast.bob.pk).update(is_active=True)
    services.remove_member(alice, membership(cast.alice))
    assert not Membership.objects.filter(user=cast.alice).exists()


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_remove_each_other_at_once_leave_one(cast):
    services.change_role(Actor.worker(), membership(cast.bob), Role.ADMINISTRATOR)
    pair = {cast.alice: membership(cast.bob), cast.bob: membership(cast.alice)}
    together = threading.Barrier(2, timeout=20)
    refused = []

    def remove(user, target):
        try:
            access = enter(user, cast.organization.pk, Action.MANAGE_MEMBERS)
            together.wait()
            services.remove_member(access, target)
        except ValidationError:
            refused.append(user)
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=pair_of) for pair_of in pair.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 1
    left = Membership.objects.filter(organization=cast.organization, role=Role.ADMINISTRATOR)
    assert {each.user for each in left} == pair.keys() - set(refused)


def test_a_bot_is_added_renamed_and_removed(cast, alice):
    bot = services.create_bot(alice, cast.organization, "  Booking ")
    assert bot.name == "Booking"
    services.rename_bot(alice, bot, "Bookings")
    assert Bot.objects.get().name == "Bookings"
    services.remove_bot(alice, bot)
    assert not Bot.objects.exists()
    told = [entry.action for entry in AuditEntry.objects.of(cast.organization)[:3]]
    assert told == ["bot.removed", "bot.renamed", "bot.created"]


@pytest.mark.parametrize("name", ["", "   ", "Booking", " Booking ", "two\nlines", "nul\x00", "x" * 256])
def test_a_bot_name_that_cannot_be_used_is_an_error_at_the_name(cast, alice, name):
    services.create_bot(alice, cast.organization, "Booking")
    with pytest.raises(ValidationError) as refusal:
        services.create_bot(alice, cast.organization, name)
    assert fields_of(refusal) == {"name"}
    assert Bot.objects.count() == 1


def test_the_same_bot_name_may_be_used_elsewhere_and_be_255_emoji_long(cast, alice):
    name = "🤖" * 255
    services.create_bot(alice, cast.organization, name)
    services.create_bot(Actor.worker(), cast.other_organization, name)
    assert Bot.objects.filter(name=name).count() == 2


def test_the_database_refuses_names_with_spaces_around_them(cast):
    for model, values in (
        (Bot, {"organization": cast.organization}),
        (Organization, {"account": cast.account}),
        (Account, {"number": "5"}),
    ):
        for name in ("", " padded"):
            with pytest.raises(DatabaseError), transaction.atomic():
                model.objects.create(name=name, **values)


@pytest.mark.parametrize("number", ["", "12a", "١٢", "-1", "1" * 21, "12345566"])
def test_an_account_number_is_digits_and_unique(cast, number):
    with pytest.raises(ValidationError) as refusal:
        services.create_account(Actor.worker(), number, "Again")
    assert fields_of(refusal) == {"number"}


def test_what_belongs_to_an_organization_does_not_disappear_with_it(cast, alice):
    services.create_bot(alice, cast.organization, "Booking")
    for thing in (cast.account, cast.organization, cast.alice):
        with pytest.raises(IntegrityError):
            thing.delete()


def test_renaming_an_account_and_an_organization_is_recorded(cast):
    services.rename_account(Actor.command("demo"), cast.account, "Golden Gate")
    services.rename_organization(Actor.command("demo"), cast.organization, "Support")
    assert newest(None).action == "account.renamed"
    assert newest(cast.organization).object_label == "Support"
    with pytest.raises(ValidationError) as refusal:
        services.create_organization(Actor.command("demo"), cast.account, "Support")
    assert fields_of(refusal) == {"name"}
