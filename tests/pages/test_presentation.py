"""What the tags of `credentials.templatetags.presentation` put into a page."""

from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.utils import timezone

from credentials.templatetags import presentation

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(seconds=0), "just now"),
        (timedelta(seconds=-9), "just now"),
        (timedelta(seconds=9), "in a moment"),
        (timedelta(seconds=-10), "10 seconds ago"),
        (timedelta(seconds=-59), "59 seconds ago"),
        (timedelta(minutes=-1), "1 minute ago"),
        (timedelta(minutes=-59, seconds=-59), "59 minutes ago"),
        (timedelta(hours=-2), "2 hours ago"),
        (timedelta(hours=23, minutes=59), "in 23 hours"),
        (timedelta(days=3), "in 3 days"),
        (timedelta(days=-59), "59 days ago"),
        (timedelta(days=-60), "2 months ago"),
        (timedelta(days=-729), "24 months ago"),
        (timedelta(days=-730), "2 years ago"),
    ],
)
def test_a_time_is_told_in_its_largest_whole_unit(away: timedelta, words: str) -> None:
    assert presentation.relative_time(NOW + away).endswith(f">{words}</time>")


def test_a_time_carries_the_exact_moment_for_whoever_hovers_over_it() -> None:
    shown = presentation.relative_time(datetime(2026, 3, 4, 11, 57, 2, tzinfo=UTC))
    assert 'title="2026-03-04 11:57:02 UTC"' in shown
    assert 'datetime="2026-03-04T11:57:02+00:00"' in shown


def test_no_time_is_told_in_the_words_of_the_page() -> None:
    assert presentation.relative_time(None, "never") == "never"


def test_a_status_is_an_icon_and_a_word_and_never_markup() -> None:
    badge = presentation.status_badge("<b>Active", "ok")
    assert "#check-circle-fill" in badge
    assert "&lt;b&gt;Active" in badge


def test_a_status_may_bring_its_own_icon() -> None:
    assert "#clock" in presentation.status_badge("Expiring", "warn", "clock")


@pytest.mark.parametrize(
    ("level", "tone"),
    [(constants.SUCCESS, "ok"), (constants.ERROR, "bad"), (constants.WARNING, "warn"), (constants.INFO, "info")],
)
def test_a_message_has_the_tone_of_its_level(level: int, tone: str) -> None:
    assert presentation.message_tone(Message(level, "Saved.")) == tone


class Endpoint(forms.Form):
    """A form with everything that `form_parts` looks at."""

    advanced_fields = ("method",)
    configured_fields = ("secret",)

    draft = forms.CharField(widget=forms.HiddenInput, required=False)
    url = forms.CharField()
    secret = forms.CharField(required=False)
    method = forms.CharField(required=False, max_length=3)


def test_advanced_fields_stand_apart_and_hidden_ones_nowhere() -> None:
    parts = presentation.form_parts(Endpoint())
    assert [field.bound.name for field in parts.main] == ["url", "secret"]
    assert [field.bound.name for field in parts.advanced] == ["method"]


def test_only_a_stored_secret_is_called_configured() -> None:
    parts = presentation.form_parts(Endpoint())
    assert {field.bound.name: field.configured for field in parts.main} == {"url": False, "secret": True}


def test_the_advanced_part_is_open_exactly_while_it_hides_an_error() -> None:
    assert not presentation.form_parts(Endpoint({"url": ""})).advanced_open
    assert presentation.form_parts(Endpoint({"url": "u", "method": "too long"})).advanced_open


def test_a_form_that_says_nothing_of_parts_has_one() -> None:
    class Plain(forms.Form):
        name = forms.CharField()

    parts = presentation.form_parts(Plain())
    assert [field.bound.name for field in parts.main] == ["name"]
    assert parts.advanced == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        (True, "yes"),
        (0, "0"),
        (["tokens:read", "domains:train"], "tokens:read, domains:train"),
        ({"added": ["a"], "removed": []}, "added: a, removed: "),
        ("2027-11-28T12:40:47.079377+00:00", "2027-11-28 12:40 UTC"),
        ("2027-11-28", "2027-11-28"),
    ],
)
def test_the_details_of_an_entry_are_words_and_not_code(value: object, said: str) -> None:
    assert presentation.in_words(value) == said
