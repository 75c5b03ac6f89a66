"""WSGI entry point: ``botaccounts.wsgi:application``."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from botaccounts import arenas, one_core

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "botaccounts.settings")

arenas.share()
application = get_wsgi_application()

from credentials.checks import refuse_to_start_when_misconfigured  # noqa: E402 - it needs the set-up above

refuse_to_start_when_misconfigured()
if settings.WEB_ON_ONE_CORE:
    one_core.settle_at_first_request()
