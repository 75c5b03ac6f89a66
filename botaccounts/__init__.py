"""The project: settings, URLs, Celery, and the embedded way to run it. Nothing of the domain lives here."""

from botaccounts.celery import app as celery_app

__all__ = ["celery_app"]
