"""Consumer Pre-Authentication: the consumer signed in before the conversation; a bot's call carries their token."""

from collections.abc import Sequence
from typing import Any

from credentials.types.base import Fact, Step, TokenOwner, Values
from credentials.types.bearer import CarriesToken


class ConsumerPreAuthentication(CarriesToken):
    """Has nothing of its own: the account's identity provider and its consumers' tokens are the account's."""

    kind = "consumer_pre_authentication"
    label = "Consumer Pre-Authentication"
    icon = "person-check"
    token_owner = TokenOwner.CONSUMER
    one_per_account = True

    def steps(self, first: Values) -> tuple[Step, ...]:
        return ()

    def split(self, entered: Values) -> tuple[dict[str, Any], dict[str, Any]]:
        return {}, {}

    def entered(self, payload: Values) -> dict[str, Any]:
        return {}

    def facts(self, payload: Values, configured: Sequence[str]) -> list[Fact]:
        return [Fact("Consumers' tokens", "kept for the whole account; renewed by themselves when they expire")]
