"""One installation and what happens to it: a new version, a backup, the loss of everything, a restore, a lost key.

PostgreSQL, Redis and a resource that rotates refresh tokens are real. Each chapter is told once; the tests look at it.
"""

from dataclasses import dataclass, field

import psycopg

from tests.rehearsals.bots import asking
from tests.rehearsals.documented import Done, Operator
from tests.support.databases import Postgres, Redis
from tests.support.inside import Inside, wake
from tests.support.journeys import Added, Stage, Visitor, bot_token, set_the_stage
from tests.support.processes import free_port, wait_until
from tests.support.product import Factory, Product, new_credential_keys
from tests.support.sandbox_server import Sandbox

NEXT_VERSION = {"DJANGO_SETTINGS_MODULE": "tests.rehearsals.next_version.settings"}


@dataclass
class Seen:
    """What a documented procedure did, and what bots were answered meanwhile."""

    done: Done
    statuses: list[int] = field(default_factory=list)


class Story:
    """`rotated` has its refresh token rotated after the backup, `steady` has not, `machine` has none."""

    def __init__(self, factory: Factory, sandbox: Sandbox, redis_server: Redis, operator: Operator) -> None:
        self.sandbox, self.redis, self.operator = sandbox, redis_server, operator
        env = {"OUTBOUND_ALLOW": sandbox.host_and_port}
        self.product = factory(web=1, workers=0, database="postgres", redis_url=redis_server.url, env=env)
        self.products = [self.product]
        self.stage: Stage = set_the_stage(self.product)
        self.alice = Visitor(self.product.url, self.stage).sign_in()
        self.rotated, self.steady = (self.alice.add(sandbox, name=name) for name in ("Rotated", "Steady"))
        for added in (self.rotated, self.steady):
            self.alice.come_back(sandbox.consent(added.go_to))
        self.machine = self.alice.add(sandbox, name="Machine", grant="client_credentials")
        self.product.manage("sweep", "--json")

    @property
    def vault(self) -> str:
        """The keys as they are kept apart from everything else."""
        return self.product.env["CREDENTIAL_KEYS"]

    @property
    def inside(self) -> Inside:
        return Inside(self.product)

    def token(self, added: Added) -> tuple[int, str]:
        """What a bot is answered: status, and the error where there is one."""
        answer = bot_token(self.product.url, self.stage, added.credential_id)
        return answer.status_code, answer.json().get("error", "")

    def refreshes(self, added: Added) -> int:
        return self.sandbox.stats(added.application.client_id).token_requests.get("refresh_token", 0)

    def bots(self) -> int:
        """A bot's question, and a person's."""
        return self.token(self.steady)[0]

    def people(self) -> int:
        return self.alice.get(self.alice.credentials_url()).status_code

    # A new version

    def migrate_while_somebody_reads(self) -> Seen:
        """A report holds a lock on the busiest table that the migration wants, for longer than it may wait."""
        with psycopg.connect(self.product.env["DATABASE_URL"]) as report:
            report.execute("SELECT count(*) FROM credentials_credential")
            return self.migrate()

    def leave_half_an_index(self) -> None:
        """What PostgreSQL keeps of one whose building was interrupted; of other columns, so that it can be told."""
        with psycopg.connect(self.product.env["DATABASE_URL"]) as database:
            database.execute("CREATE INDEX credential_by_tint ON credentials_credential (version)")
            database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'credential_by_tint'::regclass")

    def migrate(self) -> Seen:
        with asking(self.bots, self.people) as statuses:
            done = self.operator.run("migrate", {**self.product.env, **NEXT_VERSION})
        return Seen(done, statuses)

    # Backup and loss

    def back_up(self) -> Seen:
        with asking(self.bots, self.people) as statuses:
            done = self.operator.run("backup-postgresql", self.product.env)
        return Seen(done, statuses)

    def live_on(self) -> None:
        """What the backup does not know: the resource has rotated a refresh token."""
        self.inside.end_token(self.rotated.credential_id)
        assert self.token(self.rotated) == (200, "")
        assert self.inside.generation(self.rotated.credential_id) == 2

    def lose_everything(self) -> None:
        for name in self.product.processes:
            self.product.kill(name)
        self.redis.flush()

    # Restore

    def restore(self, postgres: Postgres) -> Seen:
        """Other addresses for everything, and of the old machine only what the vault has."""
        old, port = self.product, free_port()
        env = {**old.env, "DATABASE_URL": postgres.new_database(), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        self.product = Product(old.folder / "after", env, [port])
        self.products.append(self.product)
        return Seen(self.operator.run("restore-postgresql", env))

    def go_on(self) -> Done:
        """Time has passed, so that everything is due; web and worker start, and beat's message comes."""
        for added in (self.rotated, self.steady, self.machine):
            self.inside.end_token(added.credential_id)
        before = {
            each.credential_id: self.inside.generation(each.credential_id) for each in (self.steady, self.machine)
        }
        self.product.add_web(1)
        self.product.add_worker(1)
        wake(self.product, "sweep")
        wait_until(
            lambda: (
                {each: self.inside.generation(each) for each in before} == {each: n + 1 for each, n in before.items()}
                and self.inside.status(self.rotated.credential_id)[0] != "active"
            ),
            seconds=30,
            what="the sweep going on",
        )
        self.product.stop("worker.1")
        return self.operator.run("after-a-disaster", self.product.env)

    # The key

    def lose_the_key(self) -> Done:
        """The page's steps 1 to 3."""
        self.product.stop()
        self.product.env["CREDENTIAL_KEYS"] = new_credential_keys("found-anew")
        said = self.operator.run("key-lost", self.product.env)
        self.product.add_web(1)
        return said
