"""WSGI entry point: ``botaccounts.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

from botaccounts import arenas

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "botaccounts.settings")

arenas.share()
application = get_wsgi_application()

from botaccounts import write_ahead_log  # noqa: E402 - both need the set-up above
from credentials.checks import refuse_to_start_when_misconfigured  # noqa: E402

write_ahead_log.keep_open()
refuse_to_start_when_misconfigured()
