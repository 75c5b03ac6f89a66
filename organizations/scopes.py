"""What a service token may do. Each call of the bots' API wants one of these."""

import enum
from collections.abc import Mapping


class Scope(enum.StrEnum):
    """The names are part of the API: stored with the token, and told to a bot that lacks one."""

    CREDENTIALS_READ = "credentials:read"
    TOKENS_READ = "tokens:read"
    INTEGRATIONS_CALL = "integrations:call"
    CONSUMERS_WRITE = "consumers:write"
    DOMAINS_TRAIN = "domains:train"


HELP: Mapping[Scope, str] = {
    Scope.CREDENTIALS_READ: "See which credentials there are and how they stand. Nothing secret.",
    Scope.TOKENS_READ: "Fetch the token of a credential. Whoever has it can call the resource themselves.",
    Scope.INTEGRATIONS_CALL: "Have an integration called with its credential. The token itself stays here.",
    Scope.CONSUMERS_WRITE: "Hand over consumers who have signed in, and ask consumers to sign in.",
    Scope.DOMAINS_TRAIN: "Fetch access to the engine that a domain is trained on.",
}
