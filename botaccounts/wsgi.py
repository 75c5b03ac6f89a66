"""WSGI entry point: ``botaccounts.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "botaccounts.settings")

application = get_wsgi_application()
