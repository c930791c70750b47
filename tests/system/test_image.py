"""The Dockerfile: what it copies is there, what it takes away is not missed, and how the container is run."""

import json
import os
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import ai_edge_litert
import pytest

from app.settings import PROJECT_FOLDER
from tests.system.conftest import PATIENCE, Server, environment

DOCKERFILE = (PROJECT_FOLDER / "Dockerfile").read_text().replace("\\\n", " ")

PACKAGES = Path(ai_edge_litert.__file__).parent.parent
"""Where the packages lie that the image also has."""

READS_EVERYTHING = """
import sys
from pathlib import Path
import app.main, app.protocol, app.cli
from PIL import Image
from app.local import LocalReader
from app.explanation import explain
from tests.pictures import FORMATS, encode

app.main.application()
reader = LocalReader()
seven = Image.open("tests/seven.jpg")
assert {reader.read(encode(seven, name)).digit for name in FORMATS} == {7}
print(*(line.split(maxsplit=5)[5].strip() for line in open("/proc/self/maps") if line.count("/") > 1), sep="\\n")
print(*(module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)), sep="\\n")
"""
"""Reads a picture in every format as the service would, then tells which files it has loaded, a line each."""


def stages() -> dict[str, list[str]]:
    """The instructions of each stage, by the stage's name."""
    found: dict[str, list[str]] = {}
    for line in DOCKERFILE.splitlines():
        if line.startswith("FROM "):
            found[line.split()[-1]] = []
        elif found and line and not line.startswith("#"):
            found[next(reversed(found))].append(re.sub(r" +", " ", line))
    return found


def instruction(stage: str, name: str) -> str:
    """What the last instruction of this name says."""
    return [line.removeprefix(f"{name} ") for line in stages()[stage] if line.startswith(f"{name} ")][-1]


def taken_away() -> list[str]:
    """What the Dockerfile removes by its path, below the folder of the packages."""
    [install] = [line for line in stages()["dependencies"] if "requirements.txt" in line and line.startswith("RUN")]
    [removal] = [part for part in install.split(" && ") if part.startswith("rm ")]
    return shlex.split(removal)[2:]


def loaded_files() -> list[Path]:
    """The libraries and modules that reading pictures of all formats takes."""
    result = subprocess.run(
        [sys.executable, "-c", READS_EVERYTHING],
        cwd=PROJECT_FOLDER,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr
    paths = {Path(line) for line in result.stdout.splitlines()}
    return [path.relative_to(PACKAGES) for path in paths if path.is_relative_to(PACKAGES)]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not list what a process has mapped")
def test_nothing_taken_away_is_ever_loaded() -> None:
    """A process that reads every format loads no file that the image lacks, and much of what the image has."""
    loaded = loaded_files()
    assert Path("ai_edge_litert/libLiteRt.so") in loaded
    assert taken_away()
    for path in taken_away():
        assert (PACKAGES / path).exists(), f"{path} is no longer there to be taken away"
        assert not [file for file in loaded if file.is_relative_to(path)]
    assert not [file for file in loaded if "tests" in file.parts or file.suffix == ".pyi"]


def test_only_whole_libraries_are_stripped() -> None:
    """Libraries that auditwheel has rewritten break when stripped: packages with such a folder are left alone."""
    [strip] = re.findall(r"find ([\w ]+) -name '\*\.so' -exec strip ", (PROJECT_FOLDER / "Dockerfile").read_text())
    packages = strip.split()
    assert packages
    for package in packages:
        assert (PACKAGES / package).is_dir()
        assert not (PACKAGES / f"{package}.libs").exists()


def context_has(path: str) -> bool:
    """Whether .dockerignore lets a path into the build; the last rule that matches decides."""
    kept = True
    for rule in (PROJECT_FOLDER / ".dockerignore").read_text().splitlines():
        pattern = rule.removeprefix("!").removeprefix("**/")
        if rule and not rule.startswith("#"):
            parts = [path, *(str(parent) for parent in Path(path).parents)]
            if any(fnmatch(part, pattern) or fnmatch(Path(part).name, pattern) for part in parts):
                kept = rule.startswith("!")
    return kept


def test_what_is_copied_is_there() -> None:
    """Every source of a COPY exists and is sent to the builder; nothing else is."""
    sources = [
        source
        for lines in stages().values()
        for line in lines
        if line.startswith("COPY ") and "--from=" not in line
        for source in [word for word in line.split()[1:] if not word.startswith("--")][:-1]
    ]
    assert {"app", "artifacts/default", "requirements.txt"} <= set(sources)
    for source in sources:
        assert (PROJECT_FOLDER / source).exists()
        assert context_has(source)
    for other in (".git", "tests", ".venv", "artifacts/paper", "app/__pycache__", "deploy"):
        assert not context_has(other), other
    for asset in ("app/openapi.json", "app/static/page.js", "artifacts/default/CURRENT"):
        assert context_has(asset)


@pytest.mark.parametrize("stage", ["train", "service"])
def test_containers_run_without_privileges(stage: str) -> None:
    """No stage that runs is root, and its command is in exec form, so that signals reach it."""
    assert instruction(stage, "USER") == "10001:10001"
    command = json.loads(instruction(stage, "ENTRYPOINT" if stage == "train" else "CMD"))
    assert command[0] == "/opt/venv/bin/python"


def health_check() -> list[str]:
    command: list[str] = json.loads(instruction("service", "HEALTHCHECK").partition("CMD ")[2])
    return command


def test_health_check_tells_the_truth(server: Server) -> None:
    """The image's own check passes beside a service and fails beside none, whatever proxy the variables name."""
    command = [sys.executable, *health_check()[1:]]
    here = {**os.environ, "http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    port = server.url.rpartition(":")[2]
    well = subprocess.run(command, env={**here, "DIGITS_PORT": port}, check=False, timeout=PATIENCE)
    assert well.returncode == 0
    ill = subprocess.run(
        command, env={**here, "DIGITS_PORT": "9"}, check=False, timeout=PATIENCE, stderr=subprocess.DEVNULL
    )
    assert ill.returncode != 0


def test_byte_code_does_not_depend_on_times() -> None:
    """Builders round the files' times, which would make byte code seem stale: it is made without them, for all code."""
    assert "--no-compile" in " ".join(stages()["dependencies"])
    for stage in ("dependencies", "service"):
        assert "compileall -q --invalidation-mode unchecked-hash" in " ".join(stages()[stage])
