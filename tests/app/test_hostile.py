"""What one picture can take: every costly picture that was found, read in a process that may not hold more."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from app.settings import PROJECT_FOLDER
from tests import hostile

MOST_MEMORY: Final = 512 * 2**20
"""Bytes that one picture may add to a process under the usual settings, its own bytes not counted."""

PATIENCE: Final = 300.0
"""Seconds that something may take before it counts as hung."""


@pytest.fixture(scope="module")
def taken() -> dict[str, dict[str, Any]]:
    """What became of each picture, and what it took."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not tell the most memory that a process held")
    result = subprocess.run(
        [sys.executable, "-m", "tests.app.costly", *hostile.COSTLY],
        cwd=PROJECT_FOLDER,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0, f"it ended after {lines[-1:]}: {result.stderr[-2000:]}"
    return {line["name"]: line for line in lines}


@pytest.mark.parametrize("name", hostile.COSTLY)
def test_costly_pictures(taken: dict[str, dict[str, Any]], name: str) -> None:
    """It is read or refused with a documented error, in bounded memory and before it counts as hung."""
    found = taken[name]
    assert found["bytes"] <= hostile.MOST_BYTES
    assert found["outcome"] == "picture" if name in hostile.READ else found["outcome"].endswith("Error")
    assert found["peak"] <= MOST_MEMORY


def test_names() -> None:
    """Every picture that is said to be readable is one of them."""
    assert set(hostile.COSTLY) >= hostile.READ
