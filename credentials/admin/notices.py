"""Notices, mails, webhooks and what ends when in the Django admin: to find and to look at.

Of a webhook's address only the host is shown: what follows it is often a key.
"""

from urllib.parse import urlsplit

from django.contrib import admin

from credentials.admin.unsealed import UnsealedAdmin
from credentials.models import Ending, MailSwitchedOff, Notice, NoticeMail, Webhook, WebhookDelivery


@admin.register(Ending)
class EndingAdmin(UnsealedAdmin):
    list_display = ["what", "organization", "credential", "service_token", "ends_at", "warn_at"]
    list_filter = ["mend", "ends_at"]
    list_select_related = ["organization", "credential", "service_token"]
    ordering = ["ends_at"]
    search_fields = ["what", "credential__name", "=credential__id", "organization__name", "=organization__id"]


@admin.register(Notice)
class NoticeAdmin(UnsealedAdmin):
    list_display = ["created_at", "organization", "event", "headline"]
    list_filter = ["event", "created_at"]
    list_select_related = ["organization"]
    ordering = ["-created_at"]
    search_fields = ["=id", "headline", "organization__name", "=organization__id"]


@admin.register(NoticeMail)
class NoticeMailAdmin(UnsealedAdmin):
    list_display = ["created_at", "organization", "user", "outcome", "attempts", "due_at", "sent_at"]
    list_filter = ["outcome", "created_at"]
    list_select_related = ["organization", "user"]
    ordering = ["-created_at"]
    search_fields = ["=id", "user__username", "organization__name", "=organization__id"]


@admin.register(MailSwitchedOff)
class MailSwitchedOffAdmin(UnsealedAdmin):
    list_display = ["user", "organization", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["organization", "user"]
    ordering = ["-created_at"]
    search_fields = ["user__username", "organization__name", "=organization__id"]


@admin.register(Webhook)
class WebhookAdmin(UnsealedAdmin):
    fields = ["id", "organization", "service_token", "host", "failures", "blocked_until", "updated_at", "updated_by"]
    list_display = ["host", "organization", "service_token", "failures", "blocked_until", "updated_at"]
    list_filter = ["updated_at"]
    list_select_related = ["organization", "service_token"]
    ordering = ["-updated_at"]
    search_fields = ["=id", "organization__name", "=organization__id", "service_token__name"]

    @admin.display()
    def host(self, webhook: Webhook) -> str:
        return urlsplit(webhook.url).netloc


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(UnsealedAdmin):
    list_display = ["created_at", "organization", "notice", "status", "error", "attempts", "due_at", "delivered_at"]
    list_filter = ["error", "created_at"]
    list_select_related = ["organization", "notice"]
    ordering = ["-created_at"]
    search_fields = ["=notice__id", "=webhook__id", "organization__name", "=organization__id"]
