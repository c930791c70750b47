"""The page and the plot of a run."""

import datetime as dt
import math
import os
import platform
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tests.benchmarks.figures import PAIR, SINGLE, Figures, Kind, Quantity, Row, Spread, Target, targets
from tests.benchmarks.pictures import photograph, small_png
from tests.benchmarks.runs import CONNECTIONS, Plan

PAGE_FILE: Final = "README.md"
PLOT_FILE: Final = "throughput.png"

_QUANTITIES: Final[dict[Quantity, str]] = {
    "rate": "Requests a second",
    "p50": "Milliseconds, median",
    "p99": "Milliseconds, 99th percentile",
}
"""What is told of each load, in this order."""

_ENGINES: Final = {"keras": "Keras", "litert": "LiteRT", None: "none"}


def page(figures: Figures, plan: Plan) -> str:
    """Everything that was measured, as Markdown."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`.",
        "",
        f"![Requests a second of each server]({PLOT_FILE})",
        "",
        "## Targets",
        "",
        *target_table(targets(figures)),
        "",
        *_loads_section("The small picture", figures, "small"),
        *_loads_section("The twelve-megapixel photograph", figures, "photo"),
        "## Memory, start and size",
        "",
        *resource_table(figures),
        "",
        "## Where a request's time goes",
        "",
        *budget_table(figures),
        "",
        "## Other pictures, and others' pictures",
        "",
        *side_table(figures),
        "",
        "## How it was measured",
        "",
        *_method(plan),
        "",
    ]
    return "\n".join(lines)


def _loads_section(heading: str, figures: Figures, kind: Kind) -> list[str]:
    """How fast a picture is answered, table by table."""
    lines = [f"## {heading}", ""]
    for quantity, words in _QUANTITIES.items():
        lines += [f"{words}:", "", *load_table(figures, kind, quantity), ""]
    return lines


def target_table(found: Sequence[Target]) -> list[str]:
    """Each target beside what was measured, as lines of a Markdown table."""
    words = {True: "met", False: "**missed**", None: "not measured"}
    return [
        "| target | limit | measured | |",
        "|---|---|---|---|",
        *(
            f"| {target.promise} | {'at least' if target.at_least else 'at most'} {target.limit:g} {target.unit} "
            f"| {number(target.measured)}{f' {target.unit}' if target.met is not None else ''}"
            f"{f' ({target.note})' if target.note else ''} | {words[target.met]} |"
            for target in found
        ),
    ]


def load_table(figures: Figures, kind: Kind, quantity: Quantity) -> list[str]:
    """One quantity of every server: the median of the rounds, and the lowest to the highest of them."""
    connections = CONNECTIONS[kind]
    heads = [f"{count} connection{'s' if count > 1 else ''}" for count in connections]
    return [
        f"| server | engine | {' | '.join(heads)} | errors |",
        f"|---|---|{'---|' * len(heads)}---|",
        *(_load_row(row, kind, quantity) for row in figures.rows.values()),
    ]


def _load_row(row: Row, kind: Kind, quantity: Quantity) -> str:
    server = row.server
    if row.failures and not row.loads:
        cells = [row.failures[0], *[""] * (len(CONNECTIONS[kind]) - 1)]
    else:
        cells = [_spread(row.spread(kind, count, quantity)) for count in CONNECTIONS[kind]]
    return f"| {server.title} | {_ENGINES[server.engine]} | {' | '.join(cells)} | {row.errors(kind)} |"


def resource_table(figures: Figures) -> list[str]:
    """What each server needs, as lines of a Markdown table."""
    return [
        "| server | engine | processes | memory, MB | after photographs, MB | cold start, s | installed, MB |",
        "|---|---|---|---|---|---|---|",
        *map(_resource_row, figures.rows.values()),
    ]


def _resource_row(row: Row) -> str:
    needs = [
        row.failures[0] if row.failures else str(row.processes),
        number(row.resident / 1e6),
        number(row.resident_after_photos / 1e6),
        number(row.cold_start),
        number(row.installed / 1e6),
    ]
    return f"| {row.server.title} | {_ENGINES[row.server.engine]} | {' | '.join(needs)} |"


def budget_table(figures: Figures) -> list[str]:
    """The parts of a request in microseconds, and the floor under it, as lines of a Markdown table."""
    parts = {
        "HTTP: bare ASGI, kept busy by 16 connections": figures.http,
        "multipart reading": figures.budget(lambda budget: budget.multipart),
        "opening the picture": figures.budget(lambda budget: budget.opening),
        "decoding": figures.budget(lambda budget: budget.decoding),
        "preparation": figures.budget(lambda budget: budget.preparation),
        "inference": figures.budget(lambda budget: budget.inference),
        "judgement and response": figures.budget(lambda budget: budget.answer),
        "the floor: HTTP, opening, decoding, preparation, inference": figures.floor,
        "this service, 1 process, 16 connections: a request": 1e6 / figures.rate(SINGLE, 16),
    }
    return [
        "| part | microseconds |",
        "|---|---|",
        *(f"| {name} | {number(value)} |" for name, value in parts.items()),
        "",
        f"Bare ASGI at 1 connection answers in {number(1000 * figures.p50('ceiling', 1))} microseconds, this service "
        f"(1 process) in {number(1000 * figures.p50(SINGLE, 1))}.",
    ]


def side_table(figures: Figures) -> list[str]:
    """Canvases, photographs and what they do to others, as lines of a Markdown table."""
    rgba = Spread.of(found.canvas_rgba / 1000 for found in figures.pictures)
    grey = Spread.of(found.canvas_grey / 1000 for found in figures.pictures)
    photo = Spread.of(found.photo / 1000 for found in figures.pictures)
    whole = Spread.of(found.photo_whole / 1000 for found in figures.pictures)
    lines = [
        ("280x280 RGBA canvas, read in process, ms", rgba),
        ("its grey twin, ms", grey),
        ("RGBA canvas through HTTP, p50 at 1 connection, ms", Spread.of(found[0] for found in figures.canvases)),
        ("its grey twin, ms", Spread.of(found[1] for found in figures.canvases)),
        ("12-megapixel JPEG, decoded as the service does, ms", photo),
        ("decoded whole, then shrunk, ms", whole),
    ]
    for key, crowds in figures.crowds.items():
        title = figures.rows[key].server.title
        lines += [
            (f"{title}: slowest probe beside 16 photographs, ms", Spread.of(crowd.probe_worst for crowd in crowds)),
            (f"{title}: small picture's p50 beside them, ms", Spread.of(crowd.small_p50 for crowd in crowds)),
            (f"{title}: small picture's p50 alone, ms", Spread.of(crowd.small_p50_alone for crowd in crowds)),
        ]
    if {SINGLE, PAIR} <= figures.rows.keys():
        added = figures.rows[PAIR].resident - figures.rows[SINGLE].resident
        lines.append(("memory that the second process adds, MB", Spread.of([added / 1e6])))
    if figures.endurance:
        early, late = figures.endurance.early / 1e6, figures.endurance.late / 1e6
        lines += [
            ("memory of a process after 10,000 requests, MB", Spread.of([early])),
            ("after 100,000 requests, MB", Spread.of([late])),
        ]
    return [
        "| measured | median (lowest to highest) |",
        "|---|---|",
        *(f"| {name} | {_spread(found)} |" for name, found in lines),
    ]


def throughput_plot(figures: Figures) -> Figure:
    """Requests a second with the small picture at 16 and 64 connections, logarithmic."""
    rows = [row for row in figures.rows.values() if row.loads]
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.5 * len(rows)), layout="constrained")
    places = np.arange(len(rows))
    for connections, offset in ((16, -0.2), (64, 0.2)):
        found = [row.spread("small", connections, "rate") for row in rows]
        medians = np.array([spread.median for spread in found])
        reach = np.array([[spread.median - spread.lowest, spread.highest - spread.median] for spread in found]).T
        axes.barh(places + offset, medians, 0.38, xerr=reach, capsize=2, label=f"{connections} connections")
        for place, spread in zip(places + offset, found, strict=True):
            if spread.median > 0:
                axes.annotate(
                    f"{spread.median:,.0f}",
                    (spread.highest, place),
                    (5, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                )
    axes.set_xscale("log", nonpositive="clip")
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(places, [_label(row) for row in rows], fontsize=9)
    axes.set(xlabel="Requests a second, small PNG (median of the rounds; lines: lowest to highest)")
    axes.margins(x=0.12)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def number(value: float) -> str:
    """Three significant digits, and all digits before the point; a dash for what is unknown."""
    if math.isnan(value) or math.isinf(value):
        return "-"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{decimals}f}"


def _spread(found: Spread) -> str:
    if found.lowest == found.highest or math.isnan(found.median):
        return number(found.median)
    return f"{number(found.median)} ({number(found.lowest)} to {number(found.highest)})"


def _label(row: Row) -> str:
    engine = f"\n{_ENGINES[row.server.engine]}" if row.server.rival else ""
    return row.server.title.replace("`", "") + engine


def _method(plan: Plan) -> list[str]:
    return [
        f"- {plan.rounds} round{'s' if plan.rounds > 1 else ''}, every server in turn in each, each time started "
        f"afresh and warmed up. A load lasts {plan.seconds:g} s, longer until two requests a connection are answered "
        f"({plan.patience:g} s at most). Medians of the rounds; in brackets the lowest and the highest.",
        f"- The small picture: a 28x28 grey PNG of {len(small_png())} bytes, dark ink on white, not in MNIST's form. "
        f"The photograph: a 4000x3000 JPEG of {len(photograph()) / 1e6:.1f} MB, a digit on noisy paper, half in shade.",
        "- The load generator keeps one request under way on each connection, from a process of its own that shares "
        "the processors with the server. An answer counts only with status 200 and the right digit.",
        "- All servers serve the same published model, decode and prepare pictures with this project's own code, and "
        "differ in serving alone. *Keras*: the saved model through TensorFlow, asked as the server's guides do. "
        "*LiteRT*: the same server with this service's inference engine.",
        "- The alternatives run with batching and with as many workers as were fastest on two cores.",
        "- Memory: resident bytes of the whole process tree. Cold start: from the start of the process to the first "
        "200 of its readiness. Installed: the files of the virtual environment; alternatives with LiteRT share the "
        "one that holds TensorFlow.",
        f"- This machine: {os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, "
        f"on {dt.datetime.now(dt.UTC):%Y-%m-%d}.",
    ]
