"""Virtual environments of the servers: made from hash-pinned lock files, one for each, and kept until these change."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.settings import PROJECT_FOLDER

_LOCKS: Final = Path(__file__).parent / "requirements"
_ADDRESS: Final = re.compile(r"\w+://\S+")


class UnavailableError(RuntimeError):
    """An environment cannot be made; the message says why, in a line."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with a Python of its own, and the lock file it is made from."""

    folder: Path
    lock: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def size(self) -> int:
        """Bytes of all its files; one that has two names counts once."""
        files = [path.lstat() for path in self.folder.rglob("*")]
        return sum({entry.st_ino: entry.st_size for entry in files}.values())

    def ensure(self) -> None:
        """Make it, unless it is there and complete for its lock file.

        Raises:
            UnavailableError: it cannot be made, for want of a network or of wheels for this machine.
        """
        ready = self.folder / ".ready"
        if ready.is_file() and ready.stat().st_mtime >= self.lock.stat().st_mtime:
            return
        uv = Path(sys.executable).with_name("uv")
        _run(str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(self.folder))
        _run(
            *(str(uv), "pip", "install", "--quiet", "--python", str(self.python)),
            *("--require-hashes", "--no-deps", "--compile-bytecode", "--requirement", str(self.lock)),
        )
        ready.touch()


SERVICE: Final = Environment(PROJECT_FOLDER / ".venv" / "serve", PROJECT_FOLDER / "requirements.txt")
"""The one that `make serve` makes."""


def alternative(name: str) -> Environment:
    """The environment of one of the other servers."""
    return Environment(PROJECT_FOLDER / ".venv" / f"bench-{name}", _LOCKS / f"{name}.txt")


def _run(*command: str) -> None:
    # In the project's folder uv would add the constraints of pyproject.toml, which carry no hashes.
    done = subprocess.run(command, cwd=PROJECT_FOLDER.anchor, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["no reason told"]
        raise UnavailableError(shorten(lines[-1]))


def shorten(reason: str) -> str:
    """A reason that fits into a table: without addresses and home folders, 160 characters at most."""
    plain = _ADDRESS.sub("...", reason.replace(str(PROJECT_FOLDER), ".").replace(str(Path.home()), "~"))
    return plain.replace("|", "/")[:160]
