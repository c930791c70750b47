"""Server processes: started, waited for, weighed and stopped."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.settings import PROJECT_FOLDER
from tests.benchmarks.environments import UnavailableError, shorten
from tests.benchmarks.load import HOST
from tests.benchmarks.servers import Server

PATIENCE: Final = 90.0
"""Seconds that a server may take to become ready."""
_STOP_SECONDS: Final = 8.0
_LOOK_SECONDS: Final = 0.01
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready."""

    port: int
    cold_start: float
    """Seconds from the start of the process to the first 200 of its readiness."""
    process: int
    """Id of the process that was started; it may have others below it."""

    def memory(self) -> list[int]:
        """Resident bytes of each process of the tree, the largest first."""
        return sorted(filter(None, map(_resident, tree(self.process))), reverse=True)

    def processor_seconds(self) -> float:
        """Seconds of processors that the tree has used."""
        return sum(map(_used, tree(self.process)))


@contextmanager
def running(server: Server, logs: Path) -> Iterator[Running]:
    """Run a server until the block ends; what it writes goes to a file of its name.

    Raises:
        UnavailableError: it ends early or does not become ready.
    """
    ports = free_ports()
    command, variables = server.started_with(ports)
    log = logs / f"{server.key}.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=PROJECT_FOLDER, env=variables, stdout=output, stderr=output, start_new_session=True
        )
        try:
            while not _is_ready(ports[0], server.ready):
                if process.poll() is not None:
                    raise UnavailableError(shorten(_last_line(log) or f"ended with {process.returncode}"))
                if time.perf_counter() - began > PATIENCE:
                    raise UnavailableError(f"not ready after {PATIENCE:.0f} s")
                time.sleep(_LOOK_SECONDS)
            yield Running(ports[0], time.perf_counter() - began, process.pid)
        finally:
            _stop(process)


def free_ports() -> tuple[int, int, int]:
    """Three ports that nobody listens on."""
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        for probe in (first, second, third):
            probe.bind((HOST, 0))
        return first.getsockname()[1], second.getsockname()[1], third.getsockname()[1]


def tree(root: int) -> list[int]:
    """Ids of a process and of all below it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold anything; the parent is the second field behind it.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    found = [root]
    for process in found:
        found += parents.get(process, [])
    return found


@dataclass(frozen=True, slots=True)
class Weight:
    """What one process takes of the machine."""

    resident: int
    """Bytes of memory."""
    proportional: int
    """Bytes of memory, those that it shares divided by the processes that share them."""
    anonymous: int
    """Of the resident bytes those that no file holds: what was allocated."""
    handles: int
    """Open files and sockets."""
    threads: int


def weigh(process: int) -> Weight | None:
    """What a process takes; None of one that has ended."""
    folder = Path(f"/proc/{process}")
    try:
        status, shares = _fields(folder / "status"), _fields(folder / "smaps_rollup")
        handles = len(list((folder / "fd").iterdir()))
    except OSError:
        return None
    if "VmRSS" not in status or "Pss" not in shares:
        # Ended, and not yet waited for.
        return None
    return Weight(
        resident=1024 * int(status["VmRSS"].split()[0]),
        proportional=1024 * int(shares["Pss"].split()[0]),
        anonymous=1024 * int(status["RssAnon"].split()[0]),
        handles=handles,
        threads=int(status["Threads"]),
    )


def _fields(path: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _resident(process: int) -> int:
    """Resident bytes; 0 of a process that has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _used(process: int) -> float:
    """Seconds of processors; 0 of a process that has ended."""
    try:
        # In user mode and in the kernel.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def _is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process politely, and then whatever is left of its tree."""
    family = tree(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    for member in family:
        # Only members of the session that was opened for this server: an id may have been given to another since.
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(member) == process.pid:
                os.kill(member, signal.SIGKILL)
    process.wait()


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
