"""The pages of an organization: who may open and post which, and what they do."""

import uuid

import pytest

from organizations import audit, services
from organizations.audit import Actor
from organizations.models import AuditEntry, Bot, Membership, Role, ServiceToken
from organizations.policies import Action, allows
from tests.organizations.test_service_tokens import in_days
from tests.support.people import person

COMMAND = Actor.command("demo")

PAGES = {
    "bots/": Action.SEE_BOTS,
    "bots/add/": Action.MANAGE_BOTS,
    "bots/{bot}/edit/": Action.MANAGE_BOTS,
    "bots/{bot}/remove/": Action.MANAGE_BOTS,
    "members/": Action.SEE_MEMBERS,
    "members/add/": Action.MANAGE_MEMBERS,
    "members/invite/": Action.MANAGE_MEMBERS,
    "members/{member}/invitation/": Action.MANAGE_MEMBERS,
    "members/{member}/role/": Action.MANAGE_MEMBERS,
    "members/{member}/remove/": Action.MANAGE_MEMBERS,
    "service-tokens/": Action.MANAGE_SERVICE_TOKENS,
    "service-tokens/add/": Action.MANAGE_SERVICE_TOKENS,
    "service-tokens/{token}/revoke/": Action.MANAGE_SERVICE_TOKENS,
    "activity/": Action.SEE_ACTIVITY,
}
POSTS = {
    "bots/add/": {"name": "Spy"},
    "bots/{bot}/edit/": {"name": "Spy"},
    "bots/{bot}/remove/": {},
    "members/add/": {"username": "charlie", "role": "administrator"},
    "members/invite/": {"email": "spy@example.com", "role": "administrator"},
    "members/{member}/invitation/": {},
    "members/{member}/role/": {"role": "administrator"},
    "members/{member}/remove/": {},
    "service-tokens/add/": {"name": "Spy", "expires": "30", "scopes": ["tokens:read"], "id": str(uuid.uuid4())},
    "service-tokens/{token}/revoke/": {},
}


@pytest.fixture
def things(cast):
    """One bot, one member and one token of the organization, as they stand in addresses."""
    bot = services.create_bot(COMMAND, cast.organization, "Booking")
    token, _ = services.create_service_token(COMMAND, cast.organization, "Platform", in_days(30))
    return {"bot": bot.pk, "token": token.pk, "member": Membership.objects.get(user=cast.vic).pk}


def address(organization, page, things):
    return f"/organizations/{organization.pk}/{page.format(**things)}"


def state():
    return (
        sorted(Bot.objects.values_list("pk", "name")),
        sorted(Membership.objects.values_list("pk", "role")),
        sorted(ServiceToken.objects.values_list("pk", "revoked_at")),
    )


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_for_the_roles_that_may_see_it(cast, things, client, page, role):
    client.force_login(cast.by_role(role))
    response = client.get(address(cast.organization, page, things))
    assert response.status_code == (200 if allows(role, PAGES[page]) else 403)


@pytest.mark.parametrize(
    ("page", "role"), [(page, role) for page in POSTS for role in Role if not allows(role, PAGES[page])]
)
def test_a_role_that_is_too_small_changes_nothing_and_is_recorded(cast, things, client, page, role):
    before = state()
    client.force_login(cast.by_role(role))
    assert client.post(address(cast.organization, page, things), POSTS[page]).status_code == 403
    assert state() == before
    assert AuditEntry.objects.of(cast.organization).filter(action="access.denied").count() == 1


@pytest.mark.parametrize("page", PAGES)
def test_an_outsider_finds_no_page(cast, things, client, page):
    before = state()
    client.force_login(cast.charlie)
    url = address(cast.organization, page, things)
    assert client.get(url).status_code == 404
    assert client.post(url, POSTS.get(page, {})).status_code in (404, 405)
    assert state() == before


@pytest.mark.parametrize("page", [page for page in PAGES if "{" in page])
def test_an_administrator_elsewhere_reaches_nothing_of_this_organization_through_their_own(cast, things, client, page):
    before = state()
    client.force_login(cast.charlie)
    url = address(cast.other_organization, page, things)
    assert client.get(url).status_code == 404
    assert client.post(url, POSTS[page]).status_code == 404
    assert state() == before


@pytest.mark.parametrize("page", PAGES)
def test_somebody_who_is_not_signed_in_is_asked_to(cast, things, client, page):
    response = client.get(address(cast.organization, page, things))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("page", ["bots/", "members/", "service-tokens/", "activity/"])
def test_a_list_asks_no_more_questions_when_it_is_longer(cast, client, page, django_assert_max_num_queries):
    for number in range(30):
        services.create_bot(COMMAND, cast.organization, f"Bot {number}")
        services.create_service_token(COMMAND, cast.organization, f"Token {number}", in_days(30))
        person(f"person{number}")
        services.add_member(COMMAND, cast.organization, f"person{number}", Role.VIEWER)
    client.force_login(cast.alice)
    with django_assert_max_num_queries(6):  # session, user, membership, count, rows; the choices of a filter
        assert client.get(f"/organizations/{cast.organization.pk}/{page}").status_code == 200


