"""Versions of a model that come and go."""

import shutil
import subprocess
from pathlib import Path

from app.artifact import METADATA_FILE, TWIN_FILE, Metadata, current_folder, publish
from app.settings import PROJECT_FOLDER
from tests.system.conftest import PATIENCE, PYTHON, environment


def publish_another(home: Path, version: str, *, damaged: bool = False, keep: int = 2) -> None:
    """Publish what is published again under another name."""
    present = current_folder(home)

    def write(folder: Path) -> Metadata:
        shutil.copytree(present, folder, dirs_exist_ok=True)
        metadata = Metadata.model_validate_json((present / METADATA_FILE).read_bytes())
        metadata = metadata.model_copy(update={"version": version})
        (folder / METADATA_FILE).write_text(metadata.model_dump_json())
        if damaged:
            (folder / TWIN_FILE).write_bytes(b"damaged")
        return metadata

    publish(home.parent, home.name, write, keep=keep)


def rolled_back(home: Path, *options: str) -> str:
    """Roll back as operators do; the version that is published then."""
    done = subprocess.run(
        [PYTHON, "-m", "app.cli", "rollback", *options, home],
        cwd=PROJECT_FOLDER,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    version = current_folder(home).name
    assert done.stdout == f"Published {home}/{version}\n"
    return version
