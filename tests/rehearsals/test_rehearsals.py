"""What `docs/operations.md` tells an operator to do, done in that order by its own commands on a real installation.

The chapters build on each other; each is a fixture of the module, so that any test can be run alone.
"""

from collections.abc import Iterator

import psycopg
import pytest

from tests.rehearsals.documented import Done, Operator
from tests.rehearsals.story import Seen, Story
from tests.support.databases import Postgres, Redis
from tests.support.journeys import Visitor
from tests.support.product import Factory
from tests.support.remains import files, sightings
from tests.support.sandbox_server import Sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture(scope="module")
def story(
    product_factory: Factory, sandbox: Sandbox, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    told = Story(product_factory, sandbox, redis_server, Operator(tmp_path_factory.mktemp("operator")))
    yield told
    product_factory.retire(*told.products)
    assert sightings(files(told.operator.backup)) == []


# A new version


@pytest.fixture(scope="module")
def hindered(story: Story) -> Seen:
    return story.migrate_while_somebody_reads()


@pytest.fixture(scope="module")
def migrated(story: Story, hindered: Seen) -> Seen:
    story.leave_half_an_index()
    return story.migrate()


def test_a_migration_that_has_to_wait_gives_up_and_nobody_notices(hindered: Seen) -> None:
    assert hindered.done.code != 0
    assert "lock timeout" in hindered.done.errors
    assert set(hindered.statuses) == {200}


def test_run_again_it_goes_through_while_the_old_version_serves(story: Story, migrated: Seen) -> None:
    assert migrated.done.code == 0, migrated.done.errors
    assert len(migrated.statuses) >= 4
    assert set(migrated.statuses) == {200}
    with psycopg.connect(story.product.env["DATABASE_URL"]) as database:
        [[tints]] = database.execute("SELECT array_agg(DISTINCT tint) FROM credentials_credential").fetchall()
        [[valid, definition]] = database.execute(
            "SELECT indisvalid, pg_get_indexdef(indexrelid) FROM pg_index "
            "WHERE indexrelid = 'credential_by_tint'::regclass"
        ).fetchall()
    assert (tints, valid) == (["plain"], True)
    assert "(organization_id, tint)" in definition, "The index that was interrupted is still there."


@pytest.mark.usefixtures("migrated")
def test_the_old_version_writes_into_every_table_that_has_changed(story: Story) -> None:
    story.inside.end_token(story.steady.credential_id)
    assert story.token(story.steady) == (200, "")
    assert story.inside.attempts(story.steady.credential_id)[-1] == ("applied", "")
    story.alice.add(story.sandbox, name="Added meanwhile", application=story.machine.application)
    assert "Traceback" not in story.product.logs()


@pytest.mark.usefixtures("migrated")
def test_a_type_that_was_changed_all_the_same_costs_a_retry_and_no_restart(story: Story) -> None:
    assert {story.bots() for _ in range(4)} == {200}  # by then the plans are kept
    with psycopg.connect(story.product.env["DATABASE_URL"], autocommit=True) as somebody:
        for length in (301, 255):
            somebody.execute(f"ALTER TABLE organizations_servicetoken ALTER name TYPE varchar({length})")
            statuses = [story.bots() for _ in range(8)]
            assert set(statuses) <= {200, 503}
            assert statuses[-1] == 200


# Backup, loss, restore


@pytest.fixture(scope="module")
def backed_up(story: Story, migrated: Seen) -> Seen:
    return story.back_up()


@pytest.fixture(scope="module")
def restored(story: Story, backed_up: Seen, postgres: Postgres) -> Seen:
    story.live_on()
    story.lose_everything()
    return story.restore(postgres)


@pytest.fixture(scope="module")
def report(story: Story, restored: Seen) -> Done:
    return story.go_on()


def test_everybody_is_served_while_the_backup_is_made(backed_up: Seen) -> None:
    assert (backed_up.done.code, backed_up.done.errors) == (0, "")
    assert len(backed_up.statuses) >= 4
    assert set(backed_up.statuses) == {200}


@pytest.mark.usefixtures("backed_up")
def test_the_backup_holds_no_secret_and_no_key(story: Story) -> None:
    restored_as_text = story.operator.read_dump()
    assert story.machine.credential_id in restored_as_text
    for added in (story.rotated, story.machine):
        assert added.application.client_secret not in restored_as_text
    assert story.vault.partition(":")[2] not in restored_as_text


def test_the_restored_log_is_whole_and_goes_through_the_head_that_was_kept(restored: Seen) -> None:
    assert restored.done.code == 0, restored.done.errors
    assert restored.done.output.count("intact") == 2
    assert "W001" not in restored.done.errors


@pytest.mark.usefixtures("report")
def test_people_sign_in_anew_and_find_their_credentials(story: Story) -> None:
    alice = Visitor(story.product.url, story.stage)
    alice.session.cookies.update(story.alice.session.cookies)
    assert alice.get(alice.credentials_url()).status_code == 302
    page = alice.sign_in().get(alice.credentials_url())
    assert page.status_code == 200
    assert all(name in page.text for name in ("Rotated", "Steady", "Machine"))


@pytest.mark.usefixtures("report")
def test_what_did_not_rotate_was_renewed_by_the_sweep_and_is_served(story: Story) -> None:
    assert story.token(story.steady) == (200, "")
    assert story.token(story.machine) == (200, "")


def test_what_rotated_needs_a_person_says_why_and_is_asked_for_once(story: Story, report: Done) -> None:
    assert report.code == 0, report.errors
    [line] = [line for line in report.output.splitlines() if "Rotated" in line]
    assert "Needs authorization" in line
    assert "the resource says that the grant is invalid" in line
    asked = story.refreshes(story.rotated)
    assert asked == 2  # once by the machine that was lost, once by the sweep
    assert story.token(story.rotated) == (409, "needs_authorization")
    assert story.inside.rows("SELECT count(*) FROM credentials_oauthtoken WHERE refresh_at <= now()") == [(0,)]
    assert story.refreshes(story.rotated) == asked
    assert "Traceback" not in story.product.logs()


# The key is lost, too


@pytest.fixture(scope="module")
def without_the_key(story: Story, report: Done) -> Done:
    return story.lose_the_key()


def test_the_check_and_the_start_say_which_key_is_missing_and_for_how_much(story: Story, without_the_key: Done) -> None:
    assert without_the_key.code == 0, without_the_key.errors
    for said in (without_the_key.errors, story.product.processes["web.1"].text_since_start()):
        assert "credentials.W001" in said
        assert 'secrets are sealed with the key "test"' in said


@pytest.mark.usefixtures("without_the_key")
def test_bots_are_told_why_and_the_resource_is_not_asked(story: Story) -> None:
    before = story.refreshes(story.steady)
    assert story.token(story.steady) == (409, "needs_authorization")
    assert story.refreshes(story.steady) == before


@pytest.mark.usefixtures("without_the_key")
def test_secrets_that_are_entered_again_work_and_what_cannot_be_opened_can_be_deleted(story: Story) -> None:
    alice = Visitor(story.product.url, story.stage).sign_in()
    edit = alice.credentials_url(f"{story.machine.credential_id}/edit/")
    entered = {
        "name": "Machine",
        "client_id": story.machine.application.client_id,
        "scope": "read",
        "token_url": story.sandbox.token_url,
        "client_authentication": "basic",
    }
    refused = alice.post(edit, entered)
    assert refused.status_code == 200
    assert "What is stored cannot be opened any more. Enter it again." in refused.text
    secret = story.machine.application.client_secret
    alice.step(alice.post(edit, {**entered, "client_secret": secret, "authorize": "on"}))
    story.product.manage("sweep", "--json")
    assert story.token(story.machine) == (200, "")

    alice.step(alice.post(alice.credentials_url(f"{story.rotated.credential_id}/delete/")))
    assert "“Rotated” was deleted" in alice.get(alice.credentials_url()).text
    assert "Rotated" not in alice.get(alice.credentials_url()).text
    assert "Traceback" not in story.product.processes["web.1"].text_since_start()
