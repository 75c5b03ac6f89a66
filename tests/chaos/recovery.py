"""After a round: wait until the house stands again, and then look at everything that must not have happened."""

import hashlib
import time
import uuid

from tests.chaos.asks import PairOf, TokenOf, everything, of_consumers
from tests.chaos.cast import credential_owner
from tests.chaos.grants import Grant
from tests.chaos.house import House
from tests.chaos.ledger import Ledger
from tests.chaos.people import Alice, Stopped
from tests.support.processes import answers

DEADLINE = 60.0  # seconds; in real time it is two minutes, most of which the rounds do not wait for
LOOK_EVERY = 0.1
SWEEP_EVERY = 0.7
OF_CONSUMERS = "a consumer's attempt is not over"
# What has to be nowhere before a round is over: each row says what is wrong with it.
UNSETTLED = {
    "a token is due": "SELECT 1 FROM credentials_oauthtoken WHERE refresh_at <= CURRENT_TIMESTAMP",
    "a token backs off": "SELECT 1 FROM credentials_oauthtoken WHERE failures > 0 AND refresh_at IS NOT NULL",
    "a lease is held": "SELECT 1 FROM credentials_oauthtoken WHERE lease_until IS NOT NULL",
    "a consumer's lease is held": "SELECT 1 FROM credentials_consumertoken WHERE lease_until IS NOT NULL",
    "an attempt is not over": "SELECT 1 FROM credentials_tokenattempt WHERE finished_at IS NULL",
    OF_CONSUMERS: "SELECT 1 FROM credentials_consumertokenattempt WHERE finished_at IS NULL",
    "an exchange is not over": "SELECT 1 FROM credentials_authorization WHERE status IN ('received', 'exchanging')",
    "a provider is held to be down": "SELECT 1 FROM credentials_tokenendpoint WHERE down_since IS NOT NULL",
    "a message waits for a webhook": "SELECT 1 FROM credentials_webhookdelivery WHERE due_at IS NOT NULL",
    "a credential has failed": "SELECT 1 FROM credentials_credential WHERE status = 'failed'",
}
_ASKED_TOGETHER = " UNION ALL ".join(
    f"SELECT '{what.replace(chr(39), chr(39) * 2)}' WHERE EXISTS ({statement})" for what, statement in UNSETTLED.items()
)


def unsettled(house: House) -> str:
    """What is still to be done; "" where nothing is."""
    if found := house.inside.rows(_ASKED_TOGETHER):
        return str(found[0][0])
    if waiting := house.waiting():
        return f"{waiting} messages in the queue"
    return "" if house.is_idle() else "a worker has a task"


def settle(house: House, ledger: Ledger) -> None:
    """Let time pass, sweep, and let bots ask for consumers, until nothing is left to do."""
    deadline = time.monotonic() + DEADLINE
    swept = 0.0
    consumers = list(of_consumers(house.cast))
    while True:
        what = unsettled(house)
        if not what or what == OF_CONSUMERS:
            # Consumers' tokens are renewed, and what was left of a renewal is finished, when somebody asks.
            consumers = [ask for ask in consumers if ask.ask(house.product.url, house.resource.grants, ledger) >= 500]
            if not consumers and not what:
                return
            what = what or "a consumer's token cannot be had"
        ledger.waited_for[what] += 1
        if time.monotonic() > deadline:
            ledger.problem("queue", f"{what} {house.queued()}")
            return
        house.time_passes()
        if time.monotonic() > swept + SWEEP_EVERY:
            swept = time.monotonic()
            house.sweep()
        time.sleep(LOOK_EVERY)


def recover(house: House, alice: Alice, ledger: Ledger) -> None:
    """Start what was killed, wait, count what went wrong, and put right what only a person can."""
    for name in house.died():
        if name not in house.killed:
            ledger.problem("died", f"{name}: {house.product.logs(name)[-1500:]}")
    house.supervise()
    wait_until_ready(house, ledger)
    settle(house, ledger)
    judge_authorizations(house, ledger)
    judge_grants(house, alice, ledger)
    look_at_everything(house, alice, ledger)
    look_inside(house, ledger)
    house.killed.clear()


