"""Organizations in the Django admin: staff open accounts and organizations, find everything, and see no secret.

Every change goes through `services.py`, as the pages' do, and is in the audit log. Service tokens can be revoked and
the audit log read; neither can be edited.
"""

from django.contrib import admin

from organizations.admin import log, organizations, people, service_tokens

__all__ = ["log", "organizations", "people", "service_tokens"]

admin.site.site_header = "Bot Accounts"
admin.site.site_title = "Bot Accounts"
admin.site.index_title = "Administration"
