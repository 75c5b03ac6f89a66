"""What a person enters for an OAuth 2.0 credential, once for each grant."""

from tests.types.contract import Sample

_CLIENT = {
    "client_id": "3MVG9lKcPoNINVBIPJjdw1J9LLM82HnFVVX19KY1uA5mu0QqEWhqKpoW3svG3X",
    "client_secret": " canary p%a+s:s word/&=? ",
    "scope": "read_only offline_access",
    "token_url": "https://login.example.com/services/oauth2/token",
    "client_authentication": "body",
    "client_secret_expires_on": "2031-05-01",
}

AUTHORIZATION_CODE = Sample(
    kind="oauth2",
    title="OAuth 2.0, Authorization Code",
    first={"grant_type": "authorization_code"},
    steps={
        "resource": {
            **_CLIENT,
            "auth_url": "https://login.example.com/services/oauth2/authorize?prompt=login",
            "use_pkce": "on",
            "authorization_parameters": "access_type=offline\naudience=https://api.example.com/",
        }
    },
    secrets=("client_secret",),
    labels=(
        "Client ID",
        "Client Secret",
        "Scope",
        "Auth URL",
        "Token URL",
        "Use PKCE",
        "Client authentication",
        "Authorization parameters",
        "Secret expires on",
    ),
    final_action="Authorize",
)

CLIENT_CREDENTIALS = Sample(
    kind="oauth2",
    title="OAuth 2.0, Client Credentials",
    first={"grant_type": "client_credentials"},
    steps={"resource": {**_CLIENT, "token_parameters": "audience=https://api.example.com/"}},
    secrets=("client_secret",),
    labels=(
        "Client ID",
        "Client Secret",
        "Scope",
        "Token URL",
        "Client authentication",
        "Token parameters",
        "Secret expires on",
    ),
    final_action="Authorize",
)
