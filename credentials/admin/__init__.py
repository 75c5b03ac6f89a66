"""The Django admin of credentials, for staff. Django imports this package; its modules register themselves."""

from credentials.admin import consumers, credentials, notices, rows

__all__ = ["consumers", "credentials", "notices", "rows"]
