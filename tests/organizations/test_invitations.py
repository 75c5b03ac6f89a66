"""Somebody is invited by e-mail: one link, in the mail alone, that works once."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from organizations import invitations, services
from organizations.access import enter
from organizations.audit import Actor
from organizations.models import AuditEntry, Invitation, Membership, Role
from organizations.policies import Action
from tests.support.people import person
from tests.support.second_factor import sign_in_staff

EMAIL = "eve@example.com"
NEW = "a long enough password"


@pytest.fixture
def alice(cast):
    return enter(cast.alice, cast.organization.pk, Action.MANAGE_MEMBERS)


@pytest.fixture
def invited(cast, alice):
    return invitations.invite(alice, cast.organization, EMAIL, Role.VIEWER).membership


def link(number=-1):
    """The path in a mail."""
    [found] = re.findall(r"http://127\.0\.0\.1:8000(/accounts/invitation/\S+)", mail.outbox[number].body)
    return found


def opened(client, path):
    """The page of a link, and where its form goes."""
    answer = client.get(path, follow=True)
    return answer, answer.redirect_chain[-1][0] if answer.redirect_chain else path


def set_password(client, path, password=NEW):
    _, form = opened(client, path)
    return client.post(form, {"new_password1": password, "new_password2": password})


def told(organization):
    return [(entry.action, entry.actor_label) for entry in AuditEntry.objects.of(organization)[:2]]


def later(monkeypatch, **delta):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(**delta))


def test_an_administrator_invites_somebody_who_sets_a_password_and_is_in(cast, client):
    client.force_login(cast.alice)
    url = f"/organizations/{cast.organization.pk}/members/"
    answer = client.post(f"{url}invite/", {"email": " Eve@Example.com ", "role": "api_developer"})
    assert (answer.status_code, answer["Location"]) == (303, url)
    shown = client.get(url).content.decode()
    assert "eve@example.com is invited." in shown
    assert "Resend invitation" in shown
    assert told(cast.organization)[0] == ("member.invited", "alice")
    [sent] = mail.outbox
    assert sent.to == [EMAIL]
    assert "Support bots" in sent.subject
    assert "API developer" in sent.body

    eve = Client()
    page, _ = opened(eve, link())
    assert EMAIL in page.content.decode()
    assert set_password(eve, link())["Location"] == "/organizations/"
    assert eve.get(url.replace("members", "bots")).status_code == 200
    assert told(cast.organization)[0] == ("member.joined", EMAIL)
    assert "Resend invitation" not in client.get(url).content.decode()
    assert Client().login(username=EMAIL, password=NEW, request=page.wsgi_request)


def test_whoever_invites_never_sees_the_link(cast, client):
    client.force_login(cast.alice)
    url = f"/organizations/{cast.organization.pk}/members/"
    answer = client.post(f"{url}invite/", {"email": EMAIL, "role": "viewer"})
    token = link().rstrip("/").rpartition("/")[2]
    pages = (
        answer.content
        + client.get(url).content
        + client.get(f"/organizations/{cast.organization.pk}/activity/").content
    )
    assert token.encode() not in pages
    assert token not in str(list(AuditEntry.objects.values()))


def test_nobody_gets_in_before_the_password_is_set(cast, invited):
    client = Client()
    for password in ("", " ", EMAIL):
        answer = client.post("/accounts/login/", {"username": EMAIL, "password": password}, REMOTE_ADDR="192.0.2.1")
        assert answer.status_code in (200, 429)
    assert not invited.user.has_usable_password()


def test_a_link_works_once_and_opening_it_changes_nothing(invited):
    for _ in range(3):
        page, _ = opened(Client(), link())
        assert "Set your password" in page.content.decode()
    assert set_password(Client(), link()).status_code == 302
    again, _ = opened(Client(), link())
    assert "This link does not work" in again.content.decode()
    assert not Invitation.objects.filter(accepted_at=None).exists()


def test_of_two_browsers_that_have_the_form_open_only_the_first_sets_the_password(invited):
    first, second = Client(), Client()
    (_, form), _ = opened(first, link()), opened(second, link())
    assert first.post(form, {"new_password1": NEW, "new_password2": NEW}).status_code == 302
    late = second.post(form, {"new_password1": "another password", "new_password2": "another password"})
    assert "This link does not work" in late.content.decode()
    invited.user.refresh_from_db()
    assert invited.user.check_password(NEW)


def test_a_weak_password_is_refused_with_an_error_at_its_field(invited):
    answer = set_password(Client(), link(), "short")
    assert answer.context["form"].errors["new_password2"]
    assert Invitation.objects.get().accepted_at is None


def test_a_link_ends_after_its_time(invited, monkeypatch, settings):
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "does not work" in opened(Client(), link())[0].content.decode()


@pytest.mark.parametrize(
    "path", ["/accounts/invitation/MQ/x-y/", "/accounts/invitation/%00/x/", "/accounts/invitation/zz/x-y/"]
)
def test_a_made_up_link_is_told_the_same(cast, path):
    assert "does not work" in opened(Client(), path)[0].content.decode()


def test_the_link_is_no_way_to_the_password_of_somebody_who_has_one(cast):
    token = invitations.InvitationTokens.__mro__[1]().make_token(cast.alice)
    uid = invitations.urlsafe_base64_encode(str(cast.alice.pk).encode())
    assert "does not work" in opened(Client(), f"/accounts/invitation/{uid}/{token}/")[0].content.decode()


def test_resending_mails_a_new_link_and_ends_the_one_before(cast, client, invited, monkeypatch):
    client.force_login(cast.alice)
    url = f"/organizations/{cast.organization.pk}/members/{invited.pk}/invitation/"
    early = client.post(url)
    assert early.status_code == 422
    assert "less than a minute ago" in early.content.decode()
    later(monkeypatch, minutes=2)
    assert client.post(url).status_code == 303
    assert len(mail.outbox) == 2
    assert told(cast.organization)[0] == ("member.invitation_resent", "alice")
    assert "does not work" in opened(Client(), link(0))[0].content.decode()
    assert set_password(Client(), link(1)).status_code == 302
    later(monkeypatch, minutes=2)
    assert "has set a password already" in client.post(url).content.decode()


def test_somebody_who_was_removed_or_disabled_meanwhile_is_not_let_in(cast, alice, invited):
    User.objects.filter(pk=invited.user_id).update(is_active=False)
    assert "does not work" in opened(Client(), link())[0].content.decode()
    User.objects.filter(pk=invited.user_id).update(is_active=True)
    services.remove_member(alice, invited)
    assert "does not work" in opened(Client(), link())[0].content.decode()


def test_somebody_who_can_sign_in_already_becomes_a_member_without_a_mail(cast, alice):
    frank = person("frank")
    frank.email = "Frank@example.com"
    frank.save()
    done = invitations.invite(alice, cast.organization, "frank@EXAMPLE.com", Role.VIEWER)
    assert (done.membership.user, done.mailed) == (frank, None)
    assert mail.outbox == []
    assert told(cast.organization)[0] == ("member.added", "alice")


def test_somebody_who_is_invited_elsewhere_gets_the_link_again_and_both_organizations(cast, invited):
    charlie = enter(cast.charlie, cast.other_organization.pk, Action.MANAGE_MEMBERS)
    assert invitations.invite(charlie, cast.other_organization, EMAIL, Role.VIEWER).mailed
    assert Membership.objects.filter(user=invited.user).count() == 2
    assert set_password(Client(), link()).status_code == 302
    for organization in (cast.organization, cast.other_organization):
        assert told(organization)[0] == ("member.joined", EMAIL)


@pytest.mark.parametrize("email", ["", "nonsense", "two@example.com", "gone@example.com", "a!b@example.com", "bob"])
def test_an_address_that_cannot_be_invited_is_an_error_at_the_address(cast, alice, email):
    for name in ("one", "two"):
        User.objects.create(username=name, email="two@example.com")
    User.objects.create(username="gone", email="gone@example.com", is_active=False)
    people, before = User.objects.count(), AuditEntry.objects.count()
    with pytest.raises(ValidationError) as refusal:
        invitations.invite(alice, cast.organization, email, Role.VIEWER)
    assert set(refusal.value.message_dict) == {"email"}
    assert (User.objects.count(), AuditEntry.objects.count(), mail.outbox) == (people, before, [])


def test_a_member_is_not_invited_again(cast, alice, invited):
    with pytest.raises(ValidationError) as refusal:
        invitations.invite(alice, cast.organization, EMAIL, Role.VIEWER)
    assert refusal.value.message_dict == {"email": ["This person is a member already."]}


def test_a_mail_server_that_is_down_loses_nothing(cast, client, monkeypatch, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    client.force_login(cast.alice)
    url = f"/organizations/{cast.organization.pk}/members/"
    answer = client.post(f"{url}invite/", {"email": EMAIL, "role": "viewer"}, follow=True)
    assert "could not be mailed" in answer.content.decode()
    assert "Resend invitation" in answer.content.decode()


def test_a_hostile_name_does_not_reach_into_the_mail(cast, alice):
    services.rename_organization(Actor.command("demo"), cast.organization, "\u202eevil\tname <b>")
    invitations.invite(alice, cast.organization, EMAIL, Role.VIEWER)
    [sent] = mail.outbox
    assert "\u202e" not in sent.subject + sent.body
    assert "evil name <b>" in sent.body


def test_staff_see_who_has_not_accepted_and_resend(cast, invited, monkeypatch):
    client = sign_in_staff(Client(), User.objects.create_superuser("staff"))
    page = "/admin/organizations/membership/"
    assert "not accepted yet" in client.get(page).content.decode()
    later(monkeypatch, minutes=2)
    members = [invited.pk, Membership.objects.get(user=cast.bob).pk]
    answer = client.post(page, {"action": "resend_invitation", "_selected_action": members}, follow=True)
    assert {str(message) for message in answer.context["messages"]} == {
        "eve@example.com is invited again.",
        "bob: This person has set a password already.",
    }
    assert told(cast.organization)[0] == ("member.invitation_resent", "staff")
    assert len(mail.outbox) == 2


class TestPassword:
    def change(self, client, old, new=NEW):
        form = {"old_password": old, "new_password1": new, "new_password2": new}
        return client.post("/accounts/password/", form)

    def test_a_person_changes_their_own_and_stays_signed_in_here_alone(self, cast, client):
        client.force_login(cast.vic)
        elsewhere = Client()
        elsewhere.force_login(cast.vic)
        assert (
            'href="/accounts/password/"' in client.get(f"/organizations/{cast.organization.pk}/bots/").content.decode()
        )
        assert client.get("/accounts/password/").status_code == 200
        assert self.change(client, cast.password)["Location"] == "/organizations/"
        assert client.get("/organizations/").status_code == 302  # into the only one
        assert elsewhere.get("/organizations/")["Location"].startswith("/accounts/login/")
        cast.vic.refresh_from_db()
        assert cast.vic.check_password(NEW)
        entry = AuditEntry.objects.of(None)[0]
        assert (entry.action, entry.actor_label) == ("user.password_changed", "vic")
        assert NEW not in str(list(AuditEntry.objects.values()))

    def test_a_wrong_old_one_and_a_weak_new_one_are_errors_at_their_fields(self, cast, client):
        client.force_login(cast.vic)
        assert set(self.change(client, "wrong").context["form"].errors) == {"old_password"}
        assert set(self.change(client, cast.password, "short").context["form"].errors) == {"new_password2"}
        cast.vic.refresh_from_db()
        assert cast.vic.check_password(cast.password)

    def test_nobody_changes_one_without_signing_in(self, db, client):
        assert client.get("/accounts/password/")["Location"].startswith("/accounts/login/")
