"""What a web process serves to people: what it loads and keeps for that belongs to its memory too."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.journeys import Stage, Visitor
from tests.support.product import Product
from tests.support.second_factor import enrol
from tests.types.mutual_samples import CLIENT, PASSWORD, TRUSTED, pkcs12_of

AT_ONCE = 8
ROUNDS = 3
# One of each for every process: a code of an authenticator app is taken once.
_STAFF = """
from tests.support.people import person
for number in range({count}):
    root = person(f"root{{number}}")
    root.is_staff = root.is_superuser = True
    root.save()
"""


def look_around(product: Product, stage: Stage, credential: str, integration: str) -> None:
    """Administrators and staff at every web process: pages, forms, a keystore, exports, and the administration."""
    product.manage("shell", "--verbosity", "0", "-c", _STAFF.format(count=len(product.urls)))
    for number, url in enumerate(product.urls):
        alice = Visitor(url, stage).sign_in()
        add_and_edit_a_keystore(alice)
        staff = Visitor(url, stage, f"root{number}").sign_in()
        enrol(staff)
        for visitor, addresses in (
            (alice, pages(stage.organization_id, credential, integration)),
            (staff, administration(stage.organization_id, credential)),
        ):
            with ThreadPoolExecutor(AT_ONCE) as people:
                list(people.map(lambda address, who=visitor: see(who, address), addresses * ROUNDS))


def pages(organization_id: str, credential: str, integration: str) -> list[str]:
    home = f"/organizations/{organization_id}"
    return [
        *(f"{home}/{page}/" for page in ("members", "bots", "service-tokens", "activity", "notices", "webhook")),
        *(f"{home}/{page}/" for page in ("credentials", "integrations", "domains", "expiry")),
        *(f"{home}/{each}/add/" for each in ("credentials", "integrations", "domains", "service-tokens")),
        f"{home}/credentials/?q=orders&sort=used",
        f"{home}/credentials/{credential}/",
        f"{home}/credentials/{credential}/edit/",
        f"{home}/integrations/{integration}/",
        f"{home}/integrations/{integration}/edit/",
        f"{home}/activity/export/csv/",
        "/api/v1/docs",
        "/api/v1/openapi.json",
        "/metrics",
        "/health/ready",
    ]


def administration(organization_id: str, credential: str) -> list[str]:
    models = ("credentials/credential", "credentials/tokenattempt", "credentials/notice", "organizations/auditentry")
    return [
        "/admin/",
        *(f"/admin/{model}/" for model in (*models, "organizations/organization", "auth/user")),
        f"/admin/credentials/credential/{credential}/change/",
        f"/admin/organizations/organization/{organization_id}/change/",
        "/admin/auth/user/add/",
    ]


def see(visitor: Visitor, address: str) -> None:
    """Raises `RuntimeError` where there is no such page."""
    answer = visitor.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")


def add_and_edit_a_keystore(visitor: Visitor) -> None:
    """The whole wizard, and the form of what it made, with uploads."""
    names = (f"Partner of {visitor.url}", f"New partner of {visitor.url}")
    upload = {"key_certificate": pkcs12_of(CLIENT), "trust_certificate": TRUSTED.pem}
    start = {"name": names[0], "kind": "mutual_authentication"}
    step = visitor.step(visitor.post(visitor.credentials_url("add/"), start))
    visitor.step(visitor.post(step, {"key_certificate_password": PASSWORD}, files=upload))
    edit = visitor.credentials_url(f"{step.rstrip('/').split('/')[-2]}/edit/")
    visitor.step(visitor.post(edit, {"name": names[1], "key_certificate_password": PASSWORD}, files=upload))
