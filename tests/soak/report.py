"""The page and the plot of a run."""

import datetime as dt
import math
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmarks.processes import Weight
from tests.benchmarks.report import number
from tests.soak import samples
from tests.soak.ledger import PROXY_BUFFER, Again, Outcome
from tests.soak.samples import HANDLE_GROWTH, LONG, MEMORY_GROWTH, Sample, trend
from tests.soak.soak import Record

PAGE_FILE: Final = "README.md"
PLOT_FILE: Final = "soak.png"
SAMPLES_FILE: Final = "samples.csv"

_MB: Final = 1e6
_MINUTE: Final = 60.0
_GAP: Final = 60.0
"""Seconds between two samples of a process that are not joined by a line."""

_QUANTITIES: Final[dict[str, tuple[Callable[[Weight], float], float]]] = {
    "resident memory, MB": (lambda weight: weight.resident, _MB),
    "of it allocated (in no file), MB": (lambda weight: weight.anonymous, _MB),
    "proportional memory, MB": (lambda weight: weight.proportional, _MB),
    "handles": (lambda weight: weight.handles, 1.0),
    "threads": (lambda weight: weight.threads, 1.0),
}
"""What is told of the process that lives as long as the run."""

_COLOURS: Final = {
    Outcome.RIGHT: "#2a7f62",
    Outcome.REFUSED: "#8fb8de",
    Outcome.LEFT: "#c9c9c9",
    Outcome.WRONG: "#d95f02",
    Outcome.LOST: "#c1121f",
}

_MARKS: Final = {"publish": "v", "roll back": "^", "damaged version": "x", "SIGTERM": "s", "kill -9": "*"}
"""How a change is shown, by the beginning of its name."""


def complaints(record: Record) -> list[str]:
    """What is not as it should be."""
    ledger = record.ledger
    found = [f"{fault.sort} at {fault.at:.1f} s: {fault.outcome}: {fault.reason[:300]}" for fault in ledger.faults]
    if ledger.accounted != ledger.sent:
        found.append(f"Of {ledger.sent:,} requests {ledger.accounted:,} are accounted for.")
    found += record.complaints
    if record.before is None or record.after is None or len({sample.pid for sample in record.survivor}) != 1:
        return [*found, "The process that was to live as long as the run did not."]
    if record.after.weight.handles > record.before.weight.handles + HANDLE_GROWTH:
        found.append(f"Handles at rest: {record.before.weight.handles} before, {record.after.weight.handles} after.")
    if record.seconds >= LONG:
        memory = trend(record.survivor, lambda weight: weight.resident).growth
        handles = trend(record.survivor, lambda weight: weight.handles).growth
        if memory > MEMORY_GROWTH:
            found.append(f"Memory grew by {memory / _MB:.1f} MB in the second half.")
        if handles > HANDLE_GROWTH:
            found.append(f"Handles grew by {handles:.0f} in the second half.")
    return found


def page(record: Record) -> str:
    """Everything that was counted, as Markdown."""
    lines = [
        "# Soak",
        "",
        "Written by `make soak`.",
        "",
        f"![Requests by outcome, memory and handles as time passes]({PLOT_FILE})",
        "",
        *_totals(record),
        "",
        "## Memory, handles and threads",
        "",
        *_growth_section(record),
        "",
        "## What was done meanwhile",
        "",
        *_step_table(record),
        "",
        "## Request by request",
        "",
        *_request_table(record),
        "",
        "## How it was measured",
        "",
        *_method(record),
        "",
    ]
    return "\n".join(lines)


def _totals(record: Record) -> list[str]:
    ledger = record.ledger
    found = complaints(record)
    return [
        f"{ledger.sent:,} requests in {record.seconds / _MINUTE:.0f} minutes, all accounted for:"
        if ledger.accounted == ledger.sent
        else f"{ledger.sent:,} requests, of which {ledger.accounted:,} are accounted for:",
        "",
        "| requests | |",
        "|---|---|",
        *(f"| {outcome} | {ledger.total(outcome):,} |" for outcome in Outcome),
        "",
        f"Sent once more, as clients do: {ledger.again(Again.BUSY):,} times after a 503 with `Retry-After` or a 504 "
        f"(the machine was busy, or the instance about to end), and {ledger.again(Again.KILLED):,} times because "
        f"`kill -9` cut a request off (the proxy repeats by itself what it holds whole: up to {PROXY_BUFFER // 1024} "
        "KiB). Each request is above once, with what became of it in the end.",
        "",
        *(["Complaints:", "", *(f"- {complaint}" for complaint in found[:50])] if found else ["No complaints."]),
    ]


