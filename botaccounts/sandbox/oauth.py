"""How the sandbox differs from the toolkit's defaults: the `offline` scope, and a hasher fit for random secrets."""

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from oauth2_provider.oauth2_validators import OAuth2Validator


class SandboxValidator(OAuth2Validator):
    """Issue a refresh token only where `offline` was granted, as large providers do for their own word for it."""

    def _save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        if request.grant_type == "authorization_code" and "offline" not in token["scope"].split():
            token.pop("refresh_token", None)
        super()._save_bearer_token(token, request, *args, **kwargs)

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        """Beside the subject: a name that people know (OpenID Connect Core §5.1)."""
        return {"preferred_username": request.user.get_username()}

    # With whatever scope there is an ID token, the name is in it.
    oidc_claim_scope = None


class RandomSecretHasher(PBKDF2PasswordHasher):
    """PBKDF2 with one round: nobody guesses 128 random characters, and every token request pays for the rounds."""

    algorithm = "random_secret"
    iterations = 1
