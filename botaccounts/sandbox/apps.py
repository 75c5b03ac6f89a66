"""The sandbox's one application: the ledger of token requests."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "botaccounts.sandbox"
    label = "sandbox"
    default_auto_field = "django.db.models.BigAutoField"