def _growth_section(record: Record) -> list[str]:
    if record.before is None or record.after is None:
        return ["Unknown: the process that was to live as long as the run did not."]
    lines = [
        "The instance that is neither restarted nor killed, one process:",
        "",
        "| | at rest before | first quarter | last quarter | at rest after | growth in the second half |",
        "|---|---|---|---|---|---|",
    ]
    for name, (of, unit) in _QUANTITIES.items():
        found = trend(record.survivor, of)
        cells = (of(record.before.weight), found.early, found.late, of(record.after.weight), found.growth)
        lines.append(f"| {name} | {' | '.join(number(cell / unit) for cell in cells)} |")
    judged = (
        f"At most {MEMORY_GROWTH / 2**20:.0f} MiB of resident memory and {HANDLE_GROWTH} handles are allowed."
        if record.seconds >= LONG
        else "A run this short does not tell growth from warming up."
    )
    return [
        *lines,
        "",
        "Quarters: medians, the first without the run's first tenth. Growth: the least-squares line through the second "
        f"half, from its beginning to its end. {judged}",
    ]


def _step_table(record: Record) -> Iterator[str]:
    yield "| what | how often | took, s (median) |"
    yield "|---|---|---|"
    for name, steps in groupby(sorted(record.steps, key=lambda step: step.name), lambda step: step.name):
        took = [step.end - step.begin for step in steps]
        yield f"| {name} | {len(took)} | {statistics.median(took):.1f} |"


def _request_table(record: Record) -> Iterator[str]:
    yield "| | request | sent | right | refused | with | left | sent again | wrong | lost | p50, ms | p99, ms |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    groups = list(dict.fromkeys(row.group for row in record.ledger.rows.values()))
    for name, row in sorted(record.ledger.rows.items(), key=lambda item: (groups.index(item[1].group), item[0])):
        out = row.outcomes
        yield (
            f"| {row.group} | {name} | {out.total():,} | {out[Outcome.RIGHT]:,} | {out[Outcome.REFUSED]:,} "
            f"| {row.refusal} | {out[Outcome.LEFT]:,} | {row.again.total()} | {out[Outcome.WRONG]} "
            f"| {out[Outcome.LOST]} | {number(row.percentile(0.5))} | {number(row.percentile(0.99))} |"
        )


def _method(record: Record) -> list[str]:
    plan = record.plan
    service = (
        "Two instances behind HAProxy with [deploy/haproxy.cfg](../../../deploy/haproxy.cfg), at the service's own "
        "settings but for the processes: the first has one and lives as long as the run, the second has two and is "
        "restarted (SIGTERM) and killed (one of its processes, then all)."
        if plan.proxy
        else "One instance of one process without a proxy: it is neither restarted nor killed."
    )
    return [
        f"- {service}",
        f"- Requests come at random times, {plan.rate:g} a second, whether or not those before are answered; the same "
        f"ones in every run (seed {plan.seed}).",
        "- *Right*: the digits that are on the pictures, by a version of the model that may answer at that time. "
        "*Refused*: the status and the `code` that the README promises. *Lost*: no whole answer, or a 5xx.",
        "- Published versions are the committed model under other names. A step is over once all processes tell that "
        f"it has had its effect; the next begins {plan.pause:g} s later.",
        "- A request cut off by `kill -9` is sent again only if the proxy could not: larger than its buffer, or still "
        "arriving. Everything else that ends without an answer is lost.",
        f"- This machine: {os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, on "
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; load average {min(record.loads):.1f} to {max(record.loads):.1f}, median "
        f"{statistics.median(record.loads):.1f}: the generator, the proxy and other programs share the processors. "
        "Times tell of that.",
    ]


