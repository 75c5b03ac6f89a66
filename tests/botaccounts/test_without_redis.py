"""Where there is no Redis, a web process does not load its library, which is larger than any other but Django."""

import os
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

_LOADED = """
import sys
from django.test import Client
from botaccounts.wsgi import application
for path in ("/", "/api/v1/openapi.json", "/health/ready"):
    Client().get(path, headers={"Host": "127.0.0.1"})
print("credentials.api.limit" in sys.modules, "redis" in sys.modules)
"""


@pytest.mark.parametrize(("address", "loaded"), [("", "False"), ("redis://127.0.0.1:1/0", "True")])
def test_its_library_is_loaded_where_there_is_one(address: str, loaded: str) -> None:
    environment = {**os.environ, "REDIS_URL": address}
    command = [sys.executable, "-c", _LOADED]
    printed = subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert printed.stdout.split() == ["True", loaded]
