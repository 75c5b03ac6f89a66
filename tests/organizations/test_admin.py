"""Staff in the Django admin: everything can be found, changes are audited, secrets and the log stay out of reach."""

import pytest
from django.contrib.auth.models import Group, User

from organizations import services
from organizations.audit import Actor
from organizations.models import Account, AuditChain, AuditEntry, Bot, Membership, Organization, Role, ServiceToken
from tests.organizations.test_service_tokens import in_days
from tests.support.people import PASSWORD
from tests.support.second_factor import sign_in_staff

COMMAND = Actor.command("demo")
MODELS = ["account", "organization", "membership", "bot", "servicetoken", "auditchain", "auditentry"]


@pytest.fixture
def staff(cast, client):
    return sign_in_staff(client, User.objects.create(username="staff", is_staff=True, is_superuser=True))


@pytest.fixture
def token(cast):
    return services.create_service_token(COMMAND, cast.organization, "Platform", in_days(30))[0]


def url(model, rest=""):
    return f"/admin/organizations/{model}/{rest}"


def newest(organization):
    return AuditEntry.objects.of(organization).first()


def test_a_member_is_no_staff(cast, client):
    client.force_login(cast.alice)
    assert client.get(url("auditentry"))["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("search", ["", "Support", "12345566", "bat_'\"", "\x00"])
def test_everything_can_be_searched(staff, cast, token, model, search):
    assert staff.get(url(model), {"q": search}).status_code == 200


@pytest.mark.parametrize(
    ("model", "query", "found"),
    [
        ("servicetoken", "state=active", 1),
        ("servicetoken", "state=revoked", 0),
        ("servicetoken", "state=expired", 0),
        ("auditentry", "subject=service_token&by=command&result=ok", 1),
        ("auditentry", "subject=service_token&result=not_ok", 0),
        ("membership", "role__exact=viewer", 1),
    ],
)
def test_lists_can_be_filtered(staff, cast, token, model, query, found):
    assert staff.get(f"{url(model)}?{query}").context["cl"].result_count == found


def test_an_organization_is_found_by_its_id_and_its_account_number(staff, cast):
    for search in (cast.organization.pk, "12345566"):
        assert list(staff.get(url("organization"), {"q": search}).context["cl"].queryset) == [cast.organization]


def test_the_log_is_found_by_organization(staff, cast):
    entries = staff.get(url("auditentry"), {"q": str(cast.organization.pk)}).context["cl"].queryset
    assert {entry.chain_id for entry in entries} == {cast.organization.pk}


def test_no_page_shows_a_digest(staff, token):
    for page in (url("servicetoken"), url("servicetoken", f"{token.pk}/change/")):
        response = staff.get(page)
        assert response.status_code == 200
        assert token.digest not in response.content.decode()


@pytest.mark.parametrize("model", ["servicetoken", "auditchain", "auditentry"])
def test_tokens_and_log_can_be_neither_added_edited_nor_deleted(staff, cast, token, model):
    row = {"servicetoken": ServiceToken, "auditchain": AuditChain, "auditentry": AuditEntry}[model].objects.first()
    assert staff.get(url(model, f"{row.pk}/change/")).status_code == 200
    assert staff.get(url(model, "add/")).status_code == 403
    assert staff.post(url(model, f"{row.pk}/change/"), {"name": "x"}).status_code == 403
    assert staff.post(url(model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == 403
    staff.post(url(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert type(row).objects.filter(pk=row.pk).exists()


def test_a_token_is_revoked_through_the_service(staff, cast, token):
    staff.post(url("servicetoken"), {"action": "revoke", "_selected_action": [str(token.pk)]})
    token.refresh_from_db()
    assert token.state == "revoked"
    entry = newest(cast.organization)
    assert (entry.action, entry.actor_label) == ("service_token.revoked", "staff")


def test_staff_open_an_account_an_organization_and_its_first_administrator(staff, cast):
    assert staff.post(url("account", "add/"), {"number": "987", "name": "New brand"}).status_code == 302
    account = Account.objects.get(number="987")
    assert (newest(None).action, newest(None).actor_label) == ("account.created", "staff")
    assert staff.post(url("organization", "add/"), {"account": account.pk, "name": "First"}).status_code == 302
    organization = Organization.objects.get(account=account)
    assert newest(organization).action == "organization.created"
    data = {"organization": str(organization.pk), "user": cast.bob.pk, "role": "administrator"}
    assert staff.post(url("membership", "add/"), data).status_code == 302
    assert Membership.objects.get(organization=organization).user == cast.bob
    assert newest(organization).action == "member.added"


def test_what_is_given_once_stays(staff, cast):
    staff.post(url("account", f"{cast.account.pk}/change/"), {"number": "1", "name": "Renamed"})
    cast.account.refresh_from_db()
    assert (cast.account.number, cast.account.name) == ("12345566", "Renamed")
    assert newest(None).action == "account.renamed"


def test_a_taken_name_is_an_error_of_the_form(staff, cast):
    services.create_bot(COMMAND, cast.organization, "Booking")
    response = staff.post(url("bot", "add/"), {"organization": str(cast.organization.pk), "name": "Booking"})
    assert response.status_code == 200
    assert response.context["errors"]
    assert Bot.objects.count() == 1


def test_a_bot_is_added_renamed_and_removed_with_its_entries(staff, cast):
    staff.post(url("bot", "add/"), {"organization": str(cast.organization.pk), "name": "Booking"})
    bot = Bot.objects.get()
    staff.post(url("bot", f"{bot.pk}/change/"), {"name": "Bookings"})
    staff.post(url("bot", f"{bot.pk}/delete/"), {"post": "yes"})
    assert not Bot.objects.exists()
    told = [entry.action for entry in AuditEntry.objects.of(cast.organization)[:3]]
    assert told == ["bot.removed", "bot.renamed", "bot.created"]


def test_the_last_administrator_is_kept_with_a_message(staff, cast):
    own = Membership.objects.get(user=cast.alice)
    demotion = staff.post(url("membership", f"{own.pk}/change/"), {"role": "viewer"}, follow=True)
    assert "needs an administrator" in demotion.content.decode()
    removal = staff.post(url("membership", f"{own.pk}/delete/"), {"post": "yes"}, follow=True)
    assert "needs an administrator" in removal.content.decode()
    own.refresh_from_db()
    assert own.role == Role.ADMINISTRATOR


def test_a_member_is_removed_with_an_entry(staff, cast):
    row = Membership.objects.get(user=cast.vic)
    staff.post(url("membership", f"{row.pk}/delete/"), {"post": "yes"})
    assert newest(cast.organization).action == "member.removed"


class TestPeople:
    def test_somebody_new_and_a_change_of_them_are_in_the_system_chain(self, staff):
        data = {"username": "eve", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
        staff.post("/admin/auth/user/add/", data)
        eve = User.objects.get(username="eve")
        assert (newest(None).action, newest(None).object_label) == ("user.created", "eve")
        joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        staff.post(f"/admin/auth/user/{eve.pk}/change/", {"username": "eve", "email": "eve@example.com", **joined})
        assert newest(None).action == "user.changed"
        assert "Email address" in newest(None).details["changed"]

    def test_a_new_password_is_recorded_without_it(self, staff, cast):
        new = "canary battery staple"
        data = {"password1": new, "password2": new, "usable_password": "true"}
        staff.post(f"/admin/auth/user/{cast.vic.pk}/password/", data)
        cast.vic.refresh_from_db()
        assert cast.vic.check_password(new)
        assert (newest(None).action, newest(None).object_label) == ("user.changed", "vic")
        assert "canary" not in str(newest(None).details)

    def test_nobody_is_deleted(self, staff, cast):
        assert staff.post(f"/admin/auth/user/{cast.vic.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_groups_of_staff_are_recorded_too(self, staff):
        staff.post("/admin/auth/group/add/", {"name": "Support"})
        assert newest(None).action == "group.created"
        staff.post(f"/admin/auth/group/{Group.objects.get().pk}/delete/", {"post": "yes"})
        assert newest(None).action == "group.deleted"
