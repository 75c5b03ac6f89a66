"""What a person enters for the credentials that carry consumers' tokens."""

from tests.types.contract import Sample

PRE_AUTHENTICATION = Sample(kind="consumer_pre_authentication", title="Consumer Pre-Authentication")

CALLBACK = "https://bots.example.com/callback/12345566/redirectedCode"
AUTHENTICATION = Sample(
    kind="consumer_authentication",
    title="Consumer Authentication",
    steps={
        "authentication": {
            "authentication_url": "https://login.example.com/authorize?client_id=34e83335186541078261d83c6d050a32"
            f"&response_type=code&redirect_uri={CALLBACK}&scope=user-read-private"
        }
    },
    labels=("Authentication URL",),
    redirect_uri=CALLBACK,
)
