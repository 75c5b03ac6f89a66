"""What a person enters for an Access Token credential."""

from tests.types.contract import Sample

ACCESS_TOKEN = Sample(
    kind="access_token",
    title="Access Token",
    steps={"token": {"access_token": "canary+/=.token", "token_type": "Zoho-oauthtoken"}},
    secrets=("access_token",),
    labels=("Access Token", "Token Type"),
)
