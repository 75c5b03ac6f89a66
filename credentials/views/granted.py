"""What came of an authorization, in words: said right after it, while the person can still do something about it."""

from dataclasses import dataclass, field

from django.urls import reverse

from credentials.models import Authorization, Credential
from credentials.models.authorization import AuthorizationStatus
from credentials.models.credential import Status
from credentials.oauth.account import Account
from credentials.services import account, explain
from credentials.types.base import Fact
from credentials.types.registry import UnknownType, room

# Their only meaning is what came along: the refresh token (OpenID Connect Core §11), the ID token (§3.1.2.1). Many
# servers do not repeat them among the scopes that were granted.
OFFLINE, OPENID = "offline_access", "openid"


@dataclass(frozen=True)
class Story:
    """What the progress page tells. `state`: working, succeeded, failed or asking."""

    state: str
    title: str
    message: str = ""
    what_to_do: str = ""
    still_works: bool = False
    facts: list[Fact] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def story(authorization: Authorization, credential: Credential) -> Story:
    match authorization.status:
        case AuthorizationStatus.SUCCEEDED:
            return Story(
                "succeeded",
                "Authorized",
                facts=what_was_granted(authorization, credential),
                warnings=what_is_missing(authorization, credential),
            )
        case AuthorizationStatus.ASKING:
            return question(authorization, credential)
        case AuthorizationStatus.FAILED:
            explained = explain.explanation(authorization.error)
            happened = explain.reason(authorization.error, authorization.error_description)
            return Story(
                "failed",
                explained.title,
                f"{happened[:1].upper()}{happened[1:]}.",
                explained.by_hand or explained.remedy,
                still_works=credential.status == Status.ACTIVE,
            )
        case AuthorizationStatus.STARTED:
            return Story("working", "Waiting for the resource", "Finish signing in there.")
    return Story("working", "Authorizing", "The access token is being fetched.")


def question(authorization: Authorization, credential: Credential) -> Story:
    """Both accounts side by side."""
    before = account.former(authorization)
    return Story(
        "asking",
        "Another account than before",
        "At the resource somebody was signed in with another account than the one that this credential has acted for.",
        still_works=credential.status == Status.ACTIVE,
        facts=[
            Fact("Former account", named(before) if before else "not known any more"),
            Fact("New account", named(account_of(authorization))),
            *what_was_granted(authorization, credential, with_account=False),
        ],
        warnings=what_is_missing(authorization, credential),
    )


def account_of(authorization: Authorization) -> Account:
    return Account(authorization.account_issuer, authorization.account_subject, authorization.account_name)


def named(who: Account) -> str:
    """A name that people know, with the subject that the resource knows."""
    return f"{who.name} (subject {who.subject})" if who.name and who.name != who.subject else f"subject {who.subject}"


def scopes(text: str) -> list[str]:
    """RFC 6749 §3.3 parts them by spaces; some resources by commas."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def what_was_granted(authorization: Authorization, credential: Credential, *, with_account: bool = True) -> list[Fact]:
    """Who, which scopes, until when, and whether a refresh token came along. Of one before this was kept: nothing."""
    if authorization.refresh_token_issued is None:
        return []
    facts = []
    if with_account and authorization.account_subject:
        facts.append(Fact("Account", named(account_of(authorization))))
    facts.append(Fact("Scope asked for", authorization.asked_scope or "none"))
    as_asked = "as asked for: the resource named no other" if authorization.asked_scope else "not said by the resource"
    facts.append(Fact("Scope granted", authorization.granted_scope or as_asked))
    not_granted, beyond = difference(authorization)
    if not_granted:
        facts.append(Fact("Not granted", " ".join(not_granted)))
    if beyond:
        facts.append(Fact("Granted beyond that", " ".join(beyond)))
    ends = authorization.access_ends_at
    facts.append(Fact("Access token ends", f"{ends:%Y-%m-%d %H:%M:%S} UTC" if ends else "not said by the resource"))
    facts.append(Fact("Refresh token", "issued" if authorization.refresh_token_issued else "not issued"))
    facts.append(Fact("Renewal", "It renews itself." if renews(authorization, credential) else "It does not."))
    return facts


def difference(authorization: Authorization) -> tuple[list[str], list[str]]:
    """Scopes that were asked for and not granted, and the other way round. Nothing where the resource named none."""
    if not authorization.granted_scope:
        return [], []
    asked, granted = scopes(authorization.asked_scope), scopes(authorization.granted_scope)
    granted_in_fact = {*granted}
    if authorization.refresh_token_issued:
        granted_in_fact.add(OFFLINE)
    if authorization.account_subject:
        granted_in_fact.add(OPENID)
    return [one for one in asked if one not in granted_in_fact], [one for one in granted if one not in asked]


def what_is_missing(authorization: Authorization, credential: Credential) -> list[str]:
    """What works now and will not for long, or not for everything that was asked for."""
    if authorization.refresh_token_issued is None:
        return []
    missing = []
    not_granted, _ = difference(authorization)
    if not_granted:
        missing.append(
            f"Less was granted than was asked for: {' '.join(not_granted)}. Calls that need it will be refused."
        )
    if not renews(authorization, credential):
        missing.append(
            "The resource issued no refresh token: when the access token ends, somebody has to authorize again. "
            + explain.TO_HAVE_IT_RENEWED
        )
    return missing


def renews(authorization: Authorization, credential: Credential) -> bool:
    try:
        life_cycle = room(credential.kind).life_cycle
    except UnknownType:
        return False
    return life_cycle is not None and life_cycle.can_renew(
        credential.payload, has_refresh_token=bool(authorization.refresh_token_issued)
    )


def refresh_test_url(credential: Credential) -> str:
    """Where *Test a refresh now* is sent; "" where there is nothing to renew with."""
    token = getattr(credential, "token", None)
    if token is None or not token.access_token or credential.deactivated_at is not None:
        return ""
    try:
        life_cycle = room(credential.kind).life_cycle
    except UnknownType:
        return ""
    has_refresh_token = bool(token.refresh_token)
    if life_cycle is None or not life_cycle.can_renew(credential.payload, has_refresh_token=has_refresh_token):
        return ""
    return reverse("credentials:test-refresh", args=[credential.organization_id, credential.pk])
