"""What every type does whose requests carry an access token (RFC 6750 §2.1), whoever the token belongs to."""

import requests

from credentials.types.base import CredentialType, Decorator, Material, UsableToken


class CarriesToken(CredentialType):
    """The token sent as `Authorization: TYPE TOKEN`."""

    def authenticator(self, material: Material) -> requests.auth.AuthBase:
        token = self.token(material)
        return Decorator({"Authorization": f"{token.token_type} {token.access_token}"})

    def attached(self, material: Material) -> list[str]:
        return [f"Authorization: {self.token(material).token_type} ••••"]

    def token(self, material: Material) -> UsableToken:
        token = material.token
        if token is None:
            raise LookupError(f"A credential of {self.label} was used before it had a token.")
        # RFC 6749 §7.1: the type is case-insensitive. Resources are stricter, so it is sent as RFC 6750 spells it.
        token_type = "Bearer" if token.token_type.lower() == "bearer" else token.token_type
        return UsableToken(token.access_token, token_type, token.scope)
