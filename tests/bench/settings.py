"""The product's settings with bare views mounted beside it, for benchmarks alone.

What the product is held against is Django as it comes: on SQLite its own backend, which opens a connection for each
request where the product's keeps a few.
"""

from botaccounts.settings import *  # noqa: F403
from botaccounts.settings import DATABASES

ROOT_URLCONF = "tests.bench.bare_urls"
if DATABASES["default"]["ENGINE"] == "organizations.sql.sqlite":
    DATABASES["djangos_own"] = DATABASES["default"] | {"ENGINE": "django.db.backends.sqlite3"}