def plot(record: Record) -> Figure:
    """Requests, memory, and handles and threads, above each other."""
    figure, (requests, memory, handles) = plt.subplots(
        3, 1, figsize=(10, 9.5), sharex=True, layout="constrained", height_ratios=(1.1, 1.4, 1.0)
    )
    _plot_requests(requests, record)
    _plot_memory(memory, record)
    _plot_handles(handles, record)
    handles.set_xlabel("Minutes")
    handles.set_xlim(0, record.seconds / _MINUTE)
    for axes in (requests, memory, handles):
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _plot_requests(axes: Axes, record: Record) -> None:
    ledger = record.ledger
    minutes = range(1 + int(record.seconds // _MINUTE))
    below = [0] * len(minutes)
    for outcome in Outcome:
        heights = [ledger.by_minute[minute, outcome] for minute in minutes]
        axes.bar(
            minutes, heights, 1.0, below, align="edge", color=_COLOURS[outcome],
            label=f"{outcome}: {ledger.total(outcome):,}",
        )  # fmt: skip
        below = [bottom + height for bottom, height in zip(below, heights, strict=True)]
    top = max(below)
    axes.set_ylim(0, 1.45 * top)
    for height, (name, mark) in zip((1.1, 1.1, 1.1, 1.2, 1.2), _MARKS.items(), strict=True):
        begins = [step.begin / _MINUTE for step in record.steps if step.name.startswith(name)]
        axes.plot(
            begins, [height * top] * len(begins), mark, color="#333333", markersize=4, label=f"{name}: {len(begins)}"
        )
    axes.set_ylabel("Requests a minute, by outcome")
    axes.legend(loc="upper left", ncols=5, fontsize=7.5, frameon=False)


def _plot_memory(axes: Axes, record: Record) -> None:
    others = sorted((sample for sample in record.samples if sample.instance != "one"), key=lambda sample: sample.pid)
    for index, (_, group) in enumerate(groupby(others, lambda sample: sample.pid)):
        line = list(group)
        label = "resident, processes of the instance that is restarted" if index == 0 else None
        axes.plot(*_curve(line, lambda weight: weight.resident / _MB), color="#b9c6d3", linewidth=0.8, label=label)
    own = record.survivor
    axes.plot(
        *_curve(own, lambda weight: weight.resident / _MB), color="#2a7f62", label="resident, the process that lives on"
    )
    axes.plot(*_curve(own, lambda weight: weight.anonymous / _MB), color="#d9a404", label="of it allocated, in no file")
    axes.set_ylabel("Memory, MB")
    axes.set_ylim(0, 1.2 * max(sample.weight.resident for sample in record.samples) / _MB)
    axes.legend(loc="upper left", ncols=3, fontsize=7.5, frameon=False)


def _plot_handles(axes: Axes, record: Record) -> None:
    own = record.survivor
    axes.plot(
        *_curve(own, lambda weight: weight.handles), color="#2a7f62", label="handles of the process that lives on"
    )
    axes.plot(*_curve(own, lambda weight: weight.threads), color="#8fb8de", label="its threads")
    axes.set_ylabel("Handles, threads")
    axes.set_ylim(0, 1.25 * max(sample.weight.handles for sample in record.survivor))
    axes.legend(loc="upper left", ncols=2, fontsize=7.5, frameon=False)


def _curve(line: Sequence[Sample], of: Callable[[Weight], float]) -> tuple[list[float], list[float]]:
    """Minutes and values; with a gap where a process was not seen for a while."""
    minutes: list[float] = []
    values: list[float] = []
    for before, sample in zip([line[0], *line], line, strict=False):
        if sample.at - before.at > _GAP:
            minutes.append(sample.at / _MINUTE)
            values.append(math.nan)
        minutes.append(sample.at / _MINUTE)
        values.append(of(sample.weight))
    return minutes, values


def write(record: Record, folder: Path) -> None:
    """Write the page, the plot and the samples."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = plot(record)
    figure.savefig(folder / PLOT_FILE, dpi=110)
    plt.close(figure)
    samples.write(record.samples, folder / SAMPLES_FILE)
    (folder / PAGE_FILE).write_text(page(record))
