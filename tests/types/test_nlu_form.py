"""Third-party NLU: what a person enters, what is refused, and what shows."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from credentials.models import Credential, Draft, OAuthToken
from credentials.models.credential import Status
from tests.support.lying_server import LyingServer
from tests.support.nlu import (
    API_KEY,
    EMAIL,
    KIND,
    PASSWORD,
    PROJECT,
    WATSON_URL,
    google_json,
    pem,
    service_account_key,
    watson_json,
    watson_pair_json,
)
from tests.support.people import Cast
from tests.support.wizard import (
    add_by_wizard,
    answer_step,
    edit_by_page,
    errors_of,
    last_step_address,
    pages,
)

pytestmark = pytest.mark.django_db

GOOGLE, WATSON = "google_dialogflow", "ibm_watson"
KEY_LINE = pem(service_account_key()).splitlines()[5]


def fields(text: str, provider: str = GOOGLE) -> dict[str, str]:
    return {"provider": provider, "credentials": text}


def short(value: str) -> str:
    """A name for a case: the keys in its JSON are others in every process."""
    return value if len(value) < 40 else "json"


def upload(data: bytes | str) -> SimpleUploadedFile:
    return SimpleUploadedFile("../../etc/key.json", data.encode() if isinstance(data, str) else data)


def test_the_wizard_asks_for_provider_and_credentials_and_ends_with_save(bob: Client, cast: Cast) -> None:
    shown = bob.get(last_step_address(bob, cast.organization, KIND))
    form = shown.context["form"]
    assert [bound.label for bound in form] == ["NLU Provider", "Credentials", "Credentials as a file", "Location"]
    assert [label for _, label in form.fields["provider"].choices][1:] == ["Google Dialogflow", "IBM Watson"]
    assert shown.context["action_label"] == "Save"
    assert 'enctype="multipart/form-data"' in shown.content.decode()


@pytest.mark.parametrize(
    ("provider", "text", "payload"),
    [
        (
            GOOGLE,
            google_json(),
            {"project_id": PROJECT, "client_email": EMAIL, "token_uri": "https://oauth2.googleapis.com/token"},
        ),
        (WATSON, watson_json(), {"url": WATSON_URL, "iam_url": "https://iam.cloud.ibm.com/identity/token"}),
        (
            WATSON,
            watson_json(iam_url="https://private.iam.cloud.ibm.com"),
            {"url": WATSON_URL, "iam_url": "https://private.iam.cloud.ibm.com/identity/token"},
        ),
        (WATSON, watson_pair_json(), {"url": WATSON_URL, "username": "trainer"}),
    ],
    ids=short,
)
def test_it_is_saved_sealed_and_active_and_nobody_is_called(
    bob: Client, cast: Cast, server: LyingServer, provider: str, text: str, payload: dict[str, str]
) -> None:
    credential = add_by_wizard(bob, cast.organization, KIND, fields(text, provider))
    assert credential.status == Status.ACTIVE
    assert credential.payload == {"provider": provider, **payload}
    assert credential.open_secrets() == {"credentials": text}
    assert not OAuthToken.objects.exists()
    assert server.requests == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_promise_35_the_json_may_come_as_a_file_whose_name_counts_for_nothing(
    bob: Client, cast: Cast, encoding: str
) -> None:
    entered = {"provider": GOOGLE, "credentials": "", "credentials_file": upload(google_json().encode(encoding))}
    credential = add_by_wizard(bob, cast.organization, KIND, entered)
    assert json.loads(credential.open_secrets()["credentials"].removeprefix("\ufeff")) == json.loads(google_json())
    assert "etc" not in str(credential.open_secrets()) + str(credential.payload)


def test_pasting_and_uploading_at_once_is_refused(bob: Client, cast: Cast) -> None:
    entered = {**fields(google_json()), "credentials_file": upload(google_json())}
    assert "not both" in errors_of(answer_step(bob, cast.organization, KIND, entered), "credentials")


SMALL_KEY = pem(generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505
EC_KEY = (
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
LOCKED_KEY = (
    service_account_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
)


@pytest.mark.parametrize(
    ("provider", "text", "says"),
    [
        (GOOGLE, "", "required"),
        (GOOGLE, "canary, not JSON", "It is not JSON"),
        (GOOGLE, google_json()[:-3], "It is not JSON"),
        (GOOGLE, '["a"]', "not a JSON object"),
        (GOOGLE, "null", "not a JSON object"),
        (GOOGLE, '{"a": NaN}', "It is not JSON"),
        (GOOGLE, '{"type": "service_account", "type": "x"}', "names a member twice"),
        (GOOGLE, '{"a": {"b": 1, "b": 2}}', "names a member twice"),
        (GOOGLE, "[" * 30_000, "nested too deeply"),
        (GOOGLE, "[" * 100_000 + "]" * 100_000, "more than 64 kB"),
        (GOOGLE, '{"a": ' + "9" * 5000 + "}", "It is not JSON"),
        (GOOGLE, google_json(padding="x" * 65_536), "more than 64 kB"),
        (GOOGLE, google_json(project_id=None, client_email=""), "It lacks project_id and client_email."),
        (GOOGLE, "{}", "It lacks type, project_id, private_key, client_email and token_uri."),
        (GOOGLE, google_json(type="authorized_user"), "type is not service_account"),
        (GOOGLE, google_json(private_key="-----BEGIN PRIVATE KEY-----\nnonsense"), "private_key cannot be read"),
        (GOOGLE, google_json(private_key=LOCKED_KEY), "private_key cannot be read"),
        (GOOGLE, google_json(private_key=EC_KEY), "private_key is not an RSA key"),
        (GOOGLE, google_json(private_key=SMALL_KEY), "at least 2048 bits"),
        (GOOGLE, google_json(private_key=["a"]), "private_key is not an RSA key"),
        (GOOGLE, google_json(private_key="x" * 4097), "private_key is not an RSA key"),
        (GOOGLE, google_json(project_id="a\u0000b"), "project_id holds a line break or another control character"),
        (GOOGLE, google_json(client_email={"a": 1}), "client_email is not text"),
        (GOOGLE, google_json(client_email="\ud800"), "client_email holds"),
        (GOOGLE, google_json(token_uri="http://oauth2.googleapis.com/token"), "must begin with https://"),
        (GOOGLE, google_json(token_uri="https://evil.example/token"), "is not a host of the provider"),
        (GOOGLE, google_json(token_uri="https://evilgoogleapis.com/token"), "is not a host of the provider"),
        (GOOGLE, google_json(token_uri="https://oauth2.googleapis.com:8443/token"), "is not a host of the provider"),
        (GOOGLE, google_json(token_uri="https://oauth2.googleapis.com@evil.example/"), "user name"),
        (GOOGLE, google_json(token_uri="https://169.254.169.254/token"), "is not a host of the provider"),
        (WATSON, google_json(), "It lacks apikey (or username and password)."),
        (GOOGLE, watson_json(), "It lacks type, project_id"),
        (WATSON, watson_json(url=None), "It lacks url."),
        (WATSON, watson_json(url="ftp://x"), "url: The URL must begin with https://"),
        (WATSON, watson_json(apikey=["a"]), "apikey is not text"),
        (WATSON, watson_json(iam_url="https://evil.example/identity/token"), "is not a host of the provider"),
        (WATSON, watson_json(iam_url="https://evil-iam.cloud.ibm.com.evil.example/"), "is not a host of the provider"),
        (WATSON, watson_pair_json(password=None), "It lacks password."),
        (WATSON, watson_pair_json(username=None), "It lacks username."),
        (WATSON, watson_pair_json(username="a:b"), "colon"),
        (WATSON, watson_pair_json(password="a\r\nb"), "password holds a line break"),
        (WATSON, watson_pair_json(url=None), "It lacks url."),
    ],
    ids=short,
)
def test_promise_35_what_is_missing_or_wrong_is_named_and_no_value_is_repeated(
    bob: Client, cast: Cast, provider: str, text: str, says: str
) -> None:
    answer = answer_step(bob, cast.organization, KIND, fields(text, provider))
    assert answer.status_code == 200
    assert says in errors_of(answer, "credentials")
    page = answer.content.decode()
    assert not [secret for secret in (KEY_LINE, API_KEY, PASSWORD, "canary", "9999999") if secret in page]
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xfea\xd8", "not UTF-8"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"x" * 70_000, "more than 64 kB"),
        (b"PK\x03\x04 a zip", "It is not JSON"),
    ],
)
def test_promise_35_a_file_that_is_no_json_is_a_form_error(bob: Client, cast: Cast, data: bytes, says: str) -> None:
    answer = answer_step(bob, cast.organization, KIND, {"provider": GOOGLE, "credentials_file": upload(data)})
    assert says in errors_of(answer, "credentials")


def test_a_token_uri_elsewhere_is_accepted_where_the_operator_names_its_host(
    bob: Client, cast: Cast, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = ["tokens.example.com:443"]
    text = google_json(token_uri="https://tokens.example.com/token")
    assert add_by_wizard(bob, cast.organization, KIND, fields(text)).payload["token_uri"].startswith("https://tokens")
    text = google_json(token_uri="https://tokens.example.com:444/token")
    assert "not a host" in errors_of(answer_step(bob, cast.organization, KIND, fields(text)), "credentials")


def test_a_provider_that_was_forgotten_is_asked_for_and_the_json_is_checked_against_it_afterwards(
    bob: Client, cast: Cast
) -> None:
    step = last_step_address(bob, cast.organization, KIND)
    answer = bob.post(step, {"provider": "", "credentials": google_json()})
    assert "required" in errors_of(answer, "provider")
    assert KEY_LINE not in answer.content.decode()
    # It is kept: only the provider has to be chosen now, and it has to be the right one.
    assert "It lacks apikey" in errors_of(bob.post(step, {"provider": WATSON, "credentials": ""}), "credentials")
    bob.post(step, {"provider": "", "credentials": google_json()})
    assert bob.post(step, {"provider": GOOGLE, "credentials": ""}).status_code == 303
    assert Credential.objects.get().payload["project_id"] == PROJECT


def test_back_keeps_an_uploaded_file_sealed(bob: Client, cast: Cast) -> None:
    step = last_step_address(bob, cast.organization, KIND)
    answer = bob.post(step, {"back": "1", "provider": GOOGLE, "credentials_file": upload(google_json())})
    assert answer.status_code == 302
    draft = Draft.objects.get()
    assert "service_account" not in draft.data
    shown = bob.get(step).content.decode()
    assert "configured" in shown
    assert KEY_LINE not in shown
    assert bob.post(step, {"provider": GOOGLE, "credentials": ""}).status_code == 303


@pytest.fixture
def credential(bob: Client, cast: Cast) -> Credential:
    return add_by_wizard(bob, cast.organization, KIND, fields(google_json()))


def test_pages_show_provider_project_and_e_mail_and_never_the_key(
    bob: Client, credential: Credential, cast: Cast
) -> None:
    for rest in (f"{credential.pk}/", f"{credential.pk}/edit/", f"{credential.pk}/delete/", ""):
        assert KEY_LINE not in bob.get(pages(cast.organization, rest)).content.decode()
    detail = bob.get(pages(cast.organization, f"{credential.pk}/")).content.decode()
    for shown in ("Google Dialogflow", PROJECT, EMAIL, "https://oauth2.googleapis.com/token", "configured"):
        assert shown in detail


def test_an_edit_keeps_what_is_left_blank(bob: Client, credential: Credential) -> None:
    assert edit_by_page(bob, credential, {"name": "Another name"}).status_code == 303
    before = credential.payload
    credential.refresh_from_db()
    assert (credential.name, credential.payload) == ("Another name", before)
    assert credential.open_secrets() == {"credentials": google_json()}


def test_an_edit_to_another_provider_wants_its_json(bob: Client, credential: Credential) -> None:
    answer = edit_by_page(bob, credential, {"provider": WATSON})
    assert "Enter it again" in errors_of(answer, "credentials")
    assert edit_by_page(bob, credential, fields(watson_json(), WATSON)).status_code == 303
    credential.refresh_from_db()
    assert credential.payload["url"] == WATSON_URL
    assert "project_id" not in credential.payload
    # And back again, with nothing in between that could be mixed up.
    assert "Enter it again" in errors_of(edit_by_page(bob, credential, {"provider": GOOGLE}), "credentials")


@pytest.mark.parametrize("typed", ["evil.example/", "Europe", "a.b", "-west", "x" * 41, "e@v"])
def test_a_location_that_is_none_is_refused(bob: Client, cast: Cast, typed: str) -> None:
    answer = answer_step(bob, cast.organization, KIND, {**fields(google_json()), "location": typed})
    assert "such as europe-west1" in errors_of(answer, "location")


def test_only_dialogflow_has_locations(bob: Client, cast: Cast) -> None:
    answer = answer_step(bob, cast.organization, KIND, {**fields(watson_json(), WATSON), "location": "eu-de"})
    assert "IBM Watson has none" in errors_of(answer, "location")
    made = add_by_wizard(bob, cast.organization, KIND, {**fields(google_json()), "location": "global"})
    assert "location" not in made.payload


def test_a_location_is_shown_and_an_edit_of_it_keeps_the_token(bob: Client, credential: Credential) -> None:
    OAuthToken.objects.create(credential=credential, organization=credential.organization, generation=1)
    assert edit_by_page(bob, credential, {"location": "europe-west1"}).status_code == 303
    credential.refresh_from_db()
    assert credential.payload["location"] == "europe-west1"
    assert OAuthToken.objects.get().generation == 1
    assert "europe-west1" in bob.get(pages(credential.organization, f"{credential.pk}/")).content.decode()
    assert edit_by_page(bob, credential, {"location": ""}).status_code == 303
    credential.refresh_from_db()
    assert "location" not in credential.payload
