"""The resource of the rounds is strict, and knows whose each token is: otherwise they would prove nothing."""

import pytest

from tests.chaos.grants import NOBODY, Grants, InvalidGrant, Owner
from tests.support.canary import Cage

ANN = Owner("consumer", "1-ann")
BEN = Owner("consumer", "1-ben")


@pytest.fixture
def grants() -> Grants:
    return Grants(Cage())


def test_a_refresh_token_works_once_and_a_second_time_ends_its_grant(grants: Grants) -> None:
    first = grants.begin(ANN, "brand", refreshes=True).refresh_token
    grant = grants.refresh(first, "brand")
    assert grant.refresh_token != first
    assert grants.works(grant.access_tokens[-1])
    with pytest.raises(InvalidGrant):
        grants.refresh(first, "brand")
    assert not grant.lives
    assert not grants.works(grant.access_tokens[-1])
    with pytest.raises(InvalidGrant):
        grants.refresh(grant.refresh_token, "brand")


def test_an_answer_without_a_refresh_token_leaves_the_old_one_working(grants: Grants) -> None:
    grant = grants.begin(ANN, "brand", refreshes=True)
    before = grant.refresh_token
    grants.without_refresh_token(grants.find(before, "brand"))
    assert grants.refresh(before, "brand").lives


def test_another_client_with_a_refresh_token_is_a_trespass(grants: Grants) -> None:
    token = grants.begin(ANN, "brand", refreshes=True).refresh_token
    with pytest.raises(InvalidGrant):
        grants.refresh(token, "client-of-somebody-else")
    assert len(grants.trespasses) == 1


def test_a_code_works_once(grants: Grants) -> None:
    code = grants.consent(ANN, "brand")
    assert grants.redeem(code, "brand").owner == ANN
    with pytest.raises(InvalidGrant):
        grants.redeem(code, "brand")


def test_every_access_token_says_whose_it_is(grants: Grants) -> None:
    tokens = {owner: grants.begin(owner, "brand", refreshes=True).access_tokens[-1] for owner in (ANN, BEN)}
    assert {grants.owner_of(token) for token in tokens.values()} == {ANN, BEN}
    assert grants.owner_of(grants.spilled()) == NOBODY
    assert grants.owner_of(f"{ANN}.1.forged") == NOBODY


def test_a_client_may_have_two_tokens_at_a_time(grants: Grants) -> None:
    first = grants.begin(ANN, "brand", refreshes=False).access_tokens[-1]
    second = grants.begin(ANN, "brand", refreshes=False).access_tokens[-1]
    assert grants.works(first)
    assert grants.works(second)
    grants.begin(ANN, "brand", refreshes=False)
    assert not grants.works(first)
