"""Counting what reached the sandbox, by SQL on its file: fast enough for a test to ask between two requests."""

import sqlite3
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Stats:
    """What the sandbox has seen and what it still honours.

    `token_requests` counts every request per grant type, granted or refused; `refused` counts per OAuth error code;
    `refreshes` are granted refreshes; `live_grants` are refresh tokens that still work; `live_access_tokens` are
    access tokens that have not expired.
    """

    token_requests: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    refreshes: int = 0
    live_grants: int = 0
    live_access_tokens: int = 0

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def read_stats(database: Path, client_id: str | None = None) -> Stats:
    """Stats of the whole sandbox, or of one application. Raises sqlite3.OperationalError where the file is missing."""
    who = {"client_id": client_id}
    # A writable connection: the reader of a WAL database may have to create its shared-memory file.
    connection = sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=20)
    try:
        token_requests = dict(
            connection.execute(
                "SELECT grant_type, count(*) FROM sandbox_tokenrequest"
                " WHERE (:client_id IS NULL OR client_id = :client_id) GROUP BY grant_type",
                who,
            ).fetchall()
        )
        refused = dict(
            connection.execute(
                "SELECT error, count(*) FROM sandbox_tokenrequest"
                " WHERE (:client_id IS NULL OR client_id = :client_id) AND status <> 200 GROUP BY error",
                who,
            ).fetchall()
        )
        (refreshes,) = connection.execute(
            "SELECT count(*) FROM sandbox_tokenrequest"
            " WHERE (:client_id IS NULL OR client_id = :client_id) AND grant_type = 'refresh_token' AND status = 200",
            who,
        ).fetchone()
        (live_grants,) = connection.execute(
            "SELECT count(*) FROM oauth2_provider_refreshtoken AS token"
            " JOIN oauth2_provider_application AS application ON application.id = token.application_id"
            " WHERE token.revoked IS NULL AND token.access_token_id IS NOT NULL"
            " AND (:client_id IS NULL OR application.client_id = :client_id)",
            who,
        ).fetchone()
        (live_access_tokens,) = connection.execute(
            "SELECT count(*) FROM oauth2_provider_accesstoken AS token"
            " JOIN oauth2_provider_application AS application ON application.id = token.application_id"
            " WHERE token.expires > :now AND (:client_id IS NULL OR application.client_id = :client_id)",
            {**who, "now": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")},
        ).fetchone()
    finally:
        connection.close()
    return Stats(token_requests, refused, refreshes, live_grants, live_access_tokens)
