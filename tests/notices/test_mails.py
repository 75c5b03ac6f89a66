"""Mails of notices: to whom, how many, and again when the mail server was away."""

import re
import smtplib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from pytest_django.fixtures import Settings

from credentials.models import MailSwitchedOff, Notice, NoticeMail
from credentials.services import mails, notices, sweep, wake
from organizations import services
from organizations.access import Access, enter
from organizations.audit import Actor
from organizations.models import AuditEntry, Membership, Role
from organizations.policies import Action
from tests.notices.conftest import Turn
from tests.support.credentials import make_credential
from tests.support.people import Cast

pytestmark = pytest.mark.django_db
SECONDS = timedelta(seconds=1)
SOON = 31 * SECONDS


def fail(cast: Cast, name: str = "Orders") -> None:
    credential = make_credential(cast.organization, name)
    notices.needs_somebody(credential, "needs_authorization", "invalid_grant")  # type: ignore[arg-type]


def send() -> int:
    """What the sweep does about mails; how many went out."""
    mails.gather()
    return sum(mails.send(each) for each in sweep.find().mails)


def recipients() -> list[str]:
    return sorted(address for each in mail.outbox for address in each.to)


def inside(cast: Cast) -> Access:
    return enter(cast.bob, cast.organization.pk, Action.MANAGE_CREDENTIALS)


def test_administrators_and_credentials_managers_get_one_mail_each_with_the_way_to_the_button(
    addressed: Cast, turn: Turn, settings: Settings
) -> None:
    fail(addressed)
    turn(SOON)
    assert send() == 2
    assert recipients() == ["alice@example.com", "bob@example.com"]
    first = mail.outbox[0]
    assert first.subject == "[Bot Accounts] Support bots: Orders needs authorization"
    assert f"{settings.PUBLIC_URL}{Notice.objects.get().path}" in first.body
    assert f"/organizations/{addressed.organization.pk}/notices/" in first.body
    assert "you are its administrator" in first.body
    assert first.to == ["alice@example.com"]  # nobody reads who else is told
    turn(timedelta(hours=1))
    assert send() == 0


def test_hundreds_at_once_are_one_mail(addressed: Cast, turn: Turn) -> None:
    for number in range(300):
        notices.provider_down(addressed.organization, f"host{number}.example.com")
    turn(SOON)
    assert send() == 2
    body = mail.outbox[0].body
    assert mail.outbox[0].subject == "[Bot Accounts] Support bots: 300 notices"
    assert body.count(" is down\n") == 20
    assert "And 280 more" in body


def test_the_first_event_waits_for_others_and_then_the_organization_has_a_rest(addressed: Cast, turn: Turn) -> None:
    fail(addressed, "Orders")
    assert send() == 0
    turn(20 * SECONDS)
    fail(addressed, "Stock")
    turn(11 * SECONDS)
    assert send() == 2
    assert all(name in mail.outbox[0].body for name in ("Orders", "Stock"))
    fail(addressed, "Tickets")
    turn(timedelta(minutes=14))
    assert send() == 0
    turn(timedelta(minutes=1))
    assert send() == 2
    assert "Orders" not in mail.outbox[2].body


def test_the_rest_of_one_organization_delays_no_other(addressed: Cast, turn: Turn) -> None:
    fail(addressed)
    turn(SOON)
    send()
    mail.outbox.clear()
    notices.provider_down(addressed.other_organization, "login.example.com")
    turn(SOON)
    assert send() == 1
    assert recipients() == ["charlie@example.com"]


def test_a_person_switches_mails_off_and_on_again_for_one_organization(addressed: Cast, turn: Turn) -> None:
    bob = inside(addressed)
    mails.switch(bob, on=False)
    mails.switch(bob, on=False)
    fail(addressed)
    turn(SOON)
    assert send() == 1
    assert recipients() == ["alice@example.com"]
    mails.switch(bob, on=True)
    assert mails.wants(bob)
    said = AuditEntry.objects.filter(action__startswith="notice.").order_by("position").values_list("action", flat=True)
    assert list(said) == ["notice.mails_switched_off", "notice.mails_switched_on"]


