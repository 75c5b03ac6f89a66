"""The application's entry in Django."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, post_save


class CredentialsConfig(AppConfig):
    """Registers the checks that run at every start, remembers the keys once there are tables, and follows service
    tokens, whose ends are shown beside those of credentials.
    """

    name = "credentials"
    verbose_name = "Credentials"

    def ready(self) -> None:
        from credentials import checks
        from credentials.services import endings

        post_migrate.connect(checks.remember_keys, sender=self, dispatch_uid="credentials.checks.remember_keys")
        post_save.connect(
            endings.keep_service_token,
            sender="organizations.ServiceToken",
            dispatch_uid="credentials.endings.keep_service_token",
        )
