"""What is told, and what is not: one notice an event, written with the event."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from credentials.models import Credential, Notice, WebhookDelivery
from credentials.models.notice import Event
from credentials.services import notices, refresh, sweep
from organizations.audit import Actor
from tests.support import mutual
from tests.support.credentials import make_credential
from tests.support.journeys import authorized_credential, new_credential, received_authorization
from tests.support.lying_server import LyingServer, error_answer
from tests.support.people import Cast
from tests.support.pki import issue
from tests.support.tokens import at_once, change_token, make_due, make_ended
from tests.support.windows import authorize, come_back, window
from tests.types.mutual_samples import PASSWORD, pkcs12_of

pytestmark = pytest.mark.django_db
WORKER = Actor.worker()
HOST = "login.example.com"


def events() -> list[str]:
    return list(Notice.objects.order_by("created_at").values_list("event", flat=True))


def renew(credential: Credential) -> None:
    make_due(credential)
    refresh.refresh(credential.pk, actor=WORKER)


def test_a_grant_that_was_revoked_is_told_once_without_the_providers_words(
    cast: Cast, token_server: LyingServer
) -> None:
    credential = authorized_credential(cast, token_server, name="Orders")
    token_server.on("/token", error_answer("invalid_grant", "words of a careless provider"))
    for _ in range(2):
        renew(credential)
    notice = Notice.objects.get()
    assert notice.event == Event.NEEDS_AUTHORIZATION
    assert notice.headline == "Orders needs authorization"
    assert "Click Authorize" in notice.text
    assert notice.path == f"/organizations/{cast.organization.pk}/credentials/{credential.pk}/"
    assert notice.data == {
        "credential": str(credential.pk),
        "name": "Orders",
        "status": "needs_authorization",
        "error": "invalid_grant",
    }
    assert "words of a careless" not in f"{notice.text}{notice.headline}{notice.data}"


def test_a_client_that_is_refused_for_good_is_told_as_failed(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, name="Orders")
    token_server.on("/token", error_answer("invalid_client", status=401))
    renew(credential)
    assert events() == ["credential.failed"]


def test_what_passes_by_itself_is_not_told_even_when_the_token_has_ended(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    token_server.on("/token", error_answer("server_error", status=503))
    make_ended(credential)
    refresh.refresh(credential.pk, actor=WORKER)
    credential.refresh_from_db()
    assert (credential.status, events()) == ("failed", [])


def test_access_that_ended_is_told_once(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, answer={"refresh_token": None})
    change_token(credential, expires_at=timezone.now() - timedelta(seconds=1))
    Credential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for _ in range(2):
        sweep.tidy()
    assert events() == ["credential.needs_authorization"]


def test_a_key_certificate_that_ended_is_told_as_failed(cast: Cast) -> None:
    credential = mutual.save(cast, pkcs12_of(issue("bot.example.com", days=20)), password=PASSWORD)
    Credential.objects.filter(pk=credential.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    sweep.tidy()
    assert events() == ["credential.failed"]


def test_what_happens_before_a_persons_eyes_is_not_told(cast: Cast, token_server: LyingServer) -> None:
    credential = new_credential(cast, token_server.url("/token"))
    bob = window(cast.bob)
    come_back(bob, credential, state=authorize(bob, credential).state, error="access_denied")
    token_server.on("/token", error_answer("invalid_grant"))
    received_authorization(cast, credential)
    sweep.tidy()
    assert events() == []


def test_a_change_that_is_rolled_back_tells_nobody(cast: Cast) -> None:
    class Stop(Exception):
        pass

    def rolled_back() -> None:
        with transaction.atomic():
            assert notices.provider_down(cast.organization, HOST)
            raise Stop

    with pytest.raises(Stop):
        rolled_back()
    assert events() == []


def test_a_provider_is_told_down_once_however_many_credentials_say_so_and_back_once(cast: Cast) -> None:
    told = [notices.provider_down(cast.organization, HOST, credentials=1000) for _ in range(1000)]
    assert told == [True, *[False] * 999]
    assert "1000 credentials" in Notice.objects.get().text
    back = [notices.provider_back(cast.organization, HOST) for _ in range(3)]
    assert back == [True, False, False]
    assert notices.provider_down(cast.organization, HOST)
    assert events() == ["provider.down", "provider.back", "provider.down"]


def test_each_provider_and_each_organization_is_told_of_its_own(cast: Cast) -> None:
    assert notices.provider_down(cast.organization, HOST)
    assert notices.provider_down(cast.organization, "other.example.com")
    assert notices.provider_down(cast.other_organization, HOST)
    assert not notices.provider_back(cast.other_organization, "other.example.com")


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_find_a_provider_down_at_once_one_tells(cast: Cast) -> None:
    told = at_once([lambda: notices.provider_down(cast.organization, HOST) for _ in range(8)])
    assert sorted(told) == [False] * 7 + [True]
    assert events() == ["provider.down"]


def test_a_name_cannot_break_the_line_of_a_subject(cast: Cast) -> None:
    credential = make_credential(cast.organization, "Orders\r\nBcc: everybody@example.com\u202e" + "x" * 200)
    notices.needs_somebody(credential, credential.status, "invalid_grant")  # type: ignore[arg-type]
    headline = Notice.objects.get().headline
    assert headline.isprintable()
    assert headline.startswith("Orders Bcc: everybody@example.com x")


def test_old_notices_go_and_open_ones_stay(cast: Cast) -> None:
    for host in ("a.example.com", "b.example.com"):
        notices.provider_down(cast.organization, host)
    notices.provider_back(cast.organization, "b.example.com")
    Notice.objects.update(created_at=timezone.now() - timedelta(days=91))
    sweep.tidy()
    assert [each.headline for each in Notice.objects.all()] == ["a.example.com is down"]
    assert not WebhookDelivery.objects.exists()
