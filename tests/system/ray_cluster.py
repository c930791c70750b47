"""Several Ray nodes on this machine, in a process of their own: python -m tests.system.ray_cluster 1 1.

Each argument is a node with so many cores; the head has none. The address and the ids of the nodes' raylets are written
to standard output in JSON once they are up; they are taken down when standard input ends.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.settings import PROJECT_FOLDER
from tests.system.conftest import PATIENCE, environment

ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
    # Machines that run tests may be busy.
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_agent_register_timeout_ms": "300000",
    # A node that is gone refuses connections: after the third time, a second and a half, it counts as dead.
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "3",
}
"""Of all processes of the cluster, and of those that join it."""

_OBJECT_STORE: Final = 80 * 2**20


@dataclass(frozen=True, slots=True)
class Nodes:
    """A running cluster."""

    address: str
    raylets: list[int]
    """The process of each node that starts its workers."""

    def workers(self, node: int, name: bytes) -> list[int]:
        """The processes of a node's actors whose class has this in its name."""
        raylet = self.raylets[node]
        found = []
        for task in Path(f"/proc/{raylet}/task").glob("*/children"):
            for pid in map(int, task.read_text().split()):
                try:
                    if name in Path(f"/proc/{pid}/cmdline").read_bytes():
                        found.append(pid)
                except (FileNotFoundError, ProcessLookupError):
                    continue
        return found


@contextmanager
def nodes(folder: Path, *cores: int, **variables: str) -> Iterator[Nodes]:
    """Nodes with so many cores, and with these environment variables, until the block ends."""
    with (folder / "cluster.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.ray_cluster", *map(str, cores)],
            cwd=PROJECT_FOLDER,
            env=environment() | ENVIRONMENT | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (folder / "cluster.log").read_text()
            yield Nodes(**json.loads(line))
        finally:
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main(cores: list[int]) -> None:
    """Run the cluster."""
    from ray.cluster_utils import Cluster

    options = {"object_store_memory": _OBJECT_STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **options})
    added = [cluster.add_node(num_cpus=count, **options) for count in cores]
    cluster.wait_for_nodes(timeout=300)
    raylets = [node.all_processes["raylet"][0].process.pid for node in added]
    sys.stdout.write(json.dumps({"address": cluster.address, "raylets": raylets}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]])
