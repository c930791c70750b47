"""Databases to keep corrections in: SQLite files, and a real PostgreSQL server where it is installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from app.feedback.corrections import Correction, Label

SKIPPED: Final = "PostgreSQL is not installed: apt-get install postgresql"

_STARTS: Final = 60
"""Seconds that the server may take to start."""


def correction(shade: int = 100, label: Label = "7", **changes: Any) -> Correction:
    """A correction whose picture is all of one shade."""
    facts: dict[str, Any] = {
        "picture": np.full((28, 28, 1), shade, np.uint8),
        "label": label,
        "probabilities": (0.0, 0.75, 0.25, *[0.0] * 7),
        "verdict": "uncertain",
        "model_name": "default",
        "model_version": "20261122-ca8ebbb7",
    }
    return Correction(**{**facts, **changes})


def learnt_and_held_out() -> tuple[list[int], list[int]]:
    """Shades whose pictures are learnt from, and those held out."""
    held_out = [shade for shade in range(256) if correction(shade).is_held_out]
    return [shade for shade in range(256) if shade not in held_out], held_out


def _programs() -> Path | None:
    """Where Debian, or whoever else, has put PostgreSQL's own programs."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if (found := shutil.which("initdb")) is not None:
        places.append(Path(found).parent)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


class PostgreSQL:
    """A server of one's own, on a socket in a folder of its own."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self.url = f"postgresql://postgres@/postgres?host={folder}"

    def call(self, program: str, *arguments: str) -> None:
        """Run one of its programs, which refuse to be run by root."""
        subprocess.run(
            [str(self._programs / program), "-D", str(self._folder / "data"), *arguments],
            cwd=self._folder,
            user=self._user,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=2 * _STARTS,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        log = str(self._folder / "log")
        self.call("pg_ctl", "-w", "-t", str(_STARTS), "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """End it, whoever is connected."""
        self.call("pg_ctl", "-w", "-m", "immediate", "stop")


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server while the block runs; skips the test where there is none to run."""
    programs = _programs()
    if programs is None:
        pytest.skip(SKIPPED)
    user = None
    # Paths of sockets are short, and pytest's folders are root's alone.
    folder = Path(tempfile.mkdtemp(prefix="digits-"))
    if os.geteuid() == 0:
        user = "postgres"
        try:
            shutil.chown(folder, user)
        except LookupError:
            folder.rmdir()
            pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`: apt-get install postgresql")
    server = PostgreSQL(programs, folder, user)
    try:
        server.call("initdb", "--username=postgres", "--auth=trust", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
