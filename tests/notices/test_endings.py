"""What ends when is kept with what ends, and somebody is warned 30, 7 and 1 day before, each once."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from credentials.models import Credential, Ending, Notice
from credentials.services import edit as editing
from credentials.services import endings, refresh, sweep
from credentials.services.add import add
from credentials.types.registry import room
from organizations import services
from organizations.audit import Actor
from organizations.models import AuditEntry, ServiceToken
from tests.notices.conftest import Turn
from tests.support import mutual
from tests.support.journeys import access_of, authorized_credential, new_credential
from tests.support.lying_server import LyingServer, token_answer
from tests.support.people import Cast
from tests.support.pki import issue
from tests.support.tokens import make_due
from tests.types.mutual_samples import PASSWORD, pkcs12_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOWHERE = "https://as.example.com/token"


def whats(credential: Credential) -> dict[str, datetime]:
    return dict(Ending.objects.filter(credential=credential).values_list("what", "ends_at"))


def day(from_now: int) -> str:
    return (timezone.now() + from_now * DAY).date().isoformat()


def make(cast: Cast, days: int, name: str = "") -> Credential:
    """With a client secret that ends so many days and an hour from now."""
    credential = new_credential(cast, NOWHERE, name=name, client_secret_expires_on=day(days))
    at = timezone.now() + days * DAY + timedelta(hours=1)
    Ending.objects.filter(credential=credential).update(ends_at=at, warn_at=endings.next_warning(at, timezone.now()))
    return credential


def resave(cast: Cast, credential: Credential, **entered: Any) -> Credential:
    values = room(credential.kind).entered(credential.payload) | {"client_secret": ""} | entered
    return editing.edit(access_of(cast), credential, version=credential.version, name=credential.name, entered=values)


def test_a_day_entered_for_a_client_secret_is_kept_changed_and_forgotten_with_the_credentials_edits(
    cast: Cast,
) -> None:
    credential = new_credential(cast, NOWHERE, client_secret_expires_on="2031-05-01")
    assert whats(credential) == {"Client secret": datetime(2031, 5, 1, tzinfo=UTC)}
    credential = resave(cast, credential, client_secret_expires_on="2032-05-01")
    assert whats(credential) == {"Client secret": datetime(2032, 5, 1, tzinfo=UTC)}
    assert credential.status_code == "not_authorized"  # the day says nothing about the grant
    resave(cast, credential, client_secret_expires_on="")
    assert whats(credential) == {}


def test_a_day_alone_does_not_end_an_authorization(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    assert resave(cast, credential, client_secret_expires_on="2031-05-01").status == "active"


def test_access_without_a_refresh_token_has_an_end_and_access_that_renews_itself_has_none(
    cast: Cast, token_server: LyingServer
) -> None:
    ending = authorized_credential(cast, token_server, answer={"refresh_token": None})
    assert list(whats(ending)) == ["Access"]
    assert whats(ending)["Access"] == ending.expires_at
    assert whats(authorized_credential(cast, token_server)) == {}


def test_an_edit_that_ends_the_grant_ends_its_row(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server, answer={"refresh_token": None})
    resave(cast, credential, scope="another")
    assert whats(credential) == {}


def test_a_renewal_that_changes_no_end_asks_nothing_about_endings(cast: Cast, token_server: LyingServer) -> None:
    credential = authorized_credential(cast, token_server)
    make_due(credential)
    token_server.on("/token", token_answer("canary-at-2"))
    with CaptureQueriesContext(connection) as queries:
        assert refresh.refresh(credential.pk, actor=Actor.worker()) is refresh.Outcome.RENEWED
    asked = " ".join(each["sql"] for each in queries)
    assert "oauthtoken" in asked
    for table in ("credentials_ending", "credentials_notice", "credentials_webhook"):
        assert table not in asked


def test_the_key_certificate_and_every_trust_certificate_have_an_end(cast: Cast) -> None:
    key, partner = issue("bot.example.com", days=20), issue("Partner CA", authority=True, days=400)
    credential = mutual.save(cast, pkcs12_of(key), partner.pem, password=PASSWORD)
    found = whats(credential)
    assert set(found) == {"Key certificate", "Trust certificate CN=Partner CA"}
    assert found["Key certificate"] == key.certificate.not_valid_after_utc
    assert found["Trust certificate CN=Partner CA"] == partner.certificate.not_valid_after_utc


def test_a_service_token_has_an_end_from_its_creation_on(cast: Cast) -> None:
    token, _ = services.create_service_token(
        Actor.command("demo"), cast.organization, "Shop", timezone.now() + 90 * DAY
    )
    assert Ending.objects.get(service_token=token).ends_at == token.expires_at


def test_the_row_is_written_in_the_transaction_of_the_change(cast: Cast) -> None:
    class Stop(Exception):
        pass

    def rolled_back() -> None:
        with transaction.atomic():
            add(
                access_of(cast),
                credential_id=uuid.uuid4(),
                name="Orders",
                kind="oauth2",
                entered={
                    "grant_type": "client_credentials",
                    "client_id": "c",
                    "client_secret": "s",
                    "token_url": NOWHERE,
                    "client_secret_expires_on": "2031-05-01",
                },
            )
            assert Ending.objects.count() == 1
            raise Stop

    with pytest.raises(Stop):
        rolled_back()
    assert Ending.objects.count() == 0


def test_it_goes_with_its_credential(cast: Cast) -> None:
    make(cast, 40).delete()
    assert not Ending.objects.exists()


def test_each_of_the_three_warnings_is_given_once(cast: Cast, turn: Turn) -> None:
    credential = make(cast, 40, "Orders")
    told: list[str] = []
    for _ in range(45 * 2):
        turn(DAY / 2)
        endings.warn()
        told = [each.headline for each in Notice.objects.order_by("created_at")]
    assert told == [
        "Orders: Client secret ends in 30 days",
        "Orders: Client secret ends in 7 days",
        "Orders: Client secret ends in 1 day",
    ]
    first = Notice.objects.earliest("created_at")
    assert first.path == f"/organizations/{cast.organization.pk}/credentials/{credential.pk}/edit/"
    assert first.data["endings"][0] | {"ends_at": ""} == {
        "credential": str(credential.pk),
        "name": "Orders",
        "what": "Client secret",
        "ends_at": "",
    }
    assert AuditEntry.objects.filter(action="notice.expiring").count() == 3


def test_what_was_near_its_end_when_it_was_entered_is_warned_of_by_the_later_warnings_alone(
    cast: Cast, turn: Turn
) -> None:
    make(cast, 5, "Orders")
    for _ in range(12):
        turn(DAY / 2)
        endings.warn()
    assert [each.headline for each in Notice.objects.all()] == ["Orders: Client secret ends in 1 day"]


def test_after_a_long_stop_one_warning_says_what_is_true_now(cast: Cast, turn: Turn) -> None:
    make(cast, 40, "Orders")
    turn(38 * DAY)
    assert endings.warn() == 1
    assert Notice.objects.get().headline == "Orders: Client secret ends in 2 days"
    turn(10 * DAY)
    assert endings.warn() == 0


def test_a_new_end_is_warned_of_anew_and_the_same_end_is_not(cast: Cast, turn: Turn) -> None:
    credential = new_credential(cast, NOWHERE, client_secret_expires_on=day(32))
    turn(5 * DAY)
    assert endings.warn() == 1
    credential = resave(cast, credential, client_secret_expires_on=day(32))
    assert endings.warn() == 0
    resave(cast, credential, client_secret_expires_on=day(36))
    turn(3 * DAY)
    assert endings.warn() == 1


def test_an_edit_does_not_swallow_a_warning_that_is_due_and_not_yet_given(cast: Cast, turn: Turn) -> None:
    credential = new_credential(cast, NOWHERE, client_secret_expires_on=day(32))
    turn(5 * DAY)
    resave(cast, credential, scope="another")
    assert endings.warn() == 1


def test_what_ends_at_the_same_time_is_one_notice(cast: Cast, turn: Turn) -> None:
    for number in range(60):
        make(cast, 31, f"Orders {number:02}")
    turn(2 * DAY)
    assert endings.warn() == 60
    notice = Notice.objects.get()
    assert notice.headline == "60 things end soon"
    assert notice.text.count("\n") == 49
    assert notice.path == f"/organizations/{cast.organization.pk}/expiry/"
    assert notice.data["count"] == 60


def test_a_service_token_is_the_administrators_business_and_a_revoked_one_nobodys(cast: Cast, turn: Turn) -> None:
    stage = Actor.command("demo")
    for name in ("Shop", "Old shop"):
        services.create_service_token(stage, cast.organization, name, timezone.now() + 31 * DAY)
    services.revoke_service_token(stage, ServiceToken.objects.get(name="Old shop"))
    turn(2 * DAY)
    assert endings.warn() == 1
    notice = Notice.objects.get()
    assert notice.headline.startswith("Shop: Service token ends in")
    assert notice.action == "manage_service_tokens"


def test_the_sweep_warns(cast: Cast) -> None:
    credential = make(cast, 29)
    Ending.objects.filter(credential=credential).update(warn_at=timezone.now() - DAY)
    assert [sweep.tidy().warned for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("entered", ["31.12.2030", "2030-13-01", "0001-01-01", "tomorrow"])
def test_what_is_no_day_is_refused_in_the_form(entered: str) -> None:
    (step,) = room("oauth2").steps({"grant_type": "client_credentials"})
    assert step.form is not None
    assert "client_secret_expires_on" in step.form({"client_secret_expires_on": entered}).errors
