"""Names that people give."""

from django.core.exceptions import ValidationError


def valid_name(name: str, field: str = "name") -> str:
    """The name without spaces around it. Raises `ValidationError` at `field` where it is none."""
    name = name.strip()
    if not name:
        raise ValidationError({field: "Give a name."})
    if any(character in name for character in "\x00\r\n"):
        raise ValidationError({field: "A name is one line."})
    return name
