"""The package as `pip install .` makes it."""

import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from app import __version__
from app.settings import PROJECT_FOLDER
from tests.system.conftest import PATIENCE, environment


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what an installation would put beside the other packages, far from the repository."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=PROJECT_FOLDER,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_reads_outside_of_the_repository(installed: Path, tmp_path: Path) -> None:
    """The package brings its model along and reads with it wherever it is called."""
    picture = tmp_path / "seven.jpg"
    picture.write_bytes((PROJECT_FOLDER / "tests" / "seven.jpg").read_bytes())
    program = "import app; assert app.__file__.startswith(PLACE), app.__file__; from app.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-P", "-c", program.replace("PLACE", repr(str(installed))), "read", "seven.jpg"],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (result.stdout, result.stderr, result.returncode) == ("seven.jpg: 7 (100.0%)\n", "", 0)


def test_holds_the_service_and_nothing_else(installed: Path) -> None:
    """One package, its description, and the command; neither tests nor the training program."""
    [description] = installed.glob("*.dist-info")
    assert {path.name for path in installed.iterdir()} == {"app", description.name}
    metadata = PathDistribution(description)
    assert metadata.version == __version__
    assert [(entry.name, entry.value) for entry in metadata.entry_points] == [("digits", "app.cli:main")]
    # What has run leaves byte code behind.
    packed, source = (
        {path.name for path in folder.iterdir()} - {"__pycache__"}
        for folder in (installed / "app", PROJECT_FOLDER / "app")
    )
    assert source == packed - {"artifacts"}
