"""IBM Watson: an API key, exchanged for an access token at IBM Cloud's IAM, or the older user name and password.

https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey
"""

from typing import Any
from urllib.parse import urlsplit

from credentials.oauth.client import RawAnswer, Transport, request_extension
from credentials.oauth.errors import OAuthFailure
from credentials.types.base import Fact, UsableToken, Values
from credentials.types.basic import TOKEN_TYPE, encoded_pair
from credentials.types.nlu.document import Unfit, address_of, require, text_of, token_address_of
from credentials.types.nlu.providers import Provider

GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"
IAM_URL = "https://iam.cloud.ibm.com/identity/token"
# private.iam.cloud.ibm.com and the regional ones too.
IAM_HOSTS = ("iam.cloud.ibm.com", ".iam.cloud.ibm.com")
TOKEN_PATH = "/identity/token"  # noqa: S105


class IbmWatson(Provider):
    """Service credentials: `apikey` and `url`, or `username`, `password` and `url`.

    `iam_url` may be added where the API key is exchanged at another address than IBM's public one.
    """

    label = "IBM Watson"
    addresses = ("url", "iam_url")

    def read(self, document: dict[str, Any]) -> dict[str, Any]:
        if not document.get("apikey"):
            if not (document.get("username") or document.get("password")):
                raise Unfit("It lacks apikey (or username and password).")
            require(document, ("username", "password"))
        require(document, ("url",))
        payload = {"url": address_of(document, "url")}
        if document.get("apikey"):
            text_of(document, "apikey")
            return payload | {"iam_url": self._iam_url(document)}
        text_of(document, "password")
        if ":" in text_of(document, "username"):
            raise Unfit("username holds a colon (:), which no user name can.")
        return payload | {"username": document["username"]}

    def _iam_url(self, document: dict[str, Any]) -> str:
        if not document.get("iam_url"):
            return IAM_URL
        url = token_address_of(document, "iam_url", hosts=IAM_HOSTS)
        # IBM's own tools name the host alone.
        return url.rstrip("/") + TOKEN_PATH if urlsplit(url).path in ("", "/") else url

    def secret_texts(self, document: dict[str, Any]) -> list[str]:
        found = [document[name] for name in ("apikey", "password") if isinstance(document.get(name), str)]
        pair = self.permanent_token(document)
        return found + ([pair.access_token] if pair else [])

    def facts(self, payload: Values) -> list[Fact]:
        facts = [Fact("URL", payload["url"], copyable=True)]
        if self.exchanges(payload):
            return [*facts, Fact("IAM URL", payload["iam_url"])]
        return [*facts, Fact("User name", payload["username"])]

    def client_name(self, payload: Values) -> str:
        return str(payload.get("username", "apikey"))

    def token_endpoint(self, payload: Values) -> str:
        return str(payload.get("iam_url", ""))

    def endpoint(self, payload: Values) -> str:
        return str(payload["url"])

    def exchanges(self, payload: Values) -> bool:
        return "iam_url" in payload

    def permanent_token(self, document: dict[str, Any]) -> UsableToken | None:
        """The encoded pair: these older credentials have nothing that is short-lived."""
        if document.get("apikey"):
            return None
        return UsableToken(encoded_pair(document["username"], document["password"]), TOKEN_TYPE)

    def ask(self, document: dict[str, Any], payload: Values, transport: Transport) -> RawAnswer:
        if not self.exchanges(payload):
            raise OAuthFailure("unsupported_grant_type", "There is nothing to exchange.", permanent=True)
        return request_extension(
            payload["iam_url"],
            grant_type=GRANT_TYPE,
            parameters={"apikey": document["apikey"]},
            transport=transport,
        )
