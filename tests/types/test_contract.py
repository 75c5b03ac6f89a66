"""The contract of a room, held by every type of the registry."""

import json
from urllib.parse import urlsplit

import pytest
import requests

from credentials.types.base import Material, NoToken, UsableToken
from credentials.types.registry import TYPES, UnknownType, room, rooms
from tests.types.contract import Sample
from tests.types.samples import SAMPLES

EVERY_SAMPLE = pytest.mark.parametrize("sample", SAMPLES, ids=str)
TOKEN = UsableToken("canary-access-token", "bearer", "read")


def material(sample: Sample) -> Material:
    payload, secrets = sample.room.split(sample.entered())
    return Material(payload, secrets, TOKEN if sample.room.life_cycle or sample.room.uses_identity_provider else None)


def test_every_type_has_a_sample_of_each_variant() -> None:
    assert {sample.kind for sample in SAMPLES} == set(TYPES)
    for authentication in rooms():
        variants = {
            sample.room.variant(material(sample).payload) for sample in SAMPLES if sample.room is authentication
        }
        choices = [
            label
            for field in authentication.first_step_fields().values()
            for value, label in getattr(field, "choices", [])
            if value
        ]
        assert variants >= set(choices)
        assert variants


def test_a_type_stands_under_its_own_kind_and_no_label_comes_twice() -> None:
    assert all(room(kind).kind == kind for kind in TYPES)
    assert len({authentication.label for authentication in rooms()}) == len(TYPES)


@pytest.mark.parametrize("kind", ["", "OAuth2", "oauth2 ", "saml", "__class__"])
def test_an_unknown_kind_has_no_room(kind: str) -> None:
    with pytest.raises(UnknownType):
        room(kind)


@EVERY_SAMPLE
def test_what_a_person_enters_is_accepted(sample: Sample) -> None:
    assert sample.entered() or not sample.steps


@EVERY_SAMPLE
def test_labels_and_their_order_are_the_specifications(sample: Sample) -> None:
    fields = [field for slug in sample.steps for field in sample.form(slug).visible_fields()]
    assert tuple(str(field.label) for field in fields) == sample.labels
    assert all(field.help_text for field in fields)


@EVERY_SAMPLE
def test_the_last_button_is_the_specifications(sample: Sample) -> None:
    assert sample.room.final_action == sample.final_action


@EVERY_SAMPLE
def test_every_step_has_a_slug_of_its_own_and_a_label(sample: Sample) -> None:
    steps = sample.room.steps(sample.first)
    assert len({step.slug for step in steps}) == len(steps)
    assert all(step.label and step.slug == step.slug.lower() and step.slug != "basics" for step in steps)
    assert {step.slug for step in steps if step.form} == set(sample.steps)


@EVERY_SAMPLE
def test_advanced_and_secret_fields_are_fields_of_the_form(sample: Sample) -> None:
    for slug in sample.steps:
        form = sample.form(slug)
        assert set(form.advanced) | set(form.secret) <= set(form.fields)
        assert not [name for name in form.advanced if form.fields[name].required]
    assert {name for slug in sample.steps for name in sample.form(slug).secret} == set(sample.secrets)


@EVERY_SAMPLE
def test_secrets_go_into_the_sealed_part_alone(sample: Sample) -> None:
    payload, secrets = sample.room.split(sample.entered())
    assert sample.secret_values() or not sample.secrets
    for value in sample.secret_values():
        assert (value in secrets.values()) != (value in sample.passing_values())
        assert value not in json.dumps(payload)
    assert not [value for value in sample.passing_values() if value in json.dumps(secrets)]
    json.dumps(secrets)


