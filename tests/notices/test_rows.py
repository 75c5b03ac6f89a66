"""The rows behind notices: for staff to look at, filled for what was there before, and mails by the environment."""

import importlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from credentials.models import Ending, MailSwitchedOff, Notice, NoticeMail, Webhook, WebhookDelivery
from credentials.services import mails, notices
from organizations import services
from organizations.audit import Actor
from tests.notices.conftest import Turn
from tests.support import mutual, preloaded
from tests.support.environment import scratch_environment
from tests.support.journeys import authorized_credential
from tests.support.lying_server import LyingServer
from tests.support.people import Cast
from tests.support.pki import issue
from tests.support.second_factor import sign_in_staff
from tests.types.mutual_samples import PASSWORD, pkcs12_of

MODELS = (Ending, MailSwitchedOff, Notice, NoticeMail, Webhook, WebhookDelivery)
FROM = "Bot Accounts <bot-accounts@bots.example.com>"
SETTINGS = """
import json
from botaccounts import settings as s
names = ("BACKEND", "FILE_PATH", "HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL")
print(json.dumps({name: getattr(s, f"EMAIL_{name}") for name in names} | {"FROM": s.DEFAULT_FROM_EMAIL}))
"""


@pytest.fixture
def one_of_each(addressed: Cast, hook: tuple[Webhook, str], turn: Turn) -> str:
    """The secret of the webhook."""
    services.create_service_token(
        Actor.command("demo"), addressed.organization, "Shop", timezone.now() + timedelta(days=3)
    )
    notices.provider_down(addressed.organization, "login.example.com")
    turn(timedelta(minutes=1))
    mails.gather()
    MailSwitchedOff.objects.create(user=addressed.bob, organization=addressed.organization)
    return hook[1]


@pytest.mark.django_db
def test_staff_find_and_see_every_row_without_a_secret_and_change_nothing(one_of_each: str) -> None:
    staff = sign_in_staff(Client(), User.objects.create_superuser("root"))
    for model in MODELS:
        row = model._base_manager.first()
        assert row is not None, model
        name = f"admin:credentials_{model._meta.model_name}"
        shown = [
            staff.get(reverse(f"{name}_changelist"), {"q": str(row.organization.pk)}),
            staff.get(reverse(f"{name}_change", args=[row.pk])),
        ]
        text = "".join(page.content.decode() for page in shown)
        assert [page.status_code for page in shown] == [200, 200], model
        assert shown[0].context["cl"].result_count >= 1, model
        for secret in (one_of_each, "v1:", "canary"):
            assert secret not in text, model
        before = model._base_manager.values().get(pk=row.pk)
        assert staff.get(reverse(f"{name}_add")).status_code == 403
        assert staff.post(reverse(f"{name}_change", args=[row.pk]), {"url": "x"}).status_code == 403
        assert staff.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        assert model._base_manager.values().get(pk=row.pk) == before


@pytest.mark.django_db
def test_what_was_there_before_endings_were_kept_gets_the_same_ones(cast: Cast, token_server: LyingServer) -> None:
    authorized_credential(cast, token_server, answer={"refresh_token": None})
    authorized_credential(cast, token_server)
    trust = issue("Partner CA", authority=True, days=400)
    mutual.save(cast, pkcs12_of(issue("bot.example.com", days=20)), trust.pem, password=PASSWORD)
    services.create_service_token(Actor.command("demo"), cast.organization, "Shop", timezone.now() + timedelta(days=60))

    def rows() -> list[Any]:
        names = ("organization", "credential", "service_token", "what", "mend", "ends_at", "warn_at")
        return list(Ending.objects.order_by("what").values_list(*names))

    kept = rows()
    assert [row[3] for row in kept] == ["Access", "Key certificate", "Service token", "Trust certificate CN=Partner CA"]
    Ending.objects.all().delete()
    importlib.import_module("credentials.migrations.0007_fill_endings").fill(apps, None)
    assert rows() == kept


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "",
            {"BACKEND": "filebased", "FILE_PATH": "{var}/mail", "FROM": FROM},
        ),
        (
            "smtp+tls://bots%40example.com:p%3Aw@mail.example.com:587",
            {"BACKEND": "smtp", "HOST": "mail.example.com", "PORT": 587, "HOST_USER": "bots@example.com"}
            | {"HOST_PASSWORD": "p:w", "USE_TLS": True, "USE_SSL": False, "FILE_PATH": None},
        ),
        ("filemail:///{var}/elsewhere", {"BACKEND": "filebased", "FILE_PATH": "/{var}/elsewhere"}),
    ],
)
def test_where_mails_go_is_said_by_the_environment(tmp_path: Path, url: str, said: dict[str, object]) -> None:
    var = str(tmp_path).lstrip("/") if url else str(tmp_path)
    env = scratch_environment(
        EMAIL_URL=url.format(var=var), VAR_DIR=str(tmp_path), PUBLIC_URL="https://bots.example.com", SECRET_KEY="x"
    )
    done = preloaded.run(["-c", SETTINGS], env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    found["BACKEND"] = found["BACKEND"].split(".")[-2]
    expected = {name: value.format(var=var) if isinstance(value, str) else value for name, value in said.items()}
    assert found.items() >= expected.items()