def wait_until_ready(house: House, ledger: Ledger) -> None:
    deadline = time.monotonic() + DEADLINE
    while not all(answers(f"{url}/health/ready") for url in house.product.urls):
        if time.monotonic() > deadline:
            ledger.problem("5xx after", "a web process does not become ready")
            return
        time.sleep(LOOK_EVERY)


def judge_grants(house: House, alice: Alice, ledger: Ledger) -> None:
    """Why each dead grant is dead, and which credential was given up though its grant lives."""
    given_up = {
        row[0] if isinstance(row[0], uuid.UUID) else uuid.UUID(row[0])
        for row in house.inside.rows("SELECT id FROM credentials_credential WHERE status = 'needs_authorization'")
    }
    for _, credential in house.cast.credentials():
        grant = house.resource.grants.of[credential_owner(credential)]
        if grant.lives and credential not in given_up:
            continue
        if grant.lives:
            ledger.problem("burnt", f"{grant.owner} was given up, and its grant lives")
        elif was_nobodys_to_keep(house, grant):
            ledger.to_authorize += 1
        else:
            ledger.problem("burnt", f"{grant.owner}: {attempts_of(house, grant)}")
        authorize_again(house, alice, ledger, credential)
    for grant in list(house.resource.grants.of.values()):
        if grant.owner.kind == "consumer" and not grant.lives:
            if was_nobodys_to_keep(house, grant):
                ledger.to_authorize += 1
            else:
                ledger.problem("burnt", f"{grant.owner}: {attempts_of(house, grant)}")
            hand_over_again(house, grant)


def attempts_of(house: House, grant: Grant) -> list[tuple[str, str]]:
    """State and error of the requests about a grant since the round began, in order."""
    if grant.owner.kind == "credential":
        statement = """
            SELECT state, error FROM credentials_tokenattempt
            WHERE token_id = ? AND started_at >= ? ORDER BY started_at"""
        return house.inside.rows(statement, uuid.UUID(grant.owner.whose), house.began)  # type: ignore[return-value]
    account, subject = grant.owner.whose.split("-", 1)
    statement = """
        SELECT a.state, a.error FROM credentials_consumertokenattempt AS a
        JOIN credentials_consumertoken AS t ON t.id = a.token_id
        JOIN organizations_account AS o ON o.id = t.account_id
        WHERE o.number = ? AND t.subject = ? AND a.started_at >= ? ORDER BY a.started_at"""
    return house.inside.rows(statement, account, subject, house.began)  # type: ignore[return-value]


def was_nobodys_to_keep(house: House, grant: Grant) -> bool:
    """Whether the answer that held the next refresh token never came to be stored, and nobody could have helped it.

    It was not delivered, because we were killed or the provider broke off; or it arrived at a process that a fault
    killed before it could store it, which the journal knows as an attempt that was interrupted.
    """
    before = [each for each in grant.rotations if grant.reused_at is None or each.at < grant.reused_at]
    if before and not before[-1].delivered:
        return True
    return bool(house.killed) and any(error == "interrupted" for _, error in attempts_of(house, grant))


