"""WSGI entry point of the sandbox resource: ``botaccounts.sandbox.wsgi:application``."""

import os

# Not setdefault: importing the `botaccounts` package has already named the product's settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "botaccounts.sandbox.settings"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
