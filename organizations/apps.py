"""The application's entry in Django."""

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Connects the sign-in signals to the audit log when Django has loaded."""

    name = "organizations"
    verbose_name = "Organizations"

    def ready(self) -> None:
        from organizations import sign_in

        sign_in.connect()