def judge_authorizations(house: House, ledger: Ledger) -> None:
    """A code that was accepted under a fault has become a token, unless we were killed or the provider was at fault."""
    statement = """
        SELECT status, error FROM credentials_authorization WHERE credential_id = ? AND created_at >= ?
        ORDER BY created_at DESC LIMIT 1"""
    for credential in ledger.came_back:
        ((status, error),) = house.inside.rows(statement, credential, house.began)
        if status == "succeeded":
            owner = credential_owner(credential)
            home = next(home for home in house.cast.homes if home.spare == credential)
            ask = TokenOf(home, f"credentials/{credential}/token", owner=owner)
            if ask.ask(house.product.url, house.resource.grants, ledger) != 200:
                ledger.problem("lost", f"{owner} was authorized, and there is no token")
            if not house.resource.grants.of[owner].lives:
                ledger.problem("burnt", f"{owner} was authorized, and its grant is dead")
        elif not (house.killed or ledger.is_the_providers):
            ledger.problem("lost", f"the code of {credential} ended as {status} {error}")
        else:
            ledger.to_authorize += error == "interrupted" or error == "invalid_grant"


def authorize_again(house: House, alice: Alice, ledger: Ledger, credential: uuid.UUID) -> None:
    """What the product tells a person to do helps."""
    home = next(home for home, each in house.cast.credentials() if each == credential)
    try:
        alice.authorize(home, credential, house.resource)
    except Stopped:
        ledger.problem("lost", f"{credential} cannot be authorized anew")
        return
    settle(house, ledger)
    if (status := house.inside.status(str(credential))) != ("active", ""):
        ledger.problem("lost", f"{credential} stays {status} after it was authorized anew")


def hand_over_again(house: House, grant: Grant) -> None:
    """The consumer signs in at the brand's site once more."""
    account, subject = grant.owner.whose.split("-", 1)
    new = house.resource.grants.begin(grant.owner, grant.client_id, refreshes=True)
    tokens = {"access_token": new.access_tokens[-1], "refresh_token": new.refresh_token}
    house.inspector.ask("hand_over", account=account, subject=subject, **tokens)


def look_at_everything(house: House, alice: Alice, ledger: Ledger) -> None:
    """Every answer counts now."""
    alice.ledger = ledger
    ledger.strict = True
    urls = house.product.urls
    for position, ask in enumerate(everything(house.cast)):
        ask.ask(urls[position % len(urls)], house.resource.grants, ledger)
    home = house.cast.homes[0]
    for credential_id, secret in ledger.saved.items():
        for each in house.cast.homes:
            if is_of(house, credential_id, each.id):
                PairOf(each, f"credentials/{credential_id}/token", secret=secret).ask(
                    urls[0], house.resource.grants, ledger
                )
                break
        else:
            ledger.problem("lost", f"the form that made {credential_id} was acknowledged, and it is not there")
    try:
        for page in ("credentials/", "activity/"):
            if alice.get(f"/organizations/{home.id}/{page}").status_code != 200:
                ledger.problem("lost", f"Alice does not see {page}")
    except Stopped:
        pass  # noted, with its status


def is_of(house: House, credential_id: str, organization_id: str) -> bool:
    statement = "SELECT 1 FROM credentials_credential WHERE id = ? AND organization_id = ?"
    return bool(house.inside.rows(statement, uuid.UUID(credential_id), uuid.UUID(organization_id)))


def look_inside(house: House, ledger: Ledger) -> None:
    """What is stored: the tokens that the provider knows, and an audit log that holds and leaves nothing out."""
    stored = house.inspector.ask("opened")["refresh_tokens"]
    spares = {credential_owner(home.spare) for home in house.cast.homes}
    for owner, grant in house.resource.grants.of.items():
        if grant.lives and grant.refresh_token and owner not in spares:
            expected = hashlib.sha256(grant.refresh_token.encode()).hexdigest()
            if stored.get(str(owner)) != expected:
                ledger.problem("lost", f"what is stored for {owner} is not the refresh token that works")
    said = house.inspector.ask("chains")
    for broken in said["broken"]:
        ledger.problem("chain", broken)
    house.served += ledger.served
    if said["served"] < house.served:
        ledger.problem("chain", f"{house.served} tokens were served, and {said['served']} are in the log")
        house.served = said["served"]
    for trespass in house.resource.grants.trespasses:
        ledger.problem("leaked", trespass)
    house.resource.grants.trespasses.clear()
