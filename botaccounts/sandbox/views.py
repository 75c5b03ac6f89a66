"""Pages and OAuth endpoints of the sandbox resource, on top of django-oauth-toolkit's."""

import base64
import binascii
import json
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit, urlunsplit

from django import forms
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, UpdateView
from oauth2_provider import views as toolkit
from oauth2_provider.models import Application
from oauth2_provider.settings import oauth2_settings

from botaccounts.sandbox import OTHER_USERNAME, SAMPLE_PASSWORD, SAMPLE_USERNAME
from botaccounts.sandbox.models import TokenRequest
from botaccounts.sandbox.registration import register


def home(request: HttpRequest) -> HttpResponse:
    """What this is, which addresses a credential needs, and who may sign in."""
    context = {
        "origin": request.build_absolute_uri("/").rstrip("/"),
        "username": SAMPLE_USERNAME,
        "other_username": OTHER_USERNAME,
        "password": SAMPLE_PASSWORD,
        "lifetime": oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS,
        "scopes": oauth2_settings.SCOPES.items(),
    }
    return render(request, "sandbox/home.html", context)


def live(request: HttpRequest) -> HttpResponse:
    """200 as soon as a process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


class Authorize(toolkit.AuthorizationView):
    """The consent page. It always asks, and every answer that goes back carries `iss` (RFC 9207)."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # The toolkit lets the client ask for "auto"; here only the person decides.
        query = request.GET.copy()
        query.pop("approval_prompt", None)
        request.GET = query  # type: ignore[assignment]
        return super().get(request, *args, **kwargs)

    def redirect(self, redirect_to: str, application: Any) -> HttpResponse:
        # The toolkit adds `iss` to successful answers; RFC 9207 section 2 wants it on error answers as well.
        issuer = oauth2_settings.oauth2_authorization_server_issuer(self.request)
        return super().redirect(with_issuer(redirect_to, issuer), application)


class OpenIdConfiguration(toolkit.ConnectDiscoveryInfoView):
    """OpenID Connect's document. It says what the one of RFC 8414 says as well: whoever reads one needs no other."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        own = super().get(request, *args, **kwargs)
        plain = toolkit.OAuthServerMetadataView.as_view()(request)
        own.content = json.dumps({**json.loads(plain.content), **json.loads(own.content)}).encode()
        return own


def with_issuer(url: str, issuer: str) -> str:
    """`url` with exactly one `iss` query parameter, `issuer` (RFC 9207 section 2)."""
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "iss"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("iss", issuer)])))


class Token(toolkit.TokenView):
    """The token endpoint. One request at a time, so a replayed refresh token can never win a race; all are recorded."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().post(request, *args, **kwargs)
            TokenRequest.objects.create(
                client_id=_named_client(request)[:255],
                grant_type=request.POST.get("grant_type", "")[:100],
                status=response.status_code,
                error=_error_code(response)[:100],
            )
        return response


def _named_client(request: HttpRequest) -> str:
    """The client id that a token request states, by Basic (RFC 6749 section 2.3.1) or in its body; "" for none."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request.POST.get("client_id", "")
    try:
        decoded = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return unquote_plus(decoded.partition(":")[0])


def _error_code(response: HttpResponse) -> str:
    if response.status_code == 200:
        return ""
    try:
        answer = json.loads(response.content)
    except ValueError:
        return "unreadable"
    return str(answer.get("error", ""))


class RegistrationForm(forms.ModelForm):
    """What a person states to register an application; id and secret are ours to make."""

    authorization_grant_type = forms.ChoiceField(
        label="Grant type",
        choices=[
            (Application.GRANT_AUTHORIZATION_CODE, "Authorization code"),
            (Application.GRANT_CLIENT_CREDENTIALS, "Client credentials"),
        ],
    )

    def clean(self) -> dict[str, Any] | None:
        self.instance.client_type = Application.CLIENT_CONFIDENTIAL
        return super().clean()

    class Meta:
        model = Application
        fields = ("name", "authorization_grant_type", "redirect_uris")
        labels = {"redirect_uris": "Redirect URI"}
        help_texts = {"redirect_uris": "Where people come back after consent. Leave it empty for client credentials."}
        widgets = {"redirect_uris": forms.TextInput()}


@method_decorator(never_cache, name="dispatch")
class RegisterApplication(LoginRequiredMixin, FormView):
    """Register an application and show its client id and secret: the secret this once, for it is stored hashed."""

    form_class = RegistrationForm
    template_name = "oauth2_provider/application_registration_form.html"

    def form_valid(self, form: forms.ModelForm) -> HttpResponse:
        registered = register(
            name=form.cleaned_data["name"],
            grant=form.cleaned_data["authorization_grant_type"],
            redirect_uris=form.cleaned_data["redirect_uris"],
            owner=self.request.user,
            # Where it is asked for: nobody without the scope openid gets one.
            id_tokens=form.cleaned_data["authorization_grant_type"] == Application.GRANT_AUTHORIZATION_CODE,
        )
        return render(self.request, "sandbox/registered.html", {"registered": registered})


class UpdateApplication(LoginRequiredMixin, UpdateView):
    """Change an application's name and redirect URI."""

    template_name = "oauth2_provider/application_form.html"
    context_object_name = "application"
    form_class = RegistrationForm

    def get_queryset(self) -> Any:
        return Application.objects.filter(user=self.request.user)

    def get_success_url(self) -> str:
        return str(self.object.get_absolute_url())
