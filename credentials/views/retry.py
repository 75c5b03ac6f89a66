"""*Retry now*: a person wants a token renewed though the resource was taken to be down."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from credentials.services import activation
from credentials.services.refresh import Outcome, retry_now
from credentials.views.find import find_credential
from organizations.access import Access, in_organization
from organizations.pages import SeeOther
from organizations.policies import Action

SAYS = {
    Outcome.RENEWED: (messages.SUCCESS, "The access token has been renewed."),
    Outcome.WAIT: (messages.WARNING, "The resource did not answer this time either. It is asked again by itself."),
    Outcome.ENDED: (messages.ERROR, "The resource answered, and refused to renew the access token."),
}
MEANWHILE = (messages.INFO, "The access token is being renewed, or has just been.")


@require_POST
@in_organization(Action.MANAGE_CREDENTIALS)
def retry(request: HttpRequest, access: Access, credential_id: UUID) -> HttpResponse:
    """Ask now, in this request: it takes as long as the resource takes to answer, at most 15 seconds."""
    credential = find_credential(access, credential_id)
    try:
        activation.require_active(credential)
        level, said = SAYS.get(retry_now(credential, actor=access.actor), MEANWHILE)
    except activation.Deactivated as refusal:
        level, said = messages.ERROR, str(refusal)
    messages.add_message(request, level, said)
    return SeeOther(reverse("credentials:detail", args=[access.organization.pk, credential.pk]))
