"""The Dockerfile: what it copies is there, what it takes away is not missed, and how the container is run."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import Distribution, distribution
from pathlib import Path

import ai_edge_litert
import httpx
import pytest
from packaging.requirements import Requirement
from PIL import Image

from app.artifact import current_folder
from app.settings import PROJECT_FOLDER
from tests.pictures import FORMATS, encode
from tests.system.conftest import PATIENCE, Server, environment, serve, wait_until
from tests.system.publishing import publish_another

DOCKERFILE = (PROJECT_FOLDER / "Dockerfile").read_text().replace("\\\n", " ")

PACKAGES = Path(ai_edge_litert.__file__).resolve().parent.parent
"""Where the packages lie that the image also has."""

SEVEN = PROJECT_FOLDER / "tests" / "seven.jpg"

MOST_BYTES = 300_000_000
"""What the image may add to its base."""

READS_EVERYTHING = """
import sys
import tempfile
from pathlib import Path
import psycopg.pq
import sqlalchemy.dialects.postgresql.psycopg
import app.main, app.protocol, app.cli
from app.feedback.store import Store
from app.local import LocalReader
from app.explanation import explain

app.main.application()
reader = LocalReader()
assert {reader.read(Path(name).read_bytes()).digit for name in sys.argv[1:]} == {7}
with tempfile.TemporaryDirectory() as folder:
    store = Store(f"sqlite:///{folder}/corrections.db")
    assert store.kept() == []
    store.close()
print(*(line.split(maxsplit=5)[5].strip() for line in open("/proc/self/maps") if line.count("/") > 1), sep="\\n")
print(*(module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)), sep="\\n")
"""
"""Reads a picture in every format as the service would, opens a database, then tells which files it has loaded."""


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


def bytes_of(folder: Path) -> dict[Path, int]:
    """The size of each file but byte code, by its path in the folder."""
    files = [path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file()]
    return {path.relative_to(folder): path.stat().st_size for path in files}


@dataclass(frozen=True, slots=True)
class Pruned:
    """An environment like the image's."""

    python: str
    whole: dict[Path, int]
    """Its packages' files and their bytes as they were installed."""
    left: dict[Path, int]
    complaints: str

    @property
    def lost(self) -> set[Path]:
        """What is no longer there."""
        return self.whole.keys() - self.left.keys()


