"""A real nginx that asks for client certificates, one port for each way in which a server can differ."""

import socket
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.pki import Issued, issue
from tests.support.processes import Server, find_program, free_port, wait_until

HOST = "127.0.0.1"
VERSIONS = ("TLSv1.1", "TLSv1.2", "TLSv1.3")
# TLS 1.1 needs the lowest security level of OpenSSL 3 on the server's side too.
SITE = """
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {folder}/{certificate}.crt;
        ssl_certificate_key {folder}/{certificate}.key;
        ssl_protocols {protocols};
        ssl_ciphers DEFAULT@SECLEVEL=0;
        ssl_client_certificate {folder}/clients.crt;
        ssl_verify_client {verify};
        ssl_verify_depth 4;
        location / {{ return 200 "$ssl_client_verify|$ssl_client_s_dn|$ssl_protocol"; }}
        location /redirect {{ return 307 https://{host}:{elsewhere}/; }}
        access_log {folder}/{name}.log shown;
    }}
"""


@dataclass(frozen=True)
class Nginx:
    """`ca` signs what clients show and what the server shows; `url` names a site by what is special about it."""

    ca: Issued
    intermediate: Issued
    foreign: Issued
    certificates: dict[str, Issued]
    ports: dict[str, int]
    folder: Path

    def url(self, site: str = "TLSv1.2", path: str = "/") -> str:
        return f"https://{HOST}:{self.ports[site]}{path}"

    def log(self, site: str) -> str:
        """One line for each request: what the client's certificate was found to be, and whose it is."""
        path = self.folder / f"{file_name(site)}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """An nginx for the whole run. "wrong host", "expired" and "foreign" differ in the server's certificate."""
    program = find_program("nginx", "/usr/sbin")
    folder = tmp_path_factory.mktemp("nginx")
    ca = issue("Client and server CA", authority=True)
    intermediate = issue("Intermediate CA", ca, authority=True)
    foreign = issue("Foreign CA", authority=True)
    certificates = {
        "good": issue(HOST, ca),
        "below": issue(HOST, intermediate),
        "wrong host": issue("api.example.com", ca),
        "expired": issue(HOST, ca, days=-1),
        "foreign": issue(HOST, foreign),
    }
    for name, issued in certificates.items():
        (folder / f"{file_name(name)}.crt").write_bytes(issued.chain_pem)
        (folder / f"{file_name(name)}.key").write_bytes(issued.key_pem)
    (folder / "clients.crt").write_bytes(ca.pem)
    sites = {
        **{version: ("good", version, "on") for version in VERSIONS},
        **{name: (name, "TLSv1.2", "on") for name in ("below", "wrong host", "expired", "foreign")},
        "elsewhere": ("good", "TLSv1.2", "optional_no_ca"),
    }
    ports = {name: free_port() for name in sites}
    blocks = "".join(
        SITE.format(
            host=HOST,
            port=ports[name],
            folder=folder,
            name=file_name(name),
            certificate=file_name(certificate),
            protocols=protocols,
            verify=verify,
            elsewhere=ports["elsewhere"],
        )
        for name, (certificate, protocols, verify) in sites.items()
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        textwrap.dedent(f"""
            daemon off;
            master_process off;
            pid {folder}/nginx.pid;
            error_log {folder}/error.log info;
            events {{}}
            http {{
                log_format shown "$ssl_client_verify|$ssl_client_s_dn|$request_uri";
                client_body_temp_path {folder}/body;
                proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi;
                scgi_temp_path {folder}/scgi;
        """)
        + blocks
        + "}\n"
    )
    server = Server(
        "nginx",
        [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)],
        log=folder / "output.log",
    )
    server.start()
    try:
        wait_until(lambda: listens(ports["elsewhere"]), seconds=10, what="nginx listening")
        yield Nginx(ca, intermediate, foreign, certificates, {name: ports[name] for name in sites}, folder)
    finally:
        server.stop()


def file_name(name: str) -> str:
    return name.replace(" ", "-")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
