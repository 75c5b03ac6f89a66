"""Staff come into the Django admin with a password and a code, and with nothing less."""

import io
import json
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.test import Client
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY

from botaccounts.staff import services
from botaccounts.staff.models import RECOVERY_CODES, RecoveryCode, SecondFactor
from credentials.crypto.fields import sealed_fields
from organizations.models import AuditEntry
from tests.support.people import PASSWORD, person
from tests.support.second_factor import PAGE, code_of, give_second_factor, secret_on, sign_in_staff

LOCKED = "Wait fifteen minutes"


@pytest.fixture
def root(db):
    user = person("root")
    user.is_staff = user.is_superuser = True
    user.save()
    return user


@pytest.fixture
def client(root):
    """Root, who has given a password and nothing else."""
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def factor(root):
    return give_second_factor(root)


def told():
    return list(AuditEntry.objects.of(None).order_by("position").values_list("action", "object_label"))


def type_code(client, code, query=""):
    return client.post(PAGE + query, {"code": code})


def later(monkeypatch, **delta):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(**delta))


def enrolled(client):
    """Walk through the enrolment; the key and the page with the recovery codes."""
    assert client.post(PAGE, {"step": "begin"}).status_code == 303
    secret = secret_on(client.get(PAGE).content.decode())
    return secret, type_code(client, code_of(secret))


def test_a_password_alone_leads_to_the_enrolment_and_to_nothing_else(root):
    client = Client()
    signed_in = client.post(
        "/admin/login/?next=/admin/auth/user/",
        {"username": "root", "password": PASSWORD, "next": "/admin/auth/user/"},
        follow=True,
        REMOTE_ADDR="192.0.2.1",
    )
    assert signed_in.redirect_chain[-1][0] == f"{PAGE}?next=%2Fadmin%2Fauth%2Fuser%2F"
    assert "Set up a second factor" in signed_in.content.decode()
    for page in ("/admin/", "/admin/auth/user/", f"/admin/auth/user/{root.pk}/change/", "/admin/staff/secondfactor/"):
        answer = client.get(page)
        assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={page}")
    before = User.objects.count()
    client.post("/admin/auth/user/add/", {"username": "spy", "password1": "x" * 20, "password2": "x" * 20})
    assert User.objects.count() == before


def test_enrolling_shows_the_key_until_it_is_confirmed_and_then_never_again(root, client):
    secret, done = enrolled(client)
    codes = done.context["codes"]
    assert len(codes) == len(set(codes)) == RECOVERY_CODES
    assert all(code in done.content.decode() for code in codes)
    assert "no-store" in done["Cache-Control"]
    assert client.get("/admin/").status_code == 200
    again = client.get(PAGE).content.decode()
    assert secret not in again
    assert not any(code in again for code in codes)
    assert told()[-1] == ("second_factor.enrolled", "root")


def test_looking_at_the_enrolment_makes_nothing_and_beginning_again_makes_another_key(client):
    client.get(PAGE)
    assert not SecondFactor.objects.exists()
    client.post(PAGE, {"step": "begin"})
    first = secret_on(client.get(PAGE).content.decode())
    assert secret_on(client.get(PAGE).content.decode()) == first
    client.post(PAGE, {"step": "begin"})
    assert secret_on(client.get(PAGE).content.decode()) != first
    assert SecondFactor.objects.count() == 1


def test_an_unconfirmed_key_opens_nothing(client):
    client.post(PAGE, {"step": "begin"})
    refused = type_code(client, "000000")
    assert refused.status_code == 422
    assert client.get("/admin/").status_code == 302
    assert not RecoveryCode.objects.exists()


def test_a_code_opens_the_admin_for_this_session_and_leads_on(client, factor):
    answer = type_code(client, code_of(factor.secret()), "?next=/admin/auth/user/")
    assert (answer.status_code, answer["Location"]) == (303, "/admin/auth/user/")
    assert client.get("/admin/auth/user/").status_code == 200
    assert told()[-1] == ("second_factor.verified", "root")


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/admin/", "/organizations/", ""])
def test_it_leads_to_a_page_of_the_admin_only(client, factor, target):
    assert type_code(client, code_of(factor.secret()), f"?next={target}")["Location"] == "/admin/"


def test_a_code_is_accepted_once(root, client, factor):
    code = code_of(factor.secret())
    assert type_code(client, code).status_code == 303
    other = Client()
    other.force_login(root)
    assert type_code(other, code).status_code == 422


@pytest.mark.parametrize(("seconds", "accepted"), [(-90, False), (-30, True), (30, True), (90, False)])
def test_a_clock_may_be_half_a_minute_off(client, factor, seconds, accepted):
    code = code_of(factor.secret(), at=time.time() + seconds)
    assert (type_code(client, code).status_code == 303) is accepted


