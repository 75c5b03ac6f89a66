"""A page that is opened by another name of this machine continues at PUBLIC_URL."""

import pytest
from django.test import Client

from tests.support.people import Cast

pytestmark = pytest.mark.django_db


def test_a_page_opened_by_another_name_continues_at_the_public_address(client: Client) -> None:
    answer = client.get("/accounts/login/?next=/organizations/", headers={"host": "localhost:8000"})
    assert answer.status_code == 302
    assert answer["Location"] == "http://127.0.0.1:8000/accounts/login/?next=/organizations/"


def test_a_form_sent_to_another_name_is_refused_and_changes_nothing(client: Client, cast: Cast) -> None:
    answer = client.post("/accounts/login/", {"username": "alice"}, headers={"host": "localhost:8000"})
    assert answer.status_code == 421


def test_probes_and_the_api_are_answered_by_any_name_of_the_machine(client: Client) -> None:
    assert client.get("/health/live", headers={"host": "localhost:8000"}).status_code == 200
    assert client.get("/api/v1/credentials", headers={"host": "localhost:8000"}).status_code == 401


def test_the_public_address_and_other_ports_of_it_are_served_as_they_are(client: Client) -> None:
    assert client.get("/accounts/login/", headers={"host": "127.0.0.1:9999"}).status_code == 200


def test_a_name_that_nobody_allowed_is_refused(client: Client) -> None:
    assert client.get("/accounts/login/", headers={"host": "evil.example"}).status_code == 400
