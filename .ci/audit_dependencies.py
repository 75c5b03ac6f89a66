"""Known vulnerabilities in the locked packages, where a registry answers: `python .ci/audit_dependencies.py LOCK…`.

Exit code 0 when there is none, or when nobody could be asked, which is said; 1 when there is one.
"""

import json
import subprocess
import sys
from pathlib import Path

PATIENCE_SECONDS = 180
ARGUMENTS = ["--format", "json", "--progress-spinner", "off", "--timeout", "10", "--disable-pip", "--require-hashes"]


def main(locks: list[str]) -> int:
    """Ask about every package of the locks."""
    program = Path(sys.executable).with_name("pip-audit")
    command = [str(program), *ARGUMENTS]
    for lock in locks:
        command += ["--requirement", lock]
    try:
        done = subprocess.run(  # noqa: S603 - a program of this environment
            command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        sys.stdout.write("pip-audit: skipped, no registry answers.\n")
        return 0
    found = [package for package in answer["dependencies"] if package.get("vulns")]
    for package in found:
        for each in package["vulns"]:
            fixed = ", ".join(each["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{package['name']} {package['version']}: {each['id']}, fixed in {fixed}\n")
    checked = sum("version" in package for package in answer["dependencies"])
    if not checked:
        sys.stdout.write("pip-audit: skipped, no registry knows these packages.\n")
        return 0
    sys.stdout.write(f"pip-audit: {checked} packages, {len(found)} with a known vulnerability.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
