"""The page of a webhook: its address, its secret once, a test, and what was sent. For administrators."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from credentials.models import Webhook, WebhookDelivery
from credentials.services import webhooks as service
from credentials.views.presentation import asks_again
from organizations.access import Access, in_organization
from organizations.forms import ConfirmForm
from organizations.models import ServiceToken
from organizations.pages import FormPage, accepted, done, posted, show_form
from organizations.policies import Action

ERRORS = {
    "blocked": "the address leads into a private network that may not be called",
    "gone": "it answered 410: it wants no more of this message",
    "host_changed": "not sent: the webhook leads to another host now",
    "http_error": "",
    "network": "it could not be reached",
    "secrets_unreadable": "the stored secret cannot be opened; make a new one",
    "timeout": "it did not answer within 10 seconds",
    "tls": "its certificate was not accepted",
    "too_large": "its answer was too large",
}


class UrlForm(forms.Form):
    """Where messages go. Whether it may be called is for the service to say."""

    url = forms.CharField(
        label="URL",
        max_length=2000,
        help_text="An https:// address that takes POST requests. Another host gets a secret of its own.",
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false", "autocomplete": "off"}),
    )


@dataclass(frozen=True)
class Logged:
    """One message of the log."""

    id: UUID
    event: str
    at: object
    tone: str
    word: str
    detail: str
    next_at: object = None


@dataclass(frozen=True)
class Place:
    """Whose webhook it is: the organization's, or a service token's."""

    access: Access
    token: ServiceToken | None

    def url(self, name: str = "webhook") -> str:
        organization_id = self.access.organization.pk
        if self.token is None:
            return reverse(f"credentials:{name}", args=[organization_id])
        return reverse(f"credentials:token-{name}", args=[organization_id, self.token.pk])

    def found(self) -> Webhook:
        webhook = service.find(self.access, self.token)
        if webhook is None:
            raise Http404("There is no webhook here.")
        return webhook

    @property
    def title(self) -> str:
        return f"Webhook of {self.token.name}" if self.token else "Webhook"


PlacedView = Callable[[HttpRequest, Place], HttpResponse]


def placed(view: PlacedView) -> Callable[..., HttpResponse]:
    """Turn `view(request, place)` into a view of the organization's path and of a service token's."""

    def entered(request: HttpRequest, access: Access, token_id: UUID | None = None) -> HttpResponse:
        token = service.find_service_token(access, token_id) if token_id else None
        return view(request, Place(access, token))

    return never_cache(in_organization(Action.MANAGE_WEBHOOKS)(entered))  # type: ignore[return-value]


@placed
def _webhook(request: HttpRequest, place: Place) -> HttpResponse:
    stored = service.find(place.access, place.token)
    form = UrlForm(posted(request), initial={"url": stored.url} if stored else None)
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = service.save(place.access, place.token, form.cleaned_data["url"])
        except service.NotAnAddress as refusal:
            form.add_error("url", str(refusal))
        except service.SetUpMeanwhile:
            form.add_error(None, "Somebody else has set it up meanwhile. Open the page again.")
        else:
            return (
                shown_once(request, place, secret) if secret else done(request, "The webhook was saved.", place.url())
            )
    is_shown = not asks_again(request, "log")
    if stored and is_shown:
        service.tell_view(place.access, stored)
    context = {
        "access": place.access,
        "place": place,
        "form": form,
        "webhook": stored,
        "secret_is_shown": stored and is_shown,
        "signed_twice_until": stored and service.signed_twice_until(stored),
        "log": [logged(each) for each in service.log(stored)] if stored else [],
        "test_url": place.url("webhook-test"),
        "secret_url": place.url("webhook-secret"),
        "remove_url": place.url("webhook-remove"),
        "back_url": back_url(place),
    }
    return render(request, "credentials/webhook.html", context, status=422 if form.errors else 200)


webhook = require_http_methods(["GET", "HEAD", "POST"])(_webhook)


def back_url(place: Place) -> str:
    name = "organizations:service-tokens" if place.token else "credentials:expiry"
    return reverse(name, args=[place.access.organization.pk])


def shown_once(request: HttpRequest, place: Place, secret: str) -> HttpResponse:
    """The only page that ever holds the secret: the answer to the POST that made it."""
    context = {"access": place.access, "place": place, "plaintext": secret, "back": place.url()}
    return render(request, "credentials/webhook_secret.html", context)


@placed
def _replace_secret(request: HttpRequest, place: Place) -> HttpResponse:
    stored = place.found()
    if request.method == "POST":
        return shown_once(request, place, service.replace_secret(place.access, stored))
    text = (
        "Messages are signed with the new one and, for 24 hours, with the present one too: give the new one to whoever "
        "receives them within that time."
    )
    return show_form(
        request, place.access, ConfirmForm(), FormPage("Make a new secret?", "New secret", place.url(), text)
    )


replace_secret = require_http_methods(["GET", "HEAD", "POST"])(_replace_secret)


@placed
def _send_test(request: HttpRequest, place: Place) -> HttpResponse:
    service.send_test(place.access, place.found())
    return done(request, "A test event is on its way; see below what comes of it.", place.url())


send_test = require_POST(_send_test)


@placed
def _remove(request: HttpRequest, place: Place) -> HttpResponse:
    stored = place.found()
    text = "Nothing is sent there any more. Messages that wait are not sent, and the log goes with it."
    page = FormPage("Remove the webhook?", "Remove webhook", place.url(), text, danger=True)
    form = ConfirmForm(posted(request))
    if accepted(form, lambda: service.remove(place.access, stored)):
        return done(request, "The webhook was removed.", place.url())
    return show_form(request, place.access, form, page)


remove = require_http_methods(["GET", "HEAD", "POST"])(_remove)


def logged(delivery: WebhookDelivery) -> Logged:
    said = ERRORS.get(delivery.error, "")
    if delivery.status is not None:
        said = said or f"it answered {delivery.status}"
    times = f"{delivery.attempts} attempts" if delivery.attempts > 1 else ""
    took = f"{delivery.milliseconds} ms" if delivery.milliseconds is not None else ""
    tone, word = "busy", "Waiting"
    if delivery.delivered_at:
        tone, word = "ok", "Delivered"
    elif delivery.due_at is None:
        tone, word = "bad", "Given up"
    elif delivery.attempts:
        tone, word = "warn", "Will be sent again"
    return Logged(
        id=delivery.notice_id,
        event=delivery.notice.event,
        at=delivery.created_at,
        tone=tone,
        word=word,
        detail=", ".join(part for part in (said, took, times) if part),
        next_at=delivery.due_at if delivery.attempts and delivery.due_at and delivery.due_at > timezone.now() else None,
    )
