"""The application's entry in Django."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CredentialsConfig(AppConfig):
    """Registers the checks that run at every start, and remembers the keys once there are tables."""

    name = "credentials"
    verbose_name = "Credentials"

    def ready(self) -> None:
        from credentials import checks

        post_migrate.connect(checks.remember_keys, sender=self, dispatch_uid="credentials.checks.remember_keys")
