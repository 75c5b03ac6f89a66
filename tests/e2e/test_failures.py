"""What a person reads when it goes wrong: what happened, what to do, and that nothing that was entered is lost.

The fixtures of the pages assert besides that nothing of it answers with a 5xx.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.scene import Scene
from tests.e2e.walk import (
    PASSED,
    answer_at_resource,
    authorize_here,
    be,
    press,
)
from tests.support.processes import wait_until
from tests.support.sandbox_server import Application

pytestmark = pytest.mark.chromium

REJECTED = "The resource rejected the client ID or the client secret"
UNREACHABLE = "The resource could not be reached"


@pytest.fixture
def outage(scene: Scene) -> Iterator[Scene]:
    """A scene whose sandbox and workers a test may stop; they run again afterwards."""
    yield scene
    scene.start_workers()
    if not scene.sandbox.server.is_running:
        scene.sandbox.start()


def expect_failure(page: Page, title: str, *words: str) -> None:
    """The page after an authorization that failed."""
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    for each in words:
        expect(page.get_by_role("main")).to_contain_text(each)
    expect(page.get_by_text("What you entered is kept.")).to_be_visible()


def expect_problem(page: Page, status: str, *words: str) -> None:
    """The credential's own page while it cannot be used, and the same words in the list."""
    page.get_by_role("link", name="Show the credential").click()
    expect_problem_here(page, status, *words)


def expect_problem_here(page: Page, status: str, *words: str) -> None:
    expect(page.locator("#credential-status")).to_have_text(status)
    for each in words:
        expect(page.locator("#credential-problem")).to_contain_text(each)


def expect_entered_data_is_kept(page: Page, application: Application) -> None:
    page.get_by_role("link", name="Edit").click()
    form = page.get_by_role("main")
    expect(form.get_by_label("Client ID")).to_have_value(application.client_id)
    expect(form.get_by_label("Token URL")).not_to_have_value("")
    expect(form.get_by_text("configured")).to_be_visible()


def test_ux_11_a_wrong_client_secret_is_said_kept_and_mended_by_edit(page: Page, scene: Scene) -> None:
    be(page, scene)
    added = scene.added("Wrong secret", client_secret="canary-not-the-right-one")
    authorize_here(page, scene, added)
    expect_failure(page, "The resource does not accept the client", REJECTED, "Choose Edit")
    expect_problem(page, "Failed", REJECTED, "compare the Client ID and the Client Secret with the resource's settings")
    expect_entered_data_is_kept(page, added.application)

    page.get_by_text("Replace").click()
    page.get_by_label("Client Secret").fill(added.application.client_secret)
    press(page.get_by_role("main"), "Authorize")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()


def test_ux_11_a_wrong_client_secret_of_client_credentials_is_said_and_kept(page: Page, scene: Scene) -> None:
    be(page, scene)
    added = scene.added("Wrong client", grant="client_credentials", client_secret="canary-not-the-right-one")
    page.goto(added.go_to)
    expect_failure(page, "The resource does not accept the client", REJECTED)
    expect_problem(page, "Failed", REJECTED)
    expect_entered_data_is_kept(page, added.application)


def test_ux_11_a_cancelled_consent_without_javascript_is_said_in_plain_words(plain_page: Page, scene: Scene) -> None:
    page = plain_page
    be(page, scene)
    authorize_here(page, scene, scene.added("Cancelled without scripts"), allow=False)
    expect_failure(page, "Access was not granted", "Access was declined at the resource")
    expect_problem(page, "Needs authorization", "Click Authorize again and allow access")


def test_ux_11_a_scope_that_the_resource_does_not_know_is_said(page: Page, scene: Scene) -> None:
    be(page, scene)
    page.goto(scene.url(f"credentials/{scene.added('Wrong scope', scope='everything').credential_id}/"))
    press(page.get_by_role("main"), "Authorize")
    expect_failure(page, "The scope was refused", "Choose Edit, compare the Scope")
    expect_problem(page, "Failed", "does not know or does not allow the scope")


def test_a_provider_that_is_down_when_the_code_is_exchanged_is_said(page: Page, outage: Scene) -> None:
    scene = outage
    be(page, scene)

    # The code waits in the database until the worker is back, and finds nobody at the resource.
    scene.stop_workers()
    added = scene.added("Down at the exchange")
    authorize_here(page, scene, added)
    expect(page.get_by_role("heading", name="Authorizing")).to_be_visible()
    scene.sandbox.stop()
    scene.start_workers()
    expect_failure(page, "The resource cannot be reached", UNREACHABLE)
    expect_problem(page, "Failed", UNREACHABLE)
    expect_entered_data_is_kept(page, added.application)
    page.go_back()

    scene.sandbox.start()
    press(page.locator("#credential-problem"), "Authorize")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()


