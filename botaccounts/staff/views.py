"""The page of a person's second factor: set it up, show it, renew its recovery codes."""

from typing import Any

import django_otp
import segno
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from botaccounts.staff import services
from botaccounts.staff.forms import CodeForm, CodeOrRecoveryForm
from botaccounts.staff.models import SecondFactor
from credentials.crypto.envelope import Unsealable
from organizations.pages import SeeOther

WRONG = "This code is wrong, was used already, or is too old. Wait for the next one and try again."
LOCKED = "Too many wrong codes. Wait fifteen minutes, then try again."


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required(login_url="admin:login")
def second_factor(request: HttpRequest) -> HttpResponse:
    """What there is to do depends on what the person has: nothing, a new key, or a second factor."""
    if not isinstance(request.user, User) or not request.user.is_staff:
        raise PermissionDenied
    factor = services.of(request.user)
    if factor is None:
        return enrol(request, request.user)
    if not request.user.is_verified():  # type: ignore[attr-defined]  # what django-otp's middleware adds
        return verify(request, request.user, factor)
    return manage(request, request.user, factor)


def enrol(request: HttpRequest, user: User) -> HttpResponse:
    """Two steps: *Begin* makes a key, which is shown until a first code of it is typed, and never again."""
    if request.POST.get("step") == "begin":
        services.begin(user)
        return SeeOther(request.get_full_path())
    factor = services.being_set_up(user)
    if factor is None:
        return page(request, {"stage": "begin"})
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        confirmed = services.confirm(user, form.cleaned_data["code"])
        if confirmed is not None:
            factor, codes = confirmed
            django_otp.login(request, factor)
            return page(request, {"stage": "codes", "codes": codes, "target": target(request)})
        refuse(form, user)
    try:
        address, secret = factor.address(), factor.secret()
    except Unsealable:
        return page(request, {"stage": "begin"})
    shown = {
        "stage": "enrol",
        "qr": segno.make(address).svg_data_uri(scale=5, dark="black", light="white"),
        "secret": grouped(secret),
    }
    return page(request, {**shown, "form": form})


def verify(request: HttpRequest, user: User, factor: SecondFactor) -> HttpResponse:
    """Once in a session."""
    form = CodeOrRecoveryForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if verified := services.verify(user, form.cleaned_data["code"]):
            request.session.cycle_key()
            django_otp.login(request, verified)
            return SeeOther(target(request))
        refuse(form, user)
    return page(request, {"stage": "verify", "form": form})


def manage(request: HttpRequest, user: User, factor: SecondFactor) -> HttpResponse:
    """New recovery codes, for a code."""
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        codes = services.replace_recovery_codes(user, form.cleaned_data["code"])
        if codes is not None:
            return page(request, {"stage": "codes", "codes": codes, "target": reverse("admin:index")})
        refuse(form, user)
    left = factor.recovery_codes.filter(used_at=None).count()
    return page(request, {"stage": "manage", "form": form, "left": left, "factor": factor})


def refuse(form: CodeForm, user: User) -> None:
    factor = SecondFactor.objects.filter(user=user).first()
    form.add_error("code", LOCKED if factor is not None and factor.is_locked() else WRONG)


def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    form = context.get("form")
    status = 422 if form is not None and form.errors else 200
    return render(request, "staff/second_factor.html", {**context, "next": request.GET.get("next", "")}, status=status)


def target(request: HttpRequest) -> str:
    """A page of the admin to go on to; nothing that a link from elsewhere could choose."""
    wanted = request.GET.get("next", "")
    inside = wanted.startswith(reverse("admin:index")) and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if inside else reverse("admin:index")


def grouped(secret: str) -> str:
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
