"""The product's settings with a bare view mounted beside it, for benchmarks alone."""

from botaccounts.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.bare_urls"
