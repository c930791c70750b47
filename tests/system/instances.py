"""Two instances of the service behind HAProxy, with the configuration that operators are shown."""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx

from app.settings import PROJECT_FOLDER
from tests.benchmarks.processes import free_ports, tree
from tests.system.conftest import PATIENCE, PYTHON, environment, wait_until

HAPROXY: Final = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
"""The program; None where it is missing: apt-get install haproxy."""

PROXY_LOG: Final = "proxy.log"
"""Where the proxy says which instance it takes for ready."""


def status_of(url: str) -> int | None:
    """What a new connection is answered; None where nobody listens."""
    try:
        return httpx.get(url, timeout=PATIENCE).status_code
    except httpx.TransportError:
        return None


class Instance:
    """One instance of the service, which may be stopped, killed and started again."""

    def __init__(self, port: int, log: Path, **settings: object) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._environment = environment(**{"DIGITS_PORT": port} | settings)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "app.main"], cwd=PROJECT_FOLDER, env=self._environment, stdout=log, stderr=log
            )
        wait_until(lambda: status_of(f"{self.url}/health/ready") == httpx.codes.OK, self.process)

    def stop(self) -> int:
        """Tell it to end, as an operator does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Kill all its processes at once, as the end of a container does."""
        with ExitStack() as stack:
            ends = []
            for pid in tree(self.process.pid):
                with suppress(ProcessLookupError):
                    ends.append(os.pidfd_open(pid))
                    stack.callback(os.close, ends[-1])
                    os.kill(pid, signal.SIGKILL)
            # Until the last has ended, the port is taken.
            for end in ends:
                assert select.select([end], [], [], PATIENCE)[0], "a process outlives SIGKILL"
        self.process.wait()


@contextmanager
def proxied(folder: Path, one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[tuple[int, Instance, Instance]]:
    """Run two instances with these settings behind HAProxy until the block ends; the proxy's port, and both."""
    assert HAPROXY is not None
    front, *ports = free_ports()
    instances: list[Instance] = []
    proxy = None
    try:
        for name, port, settings in zip(("one", "two"), ports, (one, two), strict=True):
            instances.append(Instance(port, folder / f"{name}.log", **settings))
        addresses = {
            "DIGITS_PROXY": f"127.0.0.1:{front}",
            "DIGITS_ONE": f"127.0.0.1:{ports[0]}",
            "DIGITS_TWO": f"127.0.0.1:{ports[1]}",
        }
        with (folder / PROXY_LOG).open("w") as log:
            proxy = subprocess.Popen(
                [HAPROXY, "-db", "-f", str(PROJECT_FOLDER / "deploy" / "haproxy.cfg")],
                env=os.environ | addresses,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: status_of(f"http://127.0.0.1:{front}/health/ready") == httpx.codes.OK, proxy)
        yield front, instances[0], instances[1]
    finally:
        if proxy is not None:
            proxy.kill()
            proxy.wait()
        for instance in instances:
            instance.end()
