"""The Django admin of credentials, for staff. Django imports this package; its modules register themselves."""

from credentials.admin import consumers, notices, rows

__all__ = ["consumers", "notices", "rows"]
