"""Looks for known vulnerabilities in what is installed: `make audit`. It asks the advisory service; CI does not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from app.settings import PROJECT_FOLDER

LOCKS: Final = ("requirements.txt", "requirements-train.txt", "requirements-dev.txt")
"""What the service, the training program and the tests install. The servers that `make bench` compares with are no part
of the product; their locks are not looked at."""

_NOT_DONE: Final = 2
"""The exit code where nothing is known; 1 where something was found."""


class NotAuditedError(Exception):
    """The advisory service could not be asked, or knew nothing; a sentence says why."""


def findings(report: str, complaint: str) -> Iterator[str]:
    """What pip-audit found, a sentence for each advisory.

    Args:
        report: its JSON.
        complaint: what it wrote to standard error.

    Raises:
        NotAuditedError: the report is none, or leaves packages out: pip-audit itself calls that a success.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        lines = complaint.strip().splitlines() or ["it said nothing"]
        raise NotAuditedError(f"The advisory service gave no answer: {lines[-1]}") from error
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped or not packages:
        raise NotAuditedError(
            f"The advisory service knows nothing of {len(skipped)} of {len(packages)} packages"
            f"{f', {skipped[0]} for one' if skipped else ''}: is it a mirror without advisories?"
        )
    for package in packages:
        for advisory in package["vulns"]:
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            names = ", ".join([advisory["id"], *advisory["aliases"]])
            yield f"{package['name']} {package['version']}: {names}, fixed in {fixed}"


def audit(lock: Path) -> list[str]:
    """Ask about every version that a lock file pins.

    Raises:
        NotAuditedError: there is no telling.
    """
    command = ["-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    options = ["--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"]
    ended = subprocess.run([sys.executable, *command, *options], capture_output=True, text=True, check=False)
    return list(findings(ended.stdout, ended.stderr))


def main() -> int:
    """Audit all lock files; returns the exit code."""
    found = False
    for lock in LOCKS:
        try:
            sentences = audit(PROJECT_FOLDER / lock)
        except NotAuditedError as error:
            sys.stderr.write(f"{lock} was not audited. {error}\n")
            return _NOT_DONE
        sys.stdout.write("".join(f"{lock}: {line}\n" for line in sentences or ["nothing known"]))
        found |= bool(sentences)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