def test_hostile_names_are_inert(cast, client):
    hostile = '"><img src=x onerror=alert(1)>\u202e'
    services.rename_organization(COMMAND, cast.organization, hostile)
    services.create_bot(COMMAND, cast.organization, hostile)
    services.create_service_token(COMMAND, cast.organization, hostile, in_days(30))
    client.force_login(cast.alice)
    for page in ("bots/", "members/", "service-tokens/", "activity/"):
        assert b"<img src=x" not in client.get(f"/organizations/{cast.organization.pk}/{page}").content


def test_somebody_with_several_organizations_chooses(cast, client):
    services.add_member(COMMAND, cast.other_organization, "alice", Role.VIEWER)
    client.force_login(cast.alice)
    text = client.get("/organizations/").content.decode()
    assert "Support bots" in text
    assert "Elsewhere" in text
    assert f"/organizations/{cast.organization.pk}/credentials/" in text


def test_somebody_without_an_organization_is_told_what_to_do(cast, client):
    client.force_login(person("eve"))
    assert "You belong to no organization yet" in client.get("/organizations/").content.decode()


def test_the_front_page_leads_to_the_organizations(client):
    assert client.get("/")["Location"] == "/organizations/"


class TestBots:
    def test_adding_one_shows_it(self, cast, client):
        client.force_login(cast.dana)
        url = f"/organizations/{cast.organization.pk}/bots/"
        response = client.post(f"{url}add/", {"name": "Booking"})
        assert (response.status_code, response["Location"]) == (303, url)
        assert "Bot Booking was added." in client.get(url).content.decode()

    def test_the_dialog_is_left_by_a_header(self, cast, client):
        client.force_login(cast.dana)
        url = f"/organizations/{cast.organization.pk}/bots/"
        response = client.post(f"{url}add/", {"name": "Booking"}, headers={"HX-Request": "true"})
        assert response["HX-Redirect"] == url

    def test_an_error_stands_at_its_field_and_in_the_title(self, cast, things, client):
        client.force_login(cast.dana)
        response = client.post(f"/organizations/{cast.organization.pk}/bots/add/", {"name": "Booking"})
        assert response.status_code == 422
        assert response.context["form"].errors == {"name": ["This organization has a bot with this name already."]}
        title = response.content.decode().split("<title>")[1].split("</title>")[0]
        assert title.strip().startswith("Error:")

    def test_renaming_and_removing_one(self, cast, things, client):
        client.force_login(cast.dana)
        url = f"/organizations/{cast.organization.pk}/bots/{things['bot']}"
        assert client.post(f"{url}/edit/", {"name": "Travel"}).status_code == 303
        assert Bot.objects.get().name == "Travel"
        assert "Travel" in client.get(f"{url}/remove/").content.decode()
        assert client.post(f"{url}/remove/").status_code == 303
        assert not Bot.objects.exists()


class TestMembers:
    def test_adding_changing_and_removing_somebody(self, cast, client):
        client.force_login(cast.alice)
        person("eve")
        url = f"/organizations/{cast.organization.pk}/members/"
        assert client.post(f"{url}add/", {"username": "eve", "role": "viewer"}).status_code == 303
        member = Membership.objects.get(user__username="eve")
        assert client.post(f"{url}{member.pk}/role/", {"role": "api_developer"}).status_code == 303
        member.refresh_from_db()
        assert member.role == Role.API_DEVELOPER
        assert client.post(f"{url}{member.pk}/remove/").status_code == 303
        assert not Membership.objects.filter(user__username="eve").exists()

    def test_an_unknown_user_name_is_an_error_at_the_user_name(self, cast, client):
        client.force_login(cast.alice)
        url = f"/organizations/{cast.organization.pk}/members/add/"
        response = client.post(url, {"username": "nobody", "role": "viewer"})
        assert response.context["form"].errors == {"username": ["There is nobody with this user name."]}

    def test_the_last_administrator_is_told_why_not(self, cast, client):
        client.force_login(cast.alice)
        own = Membership.objects.get(user=cast.alice)
        url = f"/organizations/{cast.organization.pk}/members/{own.pk}"
        demotion = client.post(f"{url}/role/", {"role": "viewer"})
        removal = client.post(f"{url}/remove/")
        assert (demotion.status_code, removal.status_code) == (422, 422)
        assert "needs an administrator" in str(demotion.context["form"].errors["role"])
        assert "needs an administrator" in str(removal.context["form"].non_field_errors())

    def test_whoever_leaves_is_not_sent_to_a_page_they_may_not_see(self, cast, client):
        services.change_role(COMMAND, Membership.objects.get(user=cast.bob), Role.ADMINISTRATOR)
        client.force_login(cast.alice)
        own = Membership.objects.get(user=cast.alice)
        response = client.post(f"/organizations/{cast.organization.pk}/members/{own.pk}/remove/")
        assert response["Location"] == "/organizations/"


