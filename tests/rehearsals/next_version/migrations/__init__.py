"""The migrations of this version, and those beside this file."""

from credentials import migrations

__path__ = [*migrations.__path__, *__path__]
