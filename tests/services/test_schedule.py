"""When a token is renewed and when a failed renewal is repeated."""

from datetime import UTC, datetime

import pytest

from credentials.services import schedule

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def renewed_after(lifetime: float) -> float:
    return (schedule.refresh_moment(NOW, lifetime) - NOW).total_seconds()


def retried_after(failures: int, retry_after: float | None = None) -> float:
    return (schedule.retry_moment(NOW, failures, retry_after) - NOW).total_seconds()


@pytest.mark.parametrize("lifetime", [0.5, 3, 60, 300, 1500])
def test_a_token_is_renewed_when_about_a_fifth_of_its_life_is_left(lifetime: float) -> None:
    for _ in range(50):
        assert 0.75 * lifetime - 0.001 <= renewed_after(lifetime) <= 0.8 * lifetime + 0.001


@pytest.mark.parametrize("lifetime", [3600, 86_400, 365 * 86_400])
def test_a_long_lived_token_is_renewed_at_most_six_minutes_before_its_end(lifetime: float) -> None:
    for _ in range(50):
        assert lifetime - 375 <= renewed_after(lifetime) <= lifetime - 300


def test_tokens_issued_together_are_not_renewed_together() -> None:
    assert len({renewed_after(3600) for _ in range(20)}) > 15


def test_promise_19_waits_between_retries_double_up_to_a_quarter_of_an_hour() -> None:
    longest = [max(retried_after(failures) for _ in range(50)) for failures in range(1, 12)]
    for failures, wait in enumerate(longest, start=1):
        whole = min(900.0, 5.0 * 2 ** (failures - 1))
        assert 0.75 * whole <= wait <= whole


@pytest.mark.parametrize("failures", [1, 9, 40, 10_000_000])
def test_no_number_of_failures_makes_the_wait_longer_than_its_cap(failures: int) -> None:
    assert 0 < retried_after(failures) <= schedule.LONGEST_WAIT


def test_promise_19_waits_have_jitter() -> None:
    assert len({retried_after(4) for _ in range(20)}) > 15


def test_the_providers_retry_after_is_never_undercut() -> None:
    assert retried_after(1, 120.0) == 120.0
    assert retried_after(12, 3600.0) == 3600.0


def test_a_short_retry_after_does_not_shorten_the_wait() -> None:
    assert retried_after(8, 1.0) > 400
