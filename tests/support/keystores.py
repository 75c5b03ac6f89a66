"""Keystores as people make them: with the `openssl` and `keytool` programs."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.pki import Issued
from tests.support.processes import find_program

PASSWORD = "canary keystore password"
UTF8_PASSWORD = "Grüße, 世界 🔑"


def run(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


# For a program that runs for a moment only: half the processor time of one that prepares for hours.
QUICK = ("-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC")


class Workshop:
    """Makes keystores in a scratch folder. Each method returns the file's bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def path(self, suffix: str, content: bytes | None = None) -> Path:
        self._count += 1
        path = self.folder / f"{self._count}{suffix}"
        if content is not None:
            path.write_bytes(content)
        return path

    def openssl(self, issued: Issued, *options: str, password: str = PASSWORD) -> bytes:
        """`openssl pkcs12 -export`, the certificates above included."""
        program = find_program("openssl")
        out = self.path(".p12")
        key, chain = self.path(".key", issued.key_pem), self.path(".crt", issued.chain_pem)
        secret = self.path(".txt", f"{password}\n".encode())
        run(
            program, "pkcs12", "-export", "-inkey", str(key), "-in", str(chain), "-out", str(out),
            "-passout", f"file:{secret}", *options,
        )  # fmt: skip
        return out.read_bytes()

    def keytool(
        self,
        issued: Issued | None,
        *options: str,
        store: str = "PKCS12",
        password: str = PASSWORD,
        trusted: Sequence[Issued] = (),
        more: Sequence[Issued] = (),
        key_password: str | None = None,
    ) -> bytes:
        """A keystore of this type with the key, further keys (`more`), and imported trust entries."""
        program = find_program("keytool")
        out = self.path(".ks")
        common = ("-noprompt", *QUICK, *options)
        for position, entry in enumerate([*([issued] if issued else []), *more]):
            source = self.path(".p12", self.openssl(entry, "-name", f"key{position}", password="password"))
            run(
                program, "-importkeystore", *common,
                "-srckeystore", str(source), "-srcstoretype", "PKCS12", "-srcstorepass", "password",
                "-srcalias", f"key{position}",
                "-destkeystore", str(out), "-deststoretype", store, "-deststorepass", password,
                "-destkeypass", key_password or password,
            )  # fmt: skip
        for position, entry in enumerate(trusted):
            certificate = self.path(".der", entry.der)
            run(
                program, "-importcert", *common, "-alias", f"trusted{position}", "-file", str(certificate),
                "-keystore", str(out), "-storetype", store, "-storepass", password,
            )  # fmt: skip
        return out.read_bytes()
