"""What an organization was told of, and whether the person who looks gets mails of it."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from credentials.models import Notice
from credentials.services import mails
from organizations import pages, policies
from organizations.access import Access, in_organization
from organizations.policies import Action


class Switch(forms.Form):
    """On or off."""

    mails = forms.ChoiceField(choices=[("on", "on"), ("off", "off")])


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_organization(Action.MANAGE_CREDENTIALS)
def notices(request: HttpRequest, access: Access) -> HttpResponse:
    """For those whom mails can be for."""
    if request.method == "POST":
        chosen = Switch(request.POST)
        if chosen.is_valid():
            on = chosen.cleaned_data["mails"] == "on"
            mails.switch(access, on=on)
            return pages.done(request, f"Mails of this organization are {'on' if on else 'off'} for you.", request.path)
    allowed = [str(action) for action in policies.allowed(access.role)]
    rows = Notice.objects.filter(organization=access.organization, action__in=allowed)
    context = {
        "access": access,
        "page": pages.listing(request, rows.order_by("-created_at", "-pk")),
        "wants_mails": mails.wants(access),
        "back_url": reverse("credentials:expiry", args=[access.organization.pk]),
    }
    return render(request, "credentials/notices.html", context)
