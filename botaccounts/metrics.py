"""`/metrics` for Prometheus. Not for the whole world: a bearer token opens it, or else only this machine itself.

The figures are the database's, so one scrape of any web process tells of all of them and of all workers; see
`credentials/services/figures.py`. What is of the last minutes is a gauge: the database keeps no counters.
"""

import hmac
import ipaddress
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from credentials.services.figures import Figures, figures

# With any of these a request came through a proxy, and its address is the proxy's.
_OF_A_PROXY = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via")


class Collector:
    """The figures as metric families."""

    def __init__(self, found: Figures) -> None:
        self.found = found

    def collect(self) -> Iterator[Metric]:
        found = self.found
        yield gauge("botaccounts_tokens_due", "Tokens whose renewal is due.", found.due)
        yield gauge("botaccounts_tokens_due_oldest_seconds", "For how long the oldest is due.", found.oldest_due)
        yield gauge("botaccounts_tokens_leased", "Tokens that a process is renewing.", found.leased)
        waiting = GaugeMetricFamily(
            "botaccounts_exchanges", "Codes waiting for a worker or with one.", labels=["what", "status"]
        )
        for labels, number in sorted(found.waiting.items()):
            waiting.add_metric(labels, number)
        yield waiting
        recent = GaugeMetricFamily(
            "botaccounts_token_requests_recent",
            "Requests to token endpoints that ended in the last five minutes.",
            labels=["host", "outcome"],
        )
        for labels, number in sorted(found.recent.items()):
            recent.add_metric(labels, number)
        yield recent
        average = GaugeMetricFamily(
            "botaccounts_token_request_seconds_recent_average",
            "Their mean time, of the busiest hosts.",
            labels=["host"],
        )
        for host, seconds in sorted(found.average.items()):
            average.add_metric([host], seconds)
        yield average
        buckets = [(str(bound), float(number)) for bound, number in sorted(found.durations.items())]
        yield GaugeHistogramMetricFamily(
            "botaccounts_token_request_seconds_recent",
            "How long they took.",
            buckets=[*buckets, ("+Inf", float(found.finished))],
            gsum_value=found.total_seconds,
        )
        yield gauge(
            "botaccounts_token_endpoints_down", "Token endpoints that are taken to be down.", found.endpoints_down
        )
        down = GaugeMetricFamily(
            "botaccounts_provider_down", "Whether a token endpoint of the host is taken to be down.", labels=["host"]
        )
        for host, is_down in sorted(found.down.items()):
            down.add_metric([host], is_down)
        yield down
        yield gauge(
            "botaccounts_audit_lag_seconds", "How far the audit log is behind the newest token.", found.audit_lag
        )


def gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """401 for a wrong token, 404 where there is none and the request is from elsewhere, 503 without a database."""
    if settings.METRICS_TOKEN:
        if not has_token(request):
            return HttpResponse("A bearer token is needed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    elif not is_from_this_machine(request):
        return HttpResponse("Not found.\n", status=404)
    try:
        found = figures()
    except DatabaseError:
        return HttpResponse("The database does not answer.\n", status=503)
    registry = CollectorRegistry()
    registry.register(Collector(found))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


def has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), settings.METRICS_TOKEN.encode())


def is_from_this_machine(request: HttpRequest) -> bool:
    """Behind a proxy nobody can tell, so then nobody is."""
    if settings.SECURE_PROXY_SSL_HEADER or any(name in request.headers for name in _OF_A_PROXY):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
