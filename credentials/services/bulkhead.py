"""How many requests may be under way to one provider, so that a slow one never delays another organization's tokens.

Counted by the live leases at a host, which every process sees. A host that has answered and is quick may have many; one
that failed last, that was never asked, or at which a request has hung for a while gets few. Bots that ask for an ended
token are counted, and the workers make room for them; they are turned away only where several requests hang already, so
that a hung provider does not take all the threads of the web processes either.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from credentials.models import TokenEndpoint
from credentials.models.clock import database_now
from credentials.models.leased import LeasedToken
from credentials.services import endpoints, lease
from credentials.services.breaker import Held, pass_or_hold
from credentials.services.endpoints import NONE_UNDER_WAY, UnderWay
from credentials.services.lease import Lease

# Requests at a host that is not trusted to be quick.
CAREFUL = 4
# Requests that hang at a host, from which on bots are told to come again.
HANGING = 8
ROOM_AGAIN_SECONDS = 2.0


def is_trusted(endpoint: TokenEndpoint, there: UnderWay) -> bool:
    """Whether its last answer came, and nothing hangs there now."""
    return endpoint.answered_at is not None and not endpoint.failures and not there.slow


def room_at(endpoint: TokenEndpoint, there: UnderWay) -> int:
    """How many more requests may begin."""
    return max(0, (settings.REFRESHES_PER_HOST if is_trusted(endpoint, there) else CAREFUL) - there.calls)


def has_room(endpoint: TokenEndpoint, now: datetime, *, on_demand: bool = False) -> bool:
    there = endpoints.under_way(now).get(endpoint.host, NONE_UNDER_WAY)
    return there.slow < HANGING if on_demand else room_at(endpoint, there) > 0


def enter(token: LeasedToken, url: str, *, on_demand: bool, insist: bool) -> tuple[Lease, TokenEndpoint] | None:
    """Claim the lease where the provider is up and has room. None where somebody else has it. Raises `Held`.

    `on_demand`: a bot waits for it. `insist`: a person does, and wants it tried whatever the breaker says.
    """
    with transaction.atomic():
        endpoint = endpoints.found(url, lock=True)
        now = endpoint.read_at = database_now()
        has_to_wait = not (insist or has_room(endpoint, now, on_demand=on_demand))
        token.endpoint = endpoint
        claimed = lease.claim(token)
        if claimed is None:
            return None
        # What is raised from here on takes the claim back.
        if has_to_wait:
            raise Held("the resource has enough requests to answer", ROOM_AGAIN_SECONDS)
        if not insist:
            pass_or_hold(endpoint, token.pk, now)
        return claimed, endpoint