@pytest.mark.parametrize("leave", ["switched off", "role", "member", "inactive", "no address"])
def test_who_is_not_to_be_told_any_more_is_not_though_the_mail_was_waiting(
    addressed: Cast, turn: Turn, leave: str
) -> None:
    fail(addressed)
    turn(SOON)
    mails.gather()
    bob = addressed.bob
    if leave == "switched off":
        MailSwitchedOff.objects.create(user=bob, organization=addressed.organization)
    elif leave == "role":
        Membership.objects.filter(user=bob).update(role=Role.VIEWER)
    elif leave == "member":
        services.remove_member(Actor.command("demo"), Membership.objects.get(user=bob))
    else:
        bob.is_active, bob.email = leave != "inactive", "" if leave == "no address" else bob.email
        bob.save()
    assert send() == 1
    assert recipients() == ["alice@example.com"]
    assert NoticeMail.objects.get(user=bob).outcome == "not wanted any more"
    assert sweep.find().mails == []


def test_service_tokens_are_told_to_administrators_alone(addressed: Cast, turn: Turn) -> None:
    notices.tell(
        addressed.organization,
        notices.Event.EXPIRING,
        headline="Shop: Service token ends in 7 days",
        text="",
        path="/",
        action=Action.MANAGE_SERVICE_TOKENS,
        data={},
    )
    turn(SOON)
    assert send() == 1
    assert recipients() == ["alice@example.com"]


def test_nobody_without_an_address_is_written_to_and_nothing_is_kept_waiting(cast: Cast, turn: Turn) -> None:
    fail(cast)
    turn(SOON)
    assert send() == 0
    assert not Notice.objects.filter(digest=None).exists()


def test_a_mail_server_that_is_away_is_tried_again_with_back_off_and_given_up_after_a_day(
    addressed: Cast, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def refuse(message: EmailMessage, **_: object) -> int:
        tries.append(message.to[0])
        raise smtplib.SMTPServerDisconnected("canary of a mail server")

    fail(addressed)
    turn(SOON)
    mails.gather()
    with monkeypatch.context() as patched:
        patched.setattr(EmailMessage, "send", refuse)
        assert send() == 0
        assert send() == 0  # not before its time
        assert len(tries) == 2
        turn(timedelta(minutes=1))
        send()
        assert len(tries) == 4
    row = NoticeMail.objects.first()
    assert row is not None
    assert (row.attempts, row.outcome) == (2, "SMTPServerDisconnected")
    turn(timedelta(hours=2))
    assert send() == 2
    fail(addressed, "Stock")
    turn(timedelta(minutes=20))
    mails.gather()
    monkeypatch.setattr(EmailMessage, "send", refuse)
    for _ in range(30):
        turn(timedelta(hours=1))
        send()
    before = len(tries)
    turn(timedelta(days=2))
    assert send() == 0
    assert len(tries) == before


def test_a_mail_that_is_being_sent_is_not_sent_by_another(addressed: Cast, turn: Turn) -> None:
    fail(addressed)
    turn(SOON)
    mails.gather()
    waiting = sweep.find().mails
    NoticeMail.objects.update(claimed_until=mails.database_now() + 60 * SECONDS)
    assert sweep.find().mails == []
    assert [mails.send(each) for each in waiting] == [False, False]
    turn(61 * SECONDS)
    assert send() == 2


def test_while_one_worker_talks_to_the_mail_server_no_other_does(
    addressed: Cast, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(addressed)
    turn(SOON)
    mails.gather()
    first, _ = sweep.find().mails
    meanwhile: list[bool] = []
    monkeypatch.setattr(EmailMessage, "send", lambda message: meanwhile.append(mails.send(first)))
    assert mails.send(first)
    assert meanwhile == [False]


def test_a_mail_is_known_by_its_id_should_it_arrive_twice(addressed: Cast, turn: Turn) -> None:
    fail(addressed)
    turn(SOON)
    send()
    ids = {each.extra_headers["Message-ID"] for each in mail.outbox}
    assert ids == {f"<{each.pk}@127.0.0.1>" for each in NoticeMail.objects.all()}


def test_gathering_wakes_a_worker_for_each_mail(
    addressed: Cast,
    turn: Turn,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(wake, "send_mail", woken.append)
    fail(addressed)
    turn(SOON)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        mails.gather()
    assert woken == list(NoticeMail.objects.order_by("user__username").values_list("pk", flat=True))


def test_without_a_mail_server_mails_become_files(
    addressed: Cast, turn: Turn, settings: Settings, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    fail(addressed)
    turn(SOON)
    assert send() == 2
    # Django names a file after the second and the connection's id, so two mails of one second can share one.
    written = "".join(path.read_text() for path in (tmp_path / "mail").iterdir())
    assert written.count("Subject: [Bot Accounts] Support bots: Orders needs authorization\n") == 2
    assert sorted(re.findall(r"^To: (.*)$", written, re.MULTILINE)) == ["alice@example.com", "bob@example.com"]
