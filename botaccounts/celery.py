"""The Celery application. A task carries ids only; the database sweep finds what a lost message left behind."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "botaccounts.settings")

app = Celery("botaccounts")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
