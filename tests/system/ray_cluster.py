"""Several Ray nodes on this machine, in a process of their own: python -m tests.system.ray_cluster 1 1.

Each argument is a node with so many cores; the head has none. The address and the ids of the nodes' raylets are written
to standard output in JSON once they are up; they are taken down when standard input ends.
"""

import json
import sys

from ray.cluster_utils import Cluster

_OBJECT_STORE = 80 * 2**20


def main(cores: list[int]) -> None:
    """Run the cluster."""
    options = {"object_store_memory": _OBJECT_STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **options})
    nodes = [cluster.add_node(num_cpus=count, **options) for count in cores]
    cluster.wait_for_nodes(timeout=300)
    raylets = [node.all_processes["raylet"][0].process.pid for node in nodes]
    sys.stdout.write(json.dumps({"address": cluster.address, "raylets": raylets}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]])
