"""No version that is locked has a known vulnerability, and `make audit` tells what it knows and what it does not."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from app.settings import PROJECT_FOLDER
from tests import audit

FLOORS: Final = {
    # Decompression bombs and buffer overflows of the decoders.
    "pillow": "12.3",
    # CVE-2024-24762, CVE-2024-53981, CVE-2026-24486, CVE-2026-40347, CVE-2026-42561, CVE-2026-53538 to 53540: forms
    # that keep the parser busy or fill the memory.
    "python-multipart": "0.0.31",
    "starlette": "1.3.1",
    # CVE-2025-1550, CVE-2025-8747, CVE-2025-9905: model files that run code.
    "keras": "3.15",
}
"""The oldest version of each package that is free of the advisories this kind of service has met."""

SERVED: Final = {"pillow", "python-multipart", "starlette"}

VULNERABLE: Final = {
    "name": "pillow",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0", "3.0"], "description": "..."}],
}
SOUND: Final = {"name": "numpy", "version": "2.0", "vulns": []}


def locked(lock: Path) -> dict[str, list[Version]]:
    """The versions that a lock file pins; markers may choose between several."""
    found: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name.lower().replace("_", "-"), []).append(Version(version))
    return found


@pytest.mark.parametrize("name", audit.LOCKS)
def test_locks_are_above_the_floors(name: str) -> None:
    """No lock file pins a version below the floor of a known advisory, and what is served is in each of them."""
    versions = locked(PROJECT_FOLDER / name)
    assert set(versions) >= SERVED
    for package, floor in FLOORS.items():
        for version in versions.get(package, []):
            assert version >= Version(floor), f"{name}: {package} {version}; run: make lock UPGRADE=1"


def test_installations_are_above_the_floors() -> None:
    """Whoever installs the package without its lock files gets no older version either."""
    project = tomllib.loads((PROJECT_FOLDER / "pyproject.toml").read_text())["project"]
    required = [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["train"])]
    lowest = {one.name: str(one.specifier).removeprefix(">=") for one in required if one.name in FLOORS}
    assert set(lowest) == set(FLOORS)
    for package, floor in FLOORS.items():
        assert Version(lowest[package]) >= Version(floor), package


def test_every_pin_has_hashes() -> None:
    """What an index serves under a known name and version, but with other content, is not installed."""
    for name in audit.LOCKS:
        pins = re.split(r"\n(?=\S)", (PROJECT_FOLDER / name).read_text().strip())
        assert len(pins) > 20
        assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


class TestAudit:
    def test_findings(self) -> None:
        """Each advisory is a sentence: which version, which advisory, what to do."""
        assert list(audit.findings(report(SOUND, VULNERABLE), "Found 1 known vulnerability")) == [
            "pillow 1.0: PYSEC-1, CVE-1, fixed in 2.0, 3.0"
        ]
        assert list(audit.findings(report(SOUND), "")) == []

    @pytest.mark.parametrize(
        ("out", "complaint", "sentence"),
        [
            (
                "",
                "Traceback\n  File\nrequests.exceptions.ConnectionError: no such host\n",
                "ConnectionError: no such host",
            ),
            ("", "", "it said nothing"),
            ("[]", "x", "gave no answer: x"),
            (report(), "", "0 of 0 packages"),
            (report(SOUND, {"name": "tqdm", "skip_reason": "not found"}), "", "1 of 2 packages, tqdm for one"),
        ],
    )
    def test_what_cannot_be_told(self, out: str, complaint: str, sentence: str) -> None:
        """No answer, or one that leaves packages out, is not taken for a clean one."""
        with pytest.raises(audit.NotAuditedError, match=sentence):
            list(audit.findings(out, complaint))

    @pytest.mark.parametrize(
        ("answer", "code", "out", "err"),
        [
            ([], 0, "requirements.txt: nothing known\n", ""),
            (["pillow 1.0: CVE-1"], 1, "requirements.txt: pillow 1.0: CVE-1\n", ""),
            (audit.NotAuditedError("No answer."), 2, "", "requirements.txt was not audited. No answer.\n"),
        ],
    )
    def test_exit_codes(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        answer: list[str] | audit.NotAuditedError,
        code: int,
        out: str,
        err: str,
    ) -> None:
        """0 for nothing known, 1 for something, 2 for no telling; never a stack trace."""

        def answered(_: Path) -> list[str]:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(audit, "audit", answered)
        assert audit.main() == code
        captured = capsys.readouterr()
        assert captured.out.startswith(out)
        assert captured.err == err
        assert len(captured.out.splitlines()) in {0, len(audit.LOCKS)}
