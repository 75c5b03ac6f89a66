"""Paths below /organizations/."""

from django.urls import include, path

from organizations import views

app_name = "organizations"

_pages = [
    path("bots/", views.bots, name="bots"),
    path("bots/add/", views.bot_add, name="bot-add"),
    path("bots/<uuid:bot_id>/edit/", views.bot_edit, name="bot-edit"),
    path("bots/<uuid:bot_id>/remove/", views.bot_remove, name="bot-remove"),
    path("members/", views.members, name="members"),
    path("members/add/", views.member_add, name="member-add"),
    path("members/<int:member_id>/role/", views.member_role, name="member-role"),
    path("members/<int:member_id>/remove/", views.member_remove, name="member-remove"),
    path("service-tokens/", views.service_tokens, name="service-tokens"),
    path("service-tokens/<uuid:token_id>/revoke/", views.service_token_revoke, name="service-token-revoke"),
    path("activity/", views.activity, name="activity"),
]

urlpatterns = [
    path("", views.organization_list, name="list"),
    path("<uuid:organization_id>/", include(_pages)),
]
