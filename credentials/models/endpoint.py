"""A token endpoint, as all organizations together see it: whether it answers, and since when it does not."""

import hashlib
from datetime import datetime
from urllib.parse import urlsplit

from django.db import models


class TokenEndpoint(models.Model):
    """One address (RFC 6749 §3.2) and its breaker. Everything here is about the provider, nothing about a grant.

    `failures` counts the transient failures in a row. `witness` and `witness_organization` are the token (its primary
    key) and the organization of the first of them; `several_tokens` and `several_organizations` say whether others saw
    it too. `down_since` is set while the provider is taken to be down; then one request at a time tries whether it
    answers: `probe_at` is when the next may, `prober` the token for which one is under way, `probes` how many failed.
    `answered_at` is kept to the minute.
    """

    digest = models.CharField(max_length=64, unique=True)
    host = models.CharField(max_length=300)
    failures = models.PositiveIntegerField(default=0)
    first_failed_at = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=100, blank=True)
    witness = models.UUIDField(null=True)
    witness_organization = models.UUIDField(null=True)
    several_tokens = models.BooleanField(default=False)
    several_organizations = models.BooleanField(default=False)
    down_since = models.DateTimeField(null=True)
    probes = models.PositiveIntegerField(default=0)
    probe_at = models.DateTimeField(null=True)
    prober = models.UUIDField(null=True)
    answered_at = models.DateTimeField(null=True)
    # Not a column: the database's time when this row was read.
    read_at: datetime | None = None

    class Meta:
        indexes = [
            models.Index(fields=["down_since"], name="endpoint_down", condition=models.Q(down_since__isnull=False)),
            models.Index(fields=["host"], name="endpoint_of_host"),
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def holds_back(self) -> bool:
        """Whether nobody but a probe may call. Where one token alone uses it, its own back-off is the probing."""
        return self.down_since is not None and self.several_tokens

    def seconds_until_probe(self, now: datetime) -> float:
        return max(0.0, (self.probe_at - now).total_seconds()) if self.probe_at else 0.0


def place_of(url: str) -> tuple[str, str]:
    """(digest, host) of an address. The query does not count; two ports of a machine are two hosts.

    The path does: on a host that many rent, each tenant's path can be out of order by itself.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = f"{(parts.hostname or '').rstrip('.').lower()}:{port}"
    return hashlib.sha256(f"{parts.scheme}://{host}{parts.path}".encode()).hexdigest(), host[:300]
