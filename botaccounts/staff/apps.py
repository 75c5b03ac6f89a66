"""The application's entries in Django."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class StaffConfig(AppConfig):
    """Second factors."""

    name = "botaccounts.staff"
    label = "staff"
    verbose_name = "Staff"


class StaffAdminConfig(AdminConfig):
    """Django's admin, behind a second factor."""

    default_site = "botaccounts.staff.site.StaffSite"
