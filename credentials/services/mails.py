"""Mails of notices: gathered, so that a thousand events at once are one mail, and sent once to each person.

A mail is a row before it is sent. Whoever claims it by a conditional UPDATE sends it; a process that dies in between
leaves a claim that ends, and the mail goes out again under the same Message-ID.
"""

import smtplib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Min, Q
from django.template.loader import render_to_string
from django.urls import reverse

from credentials.models import MailSwitchedOff, Notice, NoticeMail
from credentials.models.clock import database_now
from credentials.services import backoff, wake
from credentials.services.notices import one_line
from organizations import audit, policies
from organizations.access import Access
from organizations.models import Membership, Organization, Role
from organizations.policies import Action

GATHER = timedelta(seconds=30)  # how long the first event waits for others
APART = timedelta(minutes=15)  # between two mails about one organization
CLAIM = timedelta(minutes=2)
LISTED_AT_MOST = 20
BATCH = 500
# Whom a mail can be for: those who can press the button that mends it.
TOLD = [role for role in Role if policies.allows(role, Action.MANAGE_CREDENTIALS)]


def waiting() -> list[UUID]:
    """Mails that are due and that nobody is sending."""
    now = database_now()
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    due = NoticeMail.objects.filter(free, due_at__lte=now).order_by("due_at")
    return list(due.values_list("pk", flat=True)[:BATCH])


def gather() -> int:
    """Make mails of the notices that wait. How many mails.

    The first event waits half a minute for others; then an organization has a quarter of an hour's rest, and whatever
    happens meanwhile is the next mail.
    """
    now = database_now()
    untold = Notice.objects.filter(digest=None).exclude(action="").order_by().values("organization")
    ripe = untold.annotate(oldest=Min("created_at")).filter(oldest__lte=now - GATHER)
    made = 0
    for organization in Organization.objects.filter(pk__in=ripe.values("organization"))[:BATCH]:
        made += _gather(organization, now)
    return made


def _gather(organization: Organization, now: datetime) -> int:
    with transaction.atomic():
        # Two sweeps at once: the second waits here, and then finds the mails of the first.
        list(Organization.objects.select_for_update(no_key=True).filter(pk=organization.pk).values_list("pk"))
        if NoticeMail.objects.filter(organization=organization, created_at__gt=now - APART).exists():
            return 0
        digest = uuid4()
        waiting_ones = Notice.objects.filter(organization=organization, digest=None).exclude(action="")
        told = set(waiting_ones.values_list("action", flat=True).distinct())
        if not waiting_ones.update(digest=digest):
            return 0
        mails = [
            NoticeMail(organization=organization, user=person, digest=digest, due_at=now, created_at=now)
            for person, role in people_to_tell(organization)
            if any(policies.allows(role, Action(action)) for action in told)
        ]
        for mail in NoticeMail.objects.bulk_create(mails):
            transaction.on_commit(partial(wake.send_mail, mail.pk))
    return len(mails)


def people_to_tell(organization: Organization) -> list[tuple[User, Role]]:
    """Administrators and credentials managers with an address, who have not switched mails off."""
    members = (
        Membership.objects.filter(organization=organization, role__in=TOLD, user__is_active=True)
        .exclude(user__email="")
        .exclude(user__in=MailSwitchedOff.objects.filter(organization=organization).values("user"))
        .select_related("user")
    )
    return [(each.user, Role(each.role)) for each in members.order_by("pk")]


def send(mail_id: UUID) -> bool:
    """Send one mail, if it is due and nobody else does. False where nothing was sent."""
    now = database_now()
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    if not NoticeMail.objects.filter(free, pk=mail_id, due_at__lte=now).update(claimed_until=now + CLAIM):
        return False
    mail = NoticeMail.objects.select_related("organization__account", "user").get(pk=mail_id)
    message = written(mail)
    if message is None:
        # Somebody left, changed roles or switched mails off after it was gathered.
        _over(mail, "not wanted any more")
        return False
    try:
        message.send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        _later(mail, type(error).__name__)
        return False
    _over(mail, "sent", sent_at=database_now())
    return True


def written(mail: NoticeMail) -> EmailMessage | None:
    """The mail, from what is true now; None where there is nobody or nothing to write to."""
    organization = mail.organization
    role = next((role for person, role in people_to_tell(organization) if person.pk == mail.user_id), None)
    if role is None:
        return None
    allowed = [str(action) for action in policies.allowed(role)]
    notices = Notice.objects.filter(digest=mail.digest, action__in=allowed).order_by("created_at", "pk")
    shown, total = list(notices[:LISTED_AT_MOST]), notices.count()
    if not shown:
        return None
    context = {
        "organization": one_line(organization.name),
        "account": one_line(str(organization.account)),
        "notices": [{"headline": each.headline, "text": each.text, "url": address(each.path)} for each in shown],
        "more": total - len(shown),
        "all_url": address(reverse("credentials:notices", args=[organization.pk])),
        "role": role.label.lower(),
    }
    return EmailMessage(
        subject=subject(organization, shown, total),
        body=render_to_string("mail/notices.txt", context),
        to=[mail.user.email],
        headers={"Message-ID": f"<{mail.pk}@{settings.ALLOWED_HOSTS[0]}>", "Auto-Submitted": "auto-generated"},
    )


def subject(organization: Organization, notices: Sequence[Notice], total: int) -> str:
    said = notices[0].headline if total == 1 else f"{total} notices"
    return one_line(f"[Bot Accounts] {organization.name}: {said}")[:200]


def address(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"


def _over(mail: NoticeMail, outcome: str, *, sent_at: datetime | None = None) -> None:
    NoticeMail.objects.filter(pk=mail.pk).update(
        due_at=None, claimed_until=None, outcome=outcome, sent_at=sent_at, attempts=mail.attempts + 1
    )


def _later(mail: NoticeMail, reason: str) -> None:
    """A mail server's own words may hold an address: only the kind of the failure is kept."""
    moment = backoff.next_try(database_now(), mail.attempts + 1, since=mail.created_at)
    NoticeMail.objects.filter(pk=mail.pk).update(
        due_at=moment, claimed_until=None, outcome=reason[:100], attempts=mail.attempts + 1
    )


def wants(access: Access) -> bool:
    """Whether this person gets mails of this organization's notices."""
    return not MailSwitchedOff.objects.filter(user=access.user, organization=access.organization).exists()


def switch(access: Access, *, on: bool) -> None:
    """A person decides for themselves."""
    access.require(Action.MANAGE_CREDENTIALS)
    with transaction.atomic():
        rows = MailSwitchedOff.objects.filter(user=access.user, organization=access.organization)
        if on:
            changed = bool(rows.delete()[0])
        else:
            _, changed = MailSwitchedOff.objects.get_or_create(user=access.user, organization=access.organization)
        if changed:
            audit.record(access.organization, access.actor, f"notice.mails_switched_{'on' if on else 'off'}")
