"""Staff with a second factor: in a test's client at once, or by the way through the pages."""

import base64
import re
import time

from django.contrib.auth.models import User
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import totp

from botaccounts.staff.models import SecondFactor
from tests.support.journeys import Visitor

PAGE = "/admin/second-factor/"


def give_second_factor(user: User) -> SecondFactor:
    """A confirmed second factor with a key and no recovery codes."""
    factor = SecondFactor.objects.create(user=user, name="authenticator app")
    factor.new_key()
    factor.save()
    return factor


def sign_in_staff(client: Client, user: User) -> Client:
    """The client as somebody of staff whose session has shown a second factor."""
    client.force_login(user)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = give_second_factor(user).persistent_id
    session.save()
    return client


def code_of(secret: str, *, at: float | None = None) -> str:
    """What an authenticator app with this key (base32, spaces do not matter) shows now, or at a Unix time."""
    key = base64.b32decode(secret.replace(" ", ""))
    return f"{totp(key, t0=int(time.time() - at) if at is not None else 0):06}"


def secret_on(page: str) -> str:
    """The key that the page of the enrolment shows."""
    found = re.search(r'<code class="mono break">([A-Z2-7 ]+)</code>', page)
    assert found, page
    return found[1]


def enrol(visitor: Visitor) -> str:
    """Walk through the enrolment in a running product; the key."""
    visitor.step(visitor.post(PAGE, {"step": "begin"}))
    secret = secret_on(visitor.get(PAGE).text)
    done = visitor.post(PAGE, {"code": code_of(secret), "step": ""})
    assert "Recovery codes" in done.text, done.text
    return secret