def served() -> Iterator[Distribution]:
    """The packages of the service, as they are installed here."""
    for pin in re.findall(r"^\S+==[^\\\n]+", (PROJECT_FOLDER / "requirements.txt").read_text(), re.MULTILINE):
        requirement = Requirement(pin)
        if requirement.marker is None or requirement.marker.evaluate():
            yield distribution(requirement.name)


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Pruned:
    """The service's packages in an environment of their own, pruned as the Dockerfile does it."""
    if sys.platform != "linux" or shutil.which("ld") is None:
        pytest.skip("images are made on Linux, with binutils: apt-get install binutils")
    folder = tmp_path_factory.mktemp("image") / "venv"
    venv.create(folder)
    [packages] = folder.glob("lib/python3*/site-packages")
    for file in {file for package in served() for file in package.files or ()}:
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file():
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            # With its time: byte code is valid for that of its source.
            shutil.copy2(source, packages / file)
    whole = bytes_of(packages)
    result = subprocess.run(
        [sys.executable, "deploy/prune.py", str(folder)],
        cwd=PROJECT_FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr
    return Pruned(str(folder / "bin" / "python"), whole, bytes_of(packages), result.stderr)


def loaded_files(pictures: Iterable[Path]) -> set[Path]:
    """The libraries and modules that serving takes where nothing was pruned."""
    result = subprocess.run(
        [sys.executable, "-c", READS_EVERYTHING, *pictures],
        cwd=PROJECT_FOLDER,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr
    paths = {Path(line).resolve() for line in result.stdout.splitlines()}
    return {path.relative_to(PACKAGES) for path in paths if path.is_relative_to(PACKAGES)}


def test_nothing_taken_away_is_ever_loaded(pruned: Pruned, tmp_path: Path) -> None:
    """Each rule finds something, and serving loads nothing of it where it is there; but for what OpenCV never calls."""
    # From Python 3.12 on NumPy has no such package.
    assert pruned.complaints in {"", "Nothing to prune matches numpy/distutils\n"}
    for name in FORMATS:
        (tmp_path / name).write_bytes(encode(Image.open(SEVEN), name))
    loaded = loaded_files(tmp_path.iterdir())
    assert Path("ai_edge_litert/libLiteRt.so") in loaded
    assert {Path("ai_edge_litert/libLiteRtWebGpuAccelerator.so"), Path("numpy/f2py/__init__.py")} <= pruned.lost
    assert {path.parts[0] for path in loaded & pruned.lost} == {"opencv_python_headless.libs"}


def test_only_whole_libraries_are_stripped(pruned: Pruned) -> None:
    """Libraries that auditwheel has rewritten, beside a folder *.libs, break when stripped: they are left alone."""
    changed = {path.parts[0] for path, size in pruned.left.items() if pruned.whole[path] != size}
    assert {"uvloop", "sqlalchemy", "opencv_python_headless.libs"} <= changed
    assert not {f"{package}.libs" for package in changed} & {path.parts[0] for path in pruned.whole}


def test_image_is_small(pruned: Pruned) -> None:
    """The packages with their byte code, the service and its model stay below the bound."""
    # Byte code takes less than 1.5 times the room of its source.
    sources = sum(size for path, size in pruned.left.items() if path.suffix == ".py")
    own = [*bytes_of(PROJECT_FOLDER / "app").values(), *bytes_of(PROJECT_FOLDER / "artifacts" / "default").values()]
    assert sum(pruned.left.values()) + 1.5 * sources + sum(own) < MOST_BYTES


def test_all_works_with_what_is_left(pruned: Pruned, tmp_path: Path) -> None:
    """Pictures of all formats, numbers, batches, tensors, corrections, keys, pages, metrics, versions, commands."""
    home = Path(shutil.copytree(PROJECT_FOLDER / "artifacts" / "default", tmp_path / "default"))
    first = current_folder(home).name
    database = f"sqlite:///{tmp_path / 'corrections.db'}"

    def command(*words: str | Path) -> str:
        return subprocess.run(
            [pruned.python, "-m", "app.cli", *words],
            cwd=PROJECT_FOLDER,
            env=environment(DIGITS_DATABASE=database),
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout

    key, written = (line.split()[1] for line in command("key").splitlines()[:2])
    settings = {
        "DIGITS_MODEL": home,
        "DIGITS_WATCH_SECONDS": 0.1,
        "DIGITS_WORKERS": 2,
        "DIGITS_DATABASE": database,
        "DIGITS_API_KEYS": written,
        "DIGITS_RATE_LIMIT": "1000/hour",
    }
    with serve(python=pruned.python, **settings) as server:
        assert httpx.get(f"{server.url}/model").status_code == httpx.codes.UNAUTHORIZED
        with httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=PATIENCE) as client:
            seven = Image.open(SEVEN)
            for name in FORMATS:
                answer = client.post("/predict?explain=true", files={"file": encode(seven, name)}).json()
                assert (answer["digit"], answer["preparation"]["format"]) == (7, name)
            number = (PROJECT_FOLDER / "tests" / "2047.png").read_bytes()
            assert client.post("/read", files={"file": number}).json()["text"] == "2047"
            batch = client.post("/predict/batch", files=[("file", number), ("file", b"nonsense")]).json()["results"]
            assert [result["problem"] is None for result in batch] == [True, False]
            tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1], "data": [0] * 784}
            assert client.post("/v2/models/default/infer", json={"inputs": [tensor]}).status_code == httpx.codes.OK
            kept = client.post("/feedback?label=7", files={"file": encode(seven, "PNG")}).json()["id"]
            assert kept in command("feedback", "list")
            for path in ("/", "/about-the-model", "/docs", "/openapi.json", "/v1/models/default"):
                assert client.get(path).status_code == httpx.codes.OK
            assert 'digits_pictures_total{verdict="digit"}' in client.get("/metrics").text

            def answering(version: str) -> bool:
                answers = [client.get("/model", headers={"Connection": "close"}) for _ in range(20)]
                return {answer.json()["metadata"]["version"] for answer in answers} == {version}

            assert answering(first)
            publish_another(home, "second")
            wait_until(lambda: answering("second"), server.process)
            assert command("rollback", home) == f"Published {home}/{first}\n"
            wait_until(lambda: answering(first), server.process)
    assert command("read", "tests/seven.jpg") == "tests/seven.jpg: 7 (100.0%)\n"


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
    assert {"app", "artifacts/default", "deploy/prune.py", "requirements.txt"} <= set(sources)
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
