"""The pages of an organization's API integrations: list, add, one, edit, delete, *Send test request*."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from credentials import runtime
from credentials.models import ApiIntegration
from credentials.services import call, integrations
from credentials.services.call import CallResult
from credentials.services.variables import MissingVariable, UnsafeValue, check_url_template
from credentials.types.registry import UnknownType
from credentials.views.addresses import url_of
from credentials.views.attached import Attached, attached
from credentials.views.find import find_integration
from credentials.views.integration_form import IntegrationForm, VariablesForm
from organizations import pages
from organizations.access import Access, in_organization
from organizations.pages import FormPage, accepted, confirm, done, posted, show_form
from organizations.policies import Action

get_or_post = require_http_methods(["GET", "HEAD", "POST"])
BODY_START = 2000  # characters
WHY_NO_ANSWER = {
    "blocked": "The address leads into a network that may not be called. The operator can allow it.",
    "interrupted": "The resource broke off in the middle of its answer.",
    "invalid_request": "The request cannot be written as HTTP. Check the URL and the headers.",
    "timeout": "The resource did not answer within 20 seconds.",
    "tls": "The resource's TLS certificate is not trusted.",
    "too_large": "The answer is larger than one megabyte.",
    "unreachable": "Nobody answers at this address.",
}


@dataclass(frozen=True)
class Row:
    """One integration in the list."""

    name: str
    bot: str
    method: str
    host: str
    detail_url: str
    attached: Attached | None


@dataclass(frozen=True)
class Tried:
    """How a test request went; `detail` says why there was no answer."""

    success: bool = False
    status: int = 0
    milliseconds: int = 0
    attempts: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body_start: str = ""
    attached: list[str] = field(default_factory=list)
    detail: str = ""


@require_safe
@in_organization(Action.SEE_INTEGRATIONS)
def listing(request: HttpRequest, access: Access) -> HttpResponse:
    rows = (
        ApiIntegration.objects.filter(organization=access.organization)
        .select_related("bot", "credential__token")
        .order_by("bot__name", "name", "pk")
    )
    context = {
        "access": access,
        "page": pages.listing(request, rows, shown=lambda integration: row(access, integration)),
        "can_manage": access.may(Action.MANAGE_INTEGRATIONS),
        "add_url": url_of("integration-add", access),
    }
    return render(request, "credentials/integrations/list.html", context)


def row(access: Access, integration: ApiIntegration) -> Row:
    return Row(
        name=integration.name,
        bot=integration.bot.name,
        method=integration.method,
        host=urlsplit(check_url_template(integration.url)).netloc,
        detail_url=url_of("integration", access, integration.pk),
        attached=attached(access, integration.credential),
    )


@get_or_post
@in_organization(Action.MANAGE_INTEGRATIONS)
def add(request: HttpRequest, access: Access) -> HttpResponse:
    form = IntegrationForm(posted(request), access)
    made: list[ApiIntegration] = []
    if accepted(form, lambda: made.append(integrations.create(access, form.definition()))):
        return done(request, f"Integration {made[0].name} was added.", url_of("integration", access, made[0].pk))
    page = FormPage("Add an integration", "Add integration", url_of("integrations", access))
    return show_form(request, access, form, page)


@get_or_post
@in_organization(Action.MANAGE_INTEGRATIONS)
def edit(request: HttpRequest, access: Access, integration_id: UUID) -> HttpResponse:
    integration = find_integration(access, integration_id)
    form = IntegrationForm(posted(request), access, integration)
    back = url_of("integration", access, integration.pk)

    def save() -> None:
        seen, confirmed = form.cleaned_data["version"], form.confirmed_origin
        integrations.edit(access, integration, form.definition(), version=seen, confirmed_origin=confirmed)

    if accepted(form, save):
        return done(request, f"Integration {form.cleaned_data['name']} was saved.", back)
    return show_form(request, access, form, FormPage(f"Edit {integration.name}", "Save", back))


@get_or_post
@in_organization(Action.MANAGE_INTEGRATIONS)
def delete(request: HttpRequest, access: Access, integration_id: UUID) -> HttpResponse:
    """Delete it, after a question."""
    integration = find_integration(access, integration_id)
    back = url_of("integration", access, integration_id)
    text = "The bot can no longer make this call. The credential stays."
    page = FormPage(f"Delete “{integration.name}”?", "Delete integration", back, text, danger=True)
    said, after = f"Integration {integration.name} was deleted.", url_of("integrations", access)
    return confirm(request, access, page, lambda: integrations.delete(access, integration), said, after=after)


@never_cache
@require_safe
@in_organization(Action.SEE_INTEGRATIONS)
def detail(request: HttpRequest, access: Access, integration_id: UUID) -> HttpResponse:
    integration = find_integration(access, integration_id)
    return show_one(request, access, integration, VariablesForm(None, integration))


@never_cache
@require_POST
@in_organization(Action.CALL_INTEGRATIONS)
def send_test(request: HttpRequest, access: Access, integration_id: UUID) -> HttpResponse:
    """*Send test request*: a real call, whose result is shown once."""
    integration = find_integration(access, integration_id)
    form = VariablesForm(request.POST, integration)
    result = tried(access, integration, form) if form.is_valid() else None
    return show_one(request, access, integration, form, result)


def tried(access: Access, integration: ApiIntegration, form: VariablesForm) -> Tried | None:
    """None where the variables are to be corrected first."""
    try:
        return shown(call.send_test(access, integration, form.values()))
    except (MissingVariable, UnsafeValue) as refusal:
        form.add_error("variables", str(refusal))
        return None
    except runtime.NeedsAuthorization as reason:
        return Tried(detail=f"Nothing was sent. The credential needs authorization: {reason}.")
    except runtime.ConsumerNotAuthenticated:
        return Tried(detail="Nothing was sent. The credential acts for a consumer, whom only a bot's call can name.")
    except runtime.Unavailable as reason:
        return Tried(detail=f"Nothing was sent. The access token has ended and cannot be renewed right now: {reason}.")
    except UnknownType:
        return Tried(detail="Nothing was sent. The credential's type is not known to this version.")


def shown(result: CallResult) -> Tried:
    return Tried(
        success=result.success,
        status=result.status,
        milliseconds=round(result.seconds * 1000),
        attempts=result.attempts,
        headers=sorted(result.headers.items()),
        body_start=result.body[:BODY_START],
        attached=result.attached,
        detail=WHY_NO_ANSWER.get(result.error, result.error),
    )


def show_one(
    request: HttpRequest,
    access: Access,
    integration: ApiIntegration,
    form: VariablesForm,
    result: Tried | None = None,
) -> HttpResponse:
    context = {
        "access": access,
        "integration": integration,
        "credential": attached(access, integration.credential),
        "form": form,
        "result": result,
        "can_manage": access.may(Action.MANAGE_INTEGRATIONS),
        "list_url": url_of("integrations", access),
        "edit_url": url_of("integration-edit", access, integration.pk),
        "delete_url": url_of("integration-delete", access, integration.pk),
        "test_url": url_of("integration-test", access, integration.pk) if access.may(Action.CALL_INTEGRATIONS) else "",
    }
    return render(request, "credentials/integrations/detail.html", context, status=422 if form.errors else 200)