class TestServiceTokens:
    def form(self, client, url):
        return client.get(f"{url}add/").context["form"]["id"].value()

    def test_promise_31_a_new_token_is_shown_once_and_gone_on_reload(self, cast, client):
        client.force_login(cast.alice)
        url = f"/organizations/{cast.organization.pk}/service-tokens/"
        data = {"id": str(self.form(client, url)), "name": "Platform", "expires": "90", "scopes": ["tokens:read"]}
        created = client.post(f"{url}add/", data)
        plaintext = created.context["plaintext"]
        assert created.status_code == 200
        assert plaintext in created.content.decode()
        assert "no-store" in created["Cache-Control"]
        assert services.authenticate_service_token(plaintext).created_by == cast.alice

        again = client.post(f"{url}add/", data)
        assert (again.status_code, again["Location"]) == (303, url)
        assert ServiceToken.objects.count() == 1
        listed = client.get(url).content.decode()
        assert f"bat_{plaintext[4:12]}" in listed
        assert plaintext not in listed
        assert "created already" in listed

    def test_the_plain_text_is_in_no_session(self, cast, client):
        client.force_login(cast.alice)
        url = f"/organizations/{cast.organization.pk}/service-tokens/add/"
        data = {"id": str(uuid.uuid4()), "name": "Platform", "expires": "90", "scopes": ["tokens:read"]}
        created = client.post(url, data)
        assert created.context["plaintext"] not in str(dict(client.session.items()))

    @pytest.mark.parametrize("field", ["name", "scopes", "expires", "id"])
    def test_an_error_stands_at_its_field(self, cast, client, field):
        client.force_login(cast.alice)
        data = {"id": str(uuid.uuid4()), "name": "Platform", "expires": "90", "scopes": ["tokens:read"], field: ""}
        response = client.post(f"/organizations/{cast.organization.pk}/service-tokens/add/", data)
        assert set(response.context["form"].errors) == {field}
        assert not ServiceToken.objects.exists()

    def test_revoking_one(self, cast, things, client):
        client.force_login(cast.alice)
        url = f"/organizations/{cast.organization.pk}/service-tokens/"
        assert client.post(f"{url}{things['token']}/revoke/").status_code == 303
        assert ServiceToken.objects.get().state == "revoked"
        assert "Revoked" in client.get(url).content.decode()


class TestActivity:
    @pytest.fixture
    def url(self, cast, client):
        client.force_login(cast.bob)
        return f"/organizations/{cast.organization.pk}/activity/"

    def test_it_says_who_did_what_newest_first(self, cast, client, url, things):
        entries = client.get(url).context["page"]["rows"]
        assert [entry.what for entry in entries[:2]] == ["Service token created", "Bot created"]
        assert entries == sorted(entries, key=lambda entry: -entry.position)
        assert all(entry.chain_id == cast.organization.pk for entry in entries)

    def test_the_filter_is_in_the_address(self, cast, client, url, things):
        shown = client.get(url, {"action": "bot"}).context["page"]["rows"]
        assert [entry.action for entry in shown] == ["bot.created"]
        by_alice = client.get(url, {"actor": f"user:{cast.alice.pk}"})
        assert by_alice.context["page"]["rows"] == []
        assert "Nothing matches" in by_alice.content.decode()

    @pytest.mark.parametrize(
        "action",
        [
            "webhook.tested",
            "notice.expiring",
            "domain.created",
            "authorization.started",
            "challenge.failed",
            "consumer.renewed",
            "identity_provider.changed",
            "provider.down",
        ],
    )
    def test_what_other_applications_record_is_offered_as_a_group(self, cast, client, url, action):
        audit.record(cast.organization, COMMAND, action)
        page = client.get(url, {"action": action.partition(".")[0]})
        assert [entry.action for entry in page.context["page"]["rows"]] == [action]
        usual = dict(client.get(url).context["form"].fields["action"].choices)
        assert action.partition(".")[0] in usual

    def test_it_is_read_page_by_page_with_the_filter_kept(self, cast, client, url):
        for number in range(60):
            services.create_bot(COMMAND, cast.organization, f"Bot {number:02}")
        first = client.get(url, {"action": "bot.created"})
        second = client.get(f"{url}{first.context['page']['next_url']}")
        labels = [entry.object_label for entry in first.context["page"]["rows"] + second.context["page"]["rows"]]
        assert labels == [f"Bot {number:02}" for number in reversed(range(60))]
        assert second.context["page"]["next_url"] == ""
        assert second.context["page"]["previous_url"] == f"{url}?action=bot.created"

    @pytest.mark.parametrize(
        "query", ["before=x", "before=-1", "before=9999999999999999999999", "actor=%00", "action=%00", "action=%25"]
    )
    def test_an_address_that_makes_no_sense_is_still_a_page(self, client, url, query):
        assert client.get(f"{url}?{query}").status_code == 200