@EVERY_SAMPLE
def test_what_may_be_shown_comes_back_to_the_edit_page_as_it_was_entered(sample: Sample) -> None:
    entered = sample.entered()
    payload, secrets = sample.room.split(entered)
    stored = json.loads(json.dumps(payload))
    again = sample.room.entered(stored)
    assert not set(again) & set(secrets)
    # A room may read more out of a secret than was entered beside it.
    assert again.items() >= {name: value for name, value in entered.items() if name not in secrets}.items()
    assert sample.room.split({**again, **secrets}) == (payload, secrets)


@EVERY_SAMPLE
def test_a_blank_secret_is_asked_for_unless_one_is_stored(sample: Sample) -> None:
    for slug, posted in sample.steps.items():
        for name in set(sample.secrets) & set(posted):
            required = sample.form(slug).fields[name].required
            blank = sample.form(slug, **{name: ""})
            assert (name in blank.errors) == required
            assert name not in sample.form(slug, configured=[name], **{name: ""}).errors


@EVERY_SAMPLE
def test_promise_25_no_page_shows_a_secret_that_was_entered(sample: Sample) -> None:
    for slug in sample.steps:
        markup = sample.form(slug).as_p()
        for value in sample.secret_values():
            assert value.strip() not in markup


@EVERY_SAMPLE
def test_its_facts_tell_no_secret(sample: Sample) -> None:
    payload, _ = sample.room.split(sample.entered())
    configured = sample.room.facts(payload, list(sample.secrets))
    nothing = sample.room.facts(payload, [])
    for value in sample.secret_values():
        assert value.strip() not in repr(configured)
    assert [fact.value for fact in configured if fact.secret] == ["configured"] * len(sample.secrets)
    assert [fact.value for fact in nothing if fact.secret] == ["not set"] * len(sample.secrets)
    assert all(fact.label for fact in configured)


@EVERY_SAMPLE
def test_it_says_what_it_attaches_without_the_secret(sample: Sample) -> None:
    said = " ".join(sample.room.attached(material(sample)))
    assert "••••" in said
    for value in [*sample.secret_values(), TOKEN.access_token]:
        assert value not in said


@EVERY_SAMPLE
def test_it_authenticates_a_request_and_changes_nothing_else_of_it(sample: Sample) -> None:
    plain = requests.Request("POST", "https://api.example.com/orders?page=2", headers={"X-A": "b"}, data=b"body")
    request = requests.Session().prepare_request(plain)
    before = (request.method, request.url, request.body)
    signed = sample.room.authenticator(material(sample))(request)
    assert (signed.method, signed.url, signed.body) == before
    assert signed.headers["X-A"] == "b"


@EVERY_SAMPLE
def test_it_hands_out_a_token_or_says_that_it_has_none(sample: Sample) -> None:
    try:
        token = sample.room.token(material(sample))
    except NoToken:
        return
    assert token.access_token
    assert token.token_type


@EVERY_SAMPLE
def test_promise_30_a_new_host_is_a_new_host_whatever_it_was_used_for_before(sample: Sample) -> None:
    payload, _ = sample.room.split(sample.entered())
    addresses = [name for name, value in payload.items() if str(value).startswith("https://")]
    before = sample.room.hosts(payload)
    assert bool(before) == bool(addresses)
    for name in addresses:
        for address in ("https://evil.example/token", "https://login.example.com:444/token"):
            assert sample.room.hosts({**payload, name: address}) - before
        same = f"https://{urlsplit(payload[name]).netloc.upper()}/another/path"
        assert not sample.room.hosts({**payload, name: same}) - before


@EVERY_SAMPLE
def test_an_edit_of_nothing_keeps_what_was_authorized(sample: Sample) -> None:
    payload, _ = sample.room.split(sample.entered())
    assert not sample.room.invalidates(payload, dict(payload), replaced=[])


def test_plaintext_is_in_no_representation_of_what_is_handed_around() -> None:
    for sample in SAMPLES:
        shown = repr(material(sample)) + repr(UsableToken("canary-access-token", "Bearer"))
        assert not [value for value in [*sample.secret_values(), "canary-access-token"] if value in shown]
