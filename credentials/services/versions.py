"""Two people who edit the same row: the later one is told, and overwrites nothing."""

from django.core.exceptions import ValidationError

from credentials.models import ApiIntegration, Domain


def require_version(stored: ApiIntegration | Domain, seen: int | None) -> None:
    """Raises `ValidationError` where somebody has saved the locked row since version `seen` of it was shown.

    None is for whoever has just read the row.
    """
    if seen is not None and seen != stored.version:
        raise ValidationError(
            "Somebody else has saved this meanwhile. Open the page again and repeat your change.",
            code="edited_meanwhile",
        )