def test_a_provider_that_is_down_is_said_for_client_credentials_and_a_person_can_retry_now(
    page: Page, outage: Scene
) -> None:
    scene = outage
    be(page, scene)
    added = scene.authorized("Down from the beginning", grant="client_credentials")
    scene.sandbox.stop()
    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    page.get_by_role("button", name="Authorize").click()
    expect_failure(page, "The resource cannot be reached", UNREACHABLE, "The credential goes on working as before")
    scene.sandbox.start()
    page.get_by_role("button", name="Authorize again").click()
    expect(page.get_by_text(PASSED)).to_be_visible()


def test_ux_17_an_outage_at_expiry_is_said_at_once_and_ends_by_itself(page: Page, outage: Scene) -> None:
    scene = outage
    be(page, scene)
    added = scene.authorized("Outage at expiry")
    integration = scene.add_integration(added.credential_id)
    page.goto(scene.url(f"credentials/{added.credential_id}/"))
    expect(page.locator("#credential-status")).to_have_text("Active")
    scene.sandbox.stop()
    scene.end_token(added.credential_id, added.application.client_id)
    refused = scene.call(integration)
    assert refused.status_code == 503, refused.text
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["error"]

    # The page, which is open all the while, follows by itself; no more than five seconds are waited for.
    expect_problem_here(page, "Failed", UNREACHABLE)
    expect(page.locator("#activity")).to_contain_text("Renewing the access token failed")
    scene.sandbox.start()
    wait_until(lambda: scene.call(integration).status_code == 200, seconds=30, what="the call after the outage")
    expect(page.locator("#credential-status")).to_have_text("Active")
    expect(page.locator("#credential-problem")).to_be_empty()


def test_ux_02_a_grant_that_was_revoked_asks_for_a_new_authorization(page: Page, scene: Scene) -> None:
    be(page, scene)
    added = scene.authorized("Revoked grant")
    credential, application = added.credential_id, added.application
    integration = scene.add_integration(credential)
    scene.sandbox.revoke(application.client_id)
    scene.end_token(credential, application.client_id)
    refused = scene.call(integration)
    assert refused.status_code == 409, refused.text
    assert refused.json()["error"] == "needs_authorization"

    page.goto(scene.url(f"credentials/{credential}/"))
    happened = "The resource says that the grant is invalid, expired or was revoked"
    expect_problem_here(page, "Needs authorization", happened, "Click Authorize to grant access again.")
    expect_entered_data_is_kept(page, application)
    page.goto(scene.url("credentials/?q=Revoked"))
    expect(page.get_by_role("row").filter(has_text="Revoked grant")).to_contain_text(happened[1:])
    before = scene.sandbox.stats(application.client_id).token_requests["refresh_token"]
    assert scene.call(integration).status_code == 409
    assert scene.sandbox.stats(application.client_id).token_requests["refresh_token"] == before

    page.goto(scene.url(f"credentials/{credential}/"))
    press(page.locator("#credential-problem"), "Authorize")
    answer_at_resource(page, scene.sandbox)
    expect(page.get_by_text(PASSED)).to_be_visible()
    assert scene.call(integration).json()["success"]


def test_no_refresh_token_is_said_at_once_and_again_when_the_access_token_has_expired(page: Page, scene: Scene) -> None:
    be(page, scene)
    added = scene.added("No refresh token", scope="read")
    authorize_here(page, scene, added)
    expect(page.get_by_text(PASSED)).to_be_visible()
    expect(page.get_by_text("The resource issued no refresh token: when the access token ends")).to_be_visible()
    credential = added.credential_id
    integration = scene.add_integration(credential)
    scene.end_token(credential, added.application.client_id)
    refused = scene.call(integration)
    assert (refused.status_code, refused.json()["error"]) == (409, "needs_authorization")

    page.goto(scene.url(f"credentials/{credential}/"))
    expect_problem_here(
        page,
        "Needs authorization",
        "The access token has expired and the resource issued no refresh token",
        "Click Authorize to grant access again",
        "let the resource issue a refresh token",
    )
    expect_entered_data_is_kept(page, added.application)


def test_a_token_url_that_is_no_token_endpoint_is_said(page: Page, scene: Scene) -> None:
    be(page, scene)
    added = scene.added("No token endpoint", grant="client_credentials", token_url=f"{scene.sandbox.url}/")
    page.goto(added.go_to)
    expect(page.get_by_text("What you entered is kept.")).to_be_visible()
    expect_problem(page, "Failed", "Choose Edit")


def test_an_address_in_a_private_network_is_not_called_and_the_page_says_so(page: Page, scene: Scene) -> None:
    be(page, scene)
    added = scene.added("Private address", grant="client_credentials", token_url="https://127.0.0.1:1/token")
    page.goto(added.go_to)
    expect_failure(page, "The address is not allowed", "leads into a private network")