def test_five_wrong_codes_close_it_for_fifteen_minutes_also_for_the_right_one(client, factor, monkeypatch):
    for _ in range(5):
        assert type_code(client, "wrong").status_code == 422
    refused = type_code(client, code_of(factor.secret()))
    assert LOCKED in refused.content.decode()
    assert told().count(("second_factor.refused", "root")) == 6
    later(monkeypatch, minutes=14)
    assert type_code(client, code_of(factor.secret(), at=timezone.now().timestamp())).status_code == 422
    later(monkeypatch, minutes=2)
    assert type_code(client, "wrong").status_code == 422
    assert LOCKED in client.post(PAGE, {"code": "wrong"}).content.decode()
    later(monkeypatch, minutes=16)
    assert type_code(client, code_of(factor.secret(), at=timezone.now().timestamp())).status_code == 303


def test_a_recovery_code_lets_in_once(root, client):
    _, done = enrolled(client)
    code = done.context["codes"][3]
    answers = []
    for typed in (code.upper(), code):
        other = Client()
        other.force_login(root)
        answers.append(type_code(other, typed).status_code)
    assert answers == [303, 422]
    entry = AuditEntry.objects.of(None).filter(action="second_factor.recovery_code_used").get()
    assert entry.details == {"recovery_codes_left": 9}


def test_new_recovery_codes_end_the_old_ones(root, client, monkeypatch):
    secret, done = enrolled(client)
    later(monkeypatch, seconds=60)
    again = type_code(client, code_of(secret, at=timezone.now().timestamp()))
    assert "second_factor.recovery_codes_replaced" in dict(told())
    other = Client()
    other.force_login(root)
    assert type_code(other, done.context["codes"][0]).status_code == 422
    assert type_code(other, again.context["codes"][0]).status_code == 303


def test_somebody_elses_second_factor_opens_nothing(root, client, factor):
    stranger = User.objects.create(username="stranger", is_staff=True)
    other = Client()
    other.force_login(stranger)
    session = other.session
    session[DEVICE_ID_SESSION_KEY] = factor.persistent_id
    session.save()
    assert other.get("/admin/").status_code == 302
    other.post(PAGE, {"step": "begin"})
    assert type_code(other, code_of(factor.secret())).status_code == 422


def test_members_who_are_no_staff_are_told_that_it_is_not_for_them(cast):
    client = Client()
    assert client.get(PAGE)["Location"] == f"/admin/login/?next={PAGE}"
    client.force_login(cast.alice)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"step": "begin"}).status_code == 403
    assert client.get("/admin/login/").status_code == 200
    assert not SecondFactor.objects.exists()


def test_neither_the_key_nor_a_recovery_code_is_in_the_database_or_in_dumpdata(client):
    secret, done = enrolled(client)
    rows = [*SecondFactor.objects.all(), *RecoveryCode.objects.all()]
    dumped = serialize("json", rows) + json.dumps(list(AuditEntry.objects.values()), default=str)
    assert len(rows) == 1 + RECOVERY_CODES
    assert secret.replace(" ", "") not in dumped
    assert not any(code in dumped or code.replace("-", "") in dumped for code in done.context["codes"])
    assert (SecondFactor, "key") in [(model, field.name) for model, field in sealed_fields()]


def test_a_key_that_cannot_be_opened_any_more_accepts_nothing_and_can_be_reset(root, client, factor):
    stranger = SecondFactor.objects.create(user=person("other"), name="x")
    stranger.new_key()
    SecondFactor.objects.filter(pk=factor.pk).update(key=stranger.key)  # moved: sealed for another row
    assert type_code(client, "123456").status_code == 422
    run("root")
    assert client.get(PAGE).status_code == 200


def run(username):
    out = io.StringIO()
    call_command("reset_second_factor", username, stdout=out)
    return out.getvalue()


def test_an_operator_takes_a_lost_one_away_and_the_session_that_had_shown_it_ends_there(root, client):
    enrolled(client)
    assert "is removed" in run("root")
    assert client.get("/admin/").status_code == 302
    entry = AuditEntry.objects.of(None)[0]
    assert (entry.action, entry.actor_id, entry.object_label) == ("second_factor.reset", "reset_second_factor", "root")
    assert "had no second factor" in run("root")
    with pytest.raises(CommandError) as refusal:
        run("nobody")
    assert refusal.value.returncode == 2


def test_other_staff_see_who_has_one_without_its_key_and_can_take_it_away(root, factor):
    other = User.objects.create_superuser("other")
    client = sign_in_staff(Client(), other)
    for page in ("", f"{factor.pk}/change/", "?q=root"):
        answer = client.get(f"/admin/staff/secondfactor/{page}")
        assert answer.status_code == 200
        assert factor.secret() not in answer.content.decode()
        assert "v1:" not in answer.content.decode()
    client.post("/admin/staff/secondfactor/", {"action": "reset", "_selected_action": [factor.pk]})
    assert services.of(root) is None
    entry = AuditEntry.objects.of(None)[0]
    assert (entry.action, entry.actor_label, entry.object_label) == ("second_factor.reset", "other", "root")
