"""What a million requests a second take, computed from the committed results of `make bench`."""

import math
import re
from typing import Final

from app.settings import PROJECT_FOLDER
from tests.deploy.manifests import BASE, DEPLOY, resources

RESULTS: Final = PROJECT_FOLDER / "tests" / "benchmarks" / "results" / "README.md"
README: Final = DEPLOY / "README.md"
MARKS: Final = ("<!-- written by `python -m tests.deploy` -->\n", "<!-- end -->\n")

GOAL: Final = 1_000_000
"""Requests a second."""

DOLLARS: Final = 0.04
"""What a core costs for an hour; an assumption, put your own in its place."""

REQUEST_BYTES: Final = 1017
"""The small picture's request, head and body; TCP and TLS come on top."""

ANSWER_BYTES: Final = 635

NODE_CORES: Final = 62
"""Cores of a node with 64 that the system leaves to pods."""

PHOTOGRAPH_MB: Final = 1.9
"""The twelve-megapixel photograph's request."""

REPLICA: Final = "this service, 1 process"
OTHERS: Final = "this service, 2 processes"
NO_SERVER: Final = "bare ASGI"
PHOTOGRAPHS: Final = "## The twelve-megapixel photograph"


Rows = dict[tuple[str, str], list[float]]
"""A table's numbers by server and engine, without their spread."""


def table(text: str, title: str) -> Rows:
    """The first table behind a line of the results."""
    lines = text[text.index(f"\n{title}\n") :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    found: Rows = {}
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        server, engine, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        found[server, engine] = [float(cell.split()[0].replace(",", "")) for cell in cells]
    return found


def target_use() -> float:
    """The share of its processor time at which the autoscaler adds replicas."""
    [metric] = resources(BASE)["HorizontalPodAutoscaler"]["spec"]["metrics"]
    return float(metric["resource"]["target"]["averageUtilization"]) / 100


def section(results: str) -> str:
    """The part of `deploy/README.md` that is computed."""
    use = target_use()
    rates = table(results, "Requests a second:")
    p50 = table(results, "Milliseconds, median:")
    p99 = table(results, "Milliseconds, 99th percentile:")
    memory = table(results, "## Memory, start and size")
    photographs = table(results[results.index(PHOTOGRAPHS) :], "Requests a second:")
    [cores] = map(int, re.findall(r"This machine: (\d+) processors", results))
    key = (REPLICA, "LiteRT")
    rate = rates[key][1]
    replicas = math.ceil(GOAL / (rate * use))
    lines = [
        f"One replica answers {rate:,.0f} small pictures a second when 16 connections keep its core busy, half of them "
        f"within {p50[key][1]:.1f} ms, 99% within {p99[key][1]:.1f} ms. The autoscaler keeps it at {use:.0%} of that: "
        f"{rate * use:,.0f} a second. So a million a second take",
        "",
        "| what | how it is computed | |",
        "|---|---|---|",
        f"| replicas, and cores | {GOAL:,} / ({rate:,.0f} x {use}) | {replicas:,} |",
        f"| nodes of {NODE_CORES} usable cores; Kubernetes carries 5,000 | cores / {NODE_CORES} | "
        f"{math.ceil(replicas / NODE_CORES)} |",
        f"| memory | replicas x {memory[key][1]:.0f} MB | {replicas * memory[key][1] / 1e3:,.0f} GB |",
        f"| network, in | {GOAL:,} x {REQUEST_BYTES:,} bytes | {GOAL * REQUEST_BYTES * 8 / 1e9:.1f} Gbit/s |",
        f"| network, out | {GOAL:,} x {ANSWER_BYTES:,} bytes | {GOAL * ANSWER_BYTES * 8 / 1e9:.1f} Gbit/s |",
        f"| network, each replica | both / replicas | "
        f"{GOAL * (REQUEST_BYTES + ANSWER_BYTES) * 8 / 1e6 / replicas:.0f} Mbit/s |",
        f"| an hour | cores x ${DOLLARS} | ${replicas * DOLLARS:,.2f} |",
        f"| a million pictures | that / {3600:,} | ${replicas * DOLLARS / 3600:.4f} |",
        "",
        f"A phone's 12-megapixel photograph costs as much as {rate / photographs[key][-2]:.0f} small pictures, and "
        f"{PHOTOGRAPH_MB} MB of network.",
        "",
        f"The same for all servers of the benchmark. Here `rate` is the better of 16 and 64 connections on {cores} "
        "cores that the load generator shared, which costs the fast ones most; "
        f"cores = {GOAL:,} / (`rate` / {cores} x {use}), dollars a million = cores x {DOLLARS} / {3600:,}:",
        "",
        "| server | engine | `rate` | cores | memory, GB | dollars a million | against this service |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = max(rates[OTHERS, "LiteRT"][1:3])
    for (server, engine), measured in rates.items():
        if server != REPLICA and not server.startswith(NO_SERVER):
            best = max(measured[1:3])
            needed = GOAL / (best / cores * use)
            lines.append(
                f"| {server} | {engine} | {best:,.0f} | {needed:,.0f} | "
                f"{needed / cores * memory[server, engine][1] / 1e3:,.0f} | {needed * DOLLARS / 3600:.4f} | "
                f"{ours / best:.2f} x |"
            )
    return "\n".join(lines) + "\n"


def renewed(readme: str, results: str) -> str:
    """The page with its computed part as the results say."""
    start, end = MARKS
    before, rest = readme.split(start)
    _, after = rest.split(end)
    return before + start + "\n" + section(results) + "\n" + end + after
