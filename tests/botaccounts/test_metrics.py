"""What Prometheus is told, and who may ask."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from botaccounts import metrics
from credentials.models import Authorization, TokenAttempt, TokenEndpoint
from credentials.models.authorization import AuthorizationStatus
from credentials.models.leased import AttemptState, Grant
from credentials.services import figures, refresh
from organizations import services
from organizations.audit import Actor
from tests.support.credentials import give_token, make_credential
from tests.support.lying_server import error_answer, lying_server, serve, token_answer
from tests.support.plans import scanned

__all__ = ["lying_server", "serve"]

URL = "/metrics"


def scraped(client, **headers):
    """Every sample: (name, labels as a tuple) -> value."""
    response = client.get(URL, headers=headers)
    assert response.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(samples, name, **labels):
    return samples[f"botaccounts_{name}", tuple(sorted(labels.items()))]


@pytest.fixture
def attempts(cast):
    """Write down requests to token endpoints as they ended."""
    credential = make_credential(cast.organization, "Orders")
    token = give_token(credential)

    def make(host, error="", *, seconds=0.2, ago=10, number=1):
        finished = timezone.now() - timedelta(seconds=ago)
        TokenAttempt.objects.bulk_create(
            TokenAttempt(
                token=token,
                organization=cast.organization,
                grant=Grant.REFRESH_TOKEN,
                generation=1,
                host=host,
                state=AttemptState.FAILED if error else AttemptState.APPLIED,
                error=error,
                started_at=finished - timedelta(seconds=seconds),
                finished_at=finished,
            )
            for _ in range(number)
        )

    return make


def test_what_is_due_and_under_way_is_counted(cast, client):
    now = timezone.now()
    for number, minutes in enumerate((90, 1, -5)):
        credential = make_credential(cast.organization, f"Credential {number}")
        give_token(credential, refresh_at=now - timedelta(minutes=minutes))
    leased = make_credential(cast.organization, "Leased")
    give_token(leased, refresh_at=None, lease_until=now + timedelta(seconds=40), lease_owner="somebody")
    Authorization.objects.create(
        credential=leased,
        organization=cast.organization,
        user=cast.alice,
        state_digest="d" * 64,
        nonce_digest="e" * 64,
        status=AuthorizationStatus.RECEIVED,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    samples = scraped(client)
    assert value(samples, "tokens_due") == 2
    assert value(samples, "tokens_due_oldest_seconds") == pytest.approx(5400, abs=30)
    assert value(samples, "tokens_leased") == 1
    assert value(samples, "exchanges", what="authorization", status="received") == 1
    assert value(samples, "exchanges", what="challenge", status="received") == 0


def test_renewals_are_counted_by_host_and_outcome(cast, client, lying_server, settings):
    settings.OUTBOUND_ALLOW = [lying_server.allow_entry]
    lying_server.on("/token", token_answer("canary-at-2"))
    lying_server.on("/gone", error_answer("invalid_grant"))
    for path in ("/token", "/gone"):
        credential = make_credential(cast.organization, path[1:], token_url=lying_server.url(path))
        give_token(credential, refresh_at=timezone.now() - timedelta(seconds=1))
        refresh.refresh(credential.pk, actor=Actor.worker())
    samples = scraped(client)
    assert value(samples, "token_requests_recent", host="127.0.0.1", outcome="ok") == 1
    assert value(samples, "token_requests_recent", host="127.0.0.1", outcome="invalid_grant") == 1
    assert 0 < value(samples, "token_request_seconds_recent_average", host="127.0.0.1") < 15
    assert value(samples, "audit_lag_seconds") < 5


def test_only_the_last_minutes_count_and_how_long_they_took(client, attempts):
    attempts("a.example", seconds=0.2, number=3)
    attempts("a.example", "timeout", seconds=15.5)
    attempts("a.example", ago=3600)
    samples = scraped(client)
    assert value(samples, "token_requests_recent", host="a.example", outcome="ok") == 3
    assert value(samples, "token_requests_recent", host="a.example", outcome="timeout") == 1
    assert value(samples, "token_request_seconds_recent_average", host="a.example") == pytest.approx(4.025)
    within = {
        dict(labels)["le"]: number for (name, labels), number in samples.items() if name.endswith("recent_bucket")
    }
    assert (within["0.1"], within["0.25"], within["15.0"], within["+Inf"]) == (0, 3, 3, 4)


def test_neither_hosts_nor_what_a_provider_says_make_labels_without_end(client, attempts):
    for number in range(figures.HOSTS_AT_MOST + 20):
        attempts(f"h{number}.example", f"made up {number}", number=2 if number < 5 else 1)
    samples = scraped(client)
    requests = {labels: number for (name, labels), number in samples.items() if name.endswith("requests_recent")}
    hosts = {dict(labels)["host"] for labels in requests}
    assert len(hosts) == figures.HOSTS_AT_MOST + 1
    assert {f"h{number}.example" for number in range(5)} | {"other"} <= hosts
    assert {dict(labels)["outcome"] for labels in requests} == {"other"}
    assert sum(requests.values()) == figures.HOSTS_AT_MOST + 25


def test_a_log_that_stays_behind_is_told(cast, client, attempts):
    services.create_bot(Actor.command("test"), cast.organization, "Concierge")
    attempts("a.example", ago=-120)  # stored two minutes after the newest entry
    assert value(scraped(client), "audit_lag_seconds") == pytest.approx(120, abs=10)


def test_a_scrape_costs_the_same_however_much_there_is(cast, client, attempts, django_assert_num_queries):
    def scrape():
        with django_assert_num_queries(12):
            scraped(client)

    scrape()
    for number in range(20):
        attempts(f"h{number}.example")
        make_credential(cast.organization, f"Credential {number}")
    scrape()


def test_a_scrape_goes_through_no_table_that_grows(cast, client):
    # Of the log the newest entry is read, and no other.
    assert scanned(lambda: scraped(client)) <= {"credentials_tokenendpoint", "organizations_auditentry"}


def test_no_secret_and_no_name_is_told(cast, client, attempts):
    attempts("a.example")
    text = client.get(URL).content.decode()
    assert "Orders" not in text
    assert str(cast.organization.pk) not in text


class TestAccess:
    def test_without_a_token_only_this_machine_may_ask(self, db, client, settings):
        assert client.get(URL).status_code == 200
        assert client.get(URL, REMOTE_ADDR="::1").status_code == 200
        for address in ("192.0.2.7", "10.0.0.1", "", "unix:"):
            assert client.get(URL, REMOTE_ADDR=address).status_code == 404
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        assert client.get(URL).status_code == 404

    @pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via", "X-Forwarded-Proto"])
    def test_what_came_through_a_proxy_is_from_elsewhere(self, db, client, name):
        assert client.get(URL, headers={name: "127.0.0.1"}).status_code == 404

    def test_with_a_token_it_is_asked_for_everywhere(self, db, client, settings):
        settings.METRICS_TOKEN = "a scraper's secret"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a scraper's secret"}):
            refused = client.get(URL, headers=headers)
            assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
        right = {"Authorization": "bearer a scraper's secret"}
        assert client.get(URL, headers=right, REMOTE_ADDR="192.0.2.7").status_code == 200
        assert client.get(f"{URL}?token=a+scraper%27s+secret").status_code == 401

    def test_only_reading_is_asked_for(self, client):
        assert client.post(URL).status_code == 405


def test_without_a_database_it_says_so_with_503(client, monkeypatch):
    def down():
        raise OperationalError("connection refused")

    monkeypatch.setattr(metrics, "figures", down)
    assert client.get(URL).status_code == 503


def test_openmetrics_is_spoken_where_it_is_asked_for(db, client):
    response = client.get(URL, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


def test_whose_breaker_is_open_is_told_by_host(client, attempts):
    now = timezone.now()
    attempts("up.example")
    attempts("down.example", "network")
    for host, path, down_since in (
        ("up.example:443", "/token", None),
        ("down.example:443", "/token", now),
        ("down.example:443", "/other", now),
        ("longer.example:8443", "/token", now - timedelta(hours=3)),
    ):
        TokenEndpoint.objects.create(digest=f"{host}{path}", host=host, down_since=down_since)
    samples = scraped(client)
    assert value(samples, "token_endpoints_down") == 3
    told = {
        dict(labels)["host"]: number for (name, labels), number in samples.items() if name.endswith("provider_down")
    }
    assert told == {"up.example": 0, "down.example": 1, "longer.example": 1}


def test_a_thousand_open_breakers_make_no_thousand_labels(client, cast):
    now = timezone.now()
    TokenEndpoint.objects.bulk_create(
        TokenEndpoint(digest=str(number), host=f"h{number:03}.example:443", down_since=now - timedelta(minutes=number))
        for number in range(figures.HOSTS_AT_MOST + 5)
    )
    samples = scraped(client)
    assert value(samples, "token_endpoints_down") == figures.HOSTS_AT_MOST + 5
    told = {dict(labels)["host"] for name, labels in samples if name.endswith("provider_down")}
    assert len(told) == figures.HOSTS_AT_MOST
    assert f"h{figures.HOSTS_AT_MOST + 4:03}.example" in told
    assert "h000.example" not in told
