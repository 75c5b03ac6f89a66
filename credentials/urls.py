"""The pages of an organization's credentials."""

from django.urls import path

from credentials.views import authorize, delete, detail, domains, edit, integrations, listing
from credentials.wizard import views as wizard

app_name = "credentials"

ORGANIZATION = "organizations/<uuid:organization_id>"
CREDENTIAL = f"{ORGANIZATION}/credentials/<uuid:credential_id>"
INTEGRATION = f"{ORGANIZATION}/integrations/<uuid:integration_id>"
DOMAIN = f"{ORGANIZATION}/domains/<uuid:domain_id>"

urlpatterns = [
    path(f"{ORGANIZATION}/credentials/", listing.listing, name="list"),
    path(f"{ORGANIZATION}/credentials/add/", wizard.first, name="add"),
    path(f"{ORGANIZATION}/credentials/add/<uuid:draft_id>/<slug:slug>/", wizard.step, name="add-step"),
    path(f"{CREDENTIAL}/", detail.detail, name="detail"),
    path(f"{CREDENTIAL}/edit/", edit.edit_page, name="edit"),
    path(f"{CREDENTIAL}/authorize/", authorize.authorize, name="authorize"),
    path(f"{CREDENTIAL}/authorizations/<uuid:authorization_id>/", authorize.progress, name="authorization"),
    path(f"{CREDENTIAL}/delete/", delete.delete_page, name="delete"),
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
