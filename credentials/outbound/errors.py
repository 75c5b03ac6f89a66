"""How a request to the outside fails. Each sentence names host and port only: never a path, a query or a secret.

``code`` is the word by which `credentials.oauth` passes the failure on.
"""

import requests


class Blocked(requests.exceptions.ConnectionError):
    """The guard refused the address; nothing was sent."""

    code = "blocked"


class DeadlineExceeded(requests.exceptions.Timeout):
    """The whole exchange (name, connection, TLS, request, headers and body) took longer than it may."""

    code = "timeout"


class TooLarge(requests.exceptions.RequestException):
    """The answer holds more bytes than are accepted, as sent or as unpacked."""

    code = "too_large"


class TlsRefused(requests.exceptions.SSLError):
    """The certificate is not to be trusted, or the two sides cannot agree on TLS."""

    code = "tls"


class Unreachable(requests.exceptions.ConnectionError):
    """No such name, nobody listening, or the conversation broke off."""

    code = "network"


FAILURES = (Blocked, DeadlineExceeded, TooLarge, TlsRefused, Unreachable)
