"""The sandbox as it is, but tokens, codes and client secrets that it issues hold the mark by which they are found.

A token request takes TOKEN_REQUEST_TAKES seconds longer, where the environment says so.

`tests.support.marked_sandbox:application` instead of `botaccounts.sandbox.wsgi:application`.
"""

import os
import time
from typing import Any

from oauthlib.common import generate_token
from oauthlib.oauth2.rfc6749.grant_types import AuthorizationCodeGrant

from botaccounts.sandbox import wsgi
from botaccounts.sandbox.settings import OAUTH2_PROVIDER
from tests.support.canary import MARK

TAKES = float(os.environ.get("TOKEN_REQUEST_TAKES", "0"))


def application(environ: Any, start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/o/token/":
        time.sleep(TAKES)
    return wsgi.application(environ, start_response)


def token(request: Any, refresh_token: bool = False) -> str:
    """An access or a refresh token, or a code."""
    return MARK + str(generate_token())


class ClientSecret:
    def hash(self) -> str:
        return MARK + str(generate_token(100))


def _with_a_marked_code(grant: AuthorizationCodeGrant, request: Any) -> dict[str, str]:
    """The toolkit has no setting for codes."""
    return {**_create_code(grant, request), "code": token(request)}


_create_code = AuthorizationCodeGrant.create_authorization_code
AuthorizationCodeGrant.create_authorization_code = _with_a_marked_code
OAUTH2_PROVIDER |= {
    "ACCESS_TOKEN_GENERATOR": f"{__name__}.token",
    "REFRESH_TOKEN_GENERATOR": f"{__name__}.token",
    "CLIENT_SECRET_GENERATOR_CLASS": f"{__name__}.ClientSecret",
}
