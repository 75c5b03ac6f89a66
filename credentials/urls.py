"""The pages of an organization's credentials."""

from django.urls import path, re_path

from credentials.views import (
    authorize,
    consumer,
    delete,
    detail,
    domains,
    edit,
    identity_provider,
    integrations,
    listing,
    proving,
    service_tokens,
)
from credentials.wizard import views as wizard

app_name = "credentials"

ORGANIZATION = "organizations/<uuid:organization_id>"
CREDENTIAL = f"{ORGANIZATION}/credentials/<uuid:credential_id>"
INTEGRATION = f"{ORGANIZATION}/integrations/<uuid:integration_id>"
DOMAIN = f"{ORGANIZATION}/domains/<uuid:domain_id>"

urlpatterns = [
    re_path(r"^consumer/(?P<handle>[A-Za-z0-9_-]{20,128})/$", consumer.link, name="consumer-link"),
    path("consumer/result/<uuid:challenge_id>/", consumer.result, name="consumer-result"),
    re_path(r"^callback/(?P<number>[0-9]{1,20})/redirectedCode/?$", consumer.callback, name="consumer-callback"),
    re_path(
        r"^accounts/(?P<number>[0-9]{1,20})/identity-provider/$",
        identity_provider.identity_provider,
        name="identity-provider",
    ),
    path(f"{ORGANIZATION}/credentials/", listing.listing, name="list"),
    path(f"{ORGANIZATION}/credentials/add/", wizard.first, name="add"),
    path(f"{ORGANIZATION}/credentials/add/<uuid:draft_id>/<slug:slug>/", wizard.step, name="add-step"),
    path(f"{CREDENTIAL}/", detail.detail, name="detail"),
    path(f"{CREDENTIAL}/edit/", edit.edit_page, name="edit"),
    path(f"{CREDENTIAL}/authorize/", authorize.authorize, name="authorize"),
    path(f"{CREDENTIAL}/authorizations/<uuid:authorization_id>/", authorize.progress, name="authorization"),
    path(f"{CREDENTIAL}/authorizations/<uuid:authorization_id>/account/", proving.decide, name="decide"),
    path(f"{CREDENTIAL}/refresh/", proving.try_refresh, name="test-refresh"),
    path(f"{CREDENTIAL}/delete/", delete.delete_page, name="delete"),
    path(f"{ORGANIZATION}/service-tokens/add/", service_tokens.add, name="service-token-add"),
    path(f"{ORGANIZATION}/integrations/", integrations.listing, name="integrations"),
    path(f"{ORGANIZATION}/integrations/add/", integrations.add, name="integration-add"),
    path(f"{INTEGRATION}/", integrations.detail, name="integration"),
    path(f"{INTEGRATION}/edit/", integrations.edit, name="integration-edit"),
    path(f"{INTEGRATION}/delete/", integrations.delete, name="integration-delete"),
    path(f"{INTEGRATION}/test/", integrations.send_test, name="integration-test"),
    path(f"{ORGANIZATION}/domains/", domains.listing, name="domains"),
    path(f"{ORGANIZATION}/domains/add/", domains.add, name="domain-add"),
    path(f"{DOMAIN}/", domains.detail, name="domain"),
    path(f"{DOMAIN}/edit/", domains.edit, name="domain-edit"),
    path(f"{DOMAIN}/delete/", domains.delete, name="domain-delete"),
]
