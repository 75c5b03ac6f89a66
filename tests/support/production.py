"""The shape of `docs/operations.md` in production: PostgreSQL, Redis, several processes, nginx with TLS."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support.nginx import HOST, listens
from tests.support.pki import Issued, issue
from tests.support.processes import ROOT, Server, find_program, free_port, wait_until
from tests.support.product import Factory, Product

EXAMPLE = ROOT / "docs" / "production" / "nginx.conf"


@dataclass(frozen=True)
class Production:
    """`product.url` is nginx's address; `authorities` is the file of the CA that signed its certificate."""

    product: Product
    nginx: Server
    authorities: Path


def bring_up(
    factory: Factory, redis_url: str, folder: Path, *, env: dict[str, str], web: int = 2, workers: int = 2
) -> Production:
    """Start all of it. Whoever calls stops `nginx`; the factory stops the product."""
    program = find_program("nginx", "/usr/sbin")
    port = free_port()
    product = factory(
        web=web,
        workers=workers,
        beat=True,
        database="postgres",
        redis_url=redis_url,
        env={**env, "PUBLIC_URL": f"https://{HOST}:{port}", "BEHIND_PROXY": "true"},
    )
    authority = issue("CA of this run", authority=True)
    (folder / "ca.pem").write_bytes(authority.pem)
    configuration = configure(folder, issue(HOST, authority), port, product.urls)
    nginx = Server(
        "nginx",
        [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)],
        log=folder / "output.log",
    )
    nginx.start()
    wait_until(lambda: listens(port), seconds=10, what="nginx listening")
    return Production(product, nginx, folder / "ca.pem")


def configure(folder: Path, certificate: Issued, port: int, urls: list[str]) -> Path:
    """The example of the documentation, filled in, inside the least that nginx needs around it."""
    (folder / "front.crt").write_bytes(certificate.chain_pem)
    (folder / "front.key").write_bytes(certificate.key_pem)
    upstreams = "".join(f"server {url.removeprefix('http://')} max_fails=1 fail_timeout=5s;" for url in urls)
    site = EXAMPLE.read_text()
    for as_written, here in {
        r"server 127\.0\.0\.1:8001 .*": upstreams,
        r"server 127\.0\.0\.1:8002 .*": "",
        r"listen 443": f"listen {HOST}:{port}",
        r"server_name bots\.example\.com": f"server_name {HOST}",
        r"/etc/ssl/bots\.example\.com": str(folder / "front"),
    }.items():
        site, replaced = re.subn(as_written, here, site)
        assert replaced, f"The example does not hold {as_written} any more."
    (folder / "site.conf").write_text(site)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        textwrap.dedent(f"""
            daemon off;
            master_process off;
            pid {folder}/nginx.pid;
            error_log {folder}/error.log warn;
            events {{}}
            http {{
                client_body_temp_path {folder}/body;
                proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi;
                scgi_temp_path {folder}/scgi;
                include {folder}/site.conf;
            }}
        """)
    )
    return configuration
