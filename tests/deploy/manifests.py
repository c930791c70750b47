"""The files of `deploy/`, read."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from app.settings import PROJECT_FOLDER

DEPLOY: Final = PROJECT_FOLDER / "deploy"
BASE: Final = DEPLOY / "base"
OVERLAYS: Final = sorted(path.parent for path in DEPLOY.glob("overlays/*/kustomization.yaml"))

KUSTOMIZE: Final = next(
    ([tool, *words] for tool, *words in (("kustomize", "build"), ("kubectl", "kustomize")) if shutil.which(tool)), None
)
"""The command that puts an overlay on its base, where one is installed."""

Manifest = dict[str, Any]


def documents(text: str) -> Iterator[Manifest]:
    """The objects that a YAML text describes."""
    return (document for document in yaml.safe_load_all(text) if document)


def resources(folder: Path) -> dict[str, Manifest]:
    """The objects that a kustomization brings itself, by kind."""
    found = [
        document
        for name in kustomization(folder)["resources"]
        if (folder / name).is_file()
        for document in documents((folder / name).read_text())
    ]
    return {document["kind"]: document for document in found}


def kustomization(folder: Path) -> Manifest:
    """What a folder is made of."""
    [document] = documents((folder / "kustomization.yaml").read_text())
    return document


def built(folder: Path) -> dict[str, Manifest]:
    """The objects that an overlay becomes on its base, by kind."""
    assert KUSTOMIZE is not None
    result = subprocess.run([*KUSTOMIZE, str(folder)], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    return {document["kind"]: document for document in documents(result.stdout)}
