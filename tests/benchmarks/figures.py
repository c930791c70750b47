"""What a run measures, and the medians and ratios that follow from it."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.benchmarks.budget import Budget, Pictures
from tests.benchmarks.load import Measurement
from tests.benchmarks.servers import Server

Kind = Literal["small", "photo"]
Quantity = Literal["rate", "p50", "p99", "worst"]

SINGLE: Final = "service-1"
PAIR: Final = "service-2"
CEILING: Final = "ceiling"
TUTORIAL: Final = "tutorial"


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and the lowest and the highest of them; nan of none."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Of the values that are numbers."""
        known = [value for value in values if not math.isnan(value)]
        return cls(statistics.median(known), min(known), max(known)) if known else cls(math.nan, math.nan, math.nan)


@dataclass(slots=True)
class Row:
    """What was measured of one server."""

    server: Server
    loads: dict[tuple[Kind, int], list[Measurement]] = field(default_factory=dict)
    """By picture and connections, one a round."""
    cold_starts: list[float] = field(default_factory=list)
    """Seconds."""
    memory: list[list[int]] = field(default_factory=list)
    """Resident bytes of each of its processes after the small pictures, one list a round."""
    memory_after_photos: list[list[int]] = field(default_factory=list)
    """The same after the photographs."""
    installed: float = math.nan
    """Bytes of its environment."""
    failures: list[str] = field(default_factory=list)
    """Why it did not run."""

    def spread(self, kind: Kind, connections: int, quantity: Quantity) -> Spread:
        """Of a load's rounds."""
        return Spread.of(getattr(measured, quantity) for measured in self.loads.get((kind, connections), []))

    def rate(self, connections: int) -> float:
        """Median requests a second with the small picture."""
        return self.spread("small", connections, "rate").median

    def errors(self, kind: Kind) -> int:
        """Of all loads with this picture, in all rounds."""
        return sum(measured.errors for (sent, _), loads in self.loads.items() if sent == kind for measured in loads)

    @property
    def cold_start(self) -> float:
        """Median seconds."""
        return Spread.of(self.cold_starts).median

    @property
    def resident(self) -> float:
        """Median bytes of the whole process tree after the small pictures."""
        return Spread.of(map(float, map(sum, self.memory))).median

    @property
    def resident_after_photos(self) -> float:
        """Median bytes of the whole process tree after the photographs."""
        return Spread.of(map(float, map(sum, self.memory_after_photos))).median

    @property
    def processes(self) -> int:
        """Most processes seen at once."""
        return max(map(len, self.memory), default=0)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How others fare while sixteen photographs are being read."""

    probe_worst: float
    """Milliseconds of the slowest health probe."""
    small_p50: float
    """Milliseconds."""
    small_p50_alone: float
    """Milliseconds, with nobody else there."""


@dataclass(frozen=True, slots=True)
class Endurance:
    """Resident bytes of the service's largest process."""

    early: int
    """After 10,000 requests."""
    late: int
    """After 100,000."""


@dataclass(slots=True)
class Figures:
    """Everything that one run measured."""

    rows: dict[str, Row] = field(default_factory=dict)
    budgets: list[Budget] = field(default_factory=list)
    pictures: list[Pictures] = field(default_factory=list)
    crowds: dict[str, list[Crowd]] = field(default_factory=dict)
    """By the key of the server."""
    canvases: list[tuple[float, float]] = field(default_factory=list)
    """p50 in milliseconds of an RGBA canvas and its grey twin, through HTTP, one connection."""
    endurance: Endurance | None = None

    def rate(self, key: str, connections: int) -> float:
        """Median requests a second with the small picture; nan if unknown."""
        return self.rows[key].rate(connections) if key in self.rows else math.nan

    def p50(self, key: str, connections: int) -> float:
        """Median milliseconds with the small picture; nan if unknown."""
        return self.rows[key].spread("small", connections, "p50").median if key in self.rows else math.nan

    def own(self) -> Row | None:
        """This service as it ships: a process a core."""
        return self.rows.get(PAIR) or self.rows.get(SINGLE)

    def best(self, engine: str, connections: int) -> Row | None:
        """The alternative with the highest rate, of those with this engine."""
        rivals = [
            row
            for row in self.rows.values()
            if row.server.engine == engine and row.server.rival and not math.isnan(row.rate(connections))
        ]
        return max(rivals, key=lambda row: row.rate(connections), default=None)

    def budget(self, part: Callable[[Budget], float]) -> float:
        """Median microseconds of a part over the rounds; nan if unknown."""
        return Spread.of(map(part, self.budgets)).median

    @property
    def http(self) -> float:
        """Microseconds that the bare ASGI application takes for a request when it is kept busy."""
        return 1e6 / self.rate(CEILING, 16)

    @property
    def floor(self) -> float:
        """Microseconds that a request cannot fall below on one core: HTTP, decode, prepare, infer."""
        return self.http + self.budget(lambda budget: budget.picture)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure this service is meant to reach."""

    promise: str
    limit: float
    measured: float
    """nan if it was not measured."""
    unit: str = "x"
    at_least: bool = True
    """Whether the limit is the lowest that will do, rather than the highest."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None if it was not measured."""
        if math.isnan(self.measured):
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def targets(figures: Figures) -> list[Target]:
    """Every target, with what was measured of it."""
    return [*_speed(figures), *_latency(figures), *_pictures(figures), *_crowd(figures), *_resources(figures)]


def _speed(figures: Figures) -> list[Target]:
    own = figures.own()
    found = []
    for engine, limit, words in (("keras", 5.0, "as its guides show it"), ("litert", 2.0, "given LiteRT")):
        for connections in (16, 64):
            best = figures.best(engine, connections)
            ratio = own.rate(connections) / best.rate(connections) if own and best else math.nan
            promise = f"requests a second, against the best alternative {words}, {connections} connections"
            found.append(Target(promise, limit, ratio, note=best.server.key if best else ""))
    for connections in (16, 64):
        ratio = (own.rate(connections) if own else math.nan) / figures.rate(TUTORIAL, connections)
        found.append(Target(f"requests a second, against the tutorial, {connections} connections", 150.0, ratio))
    share = 100 * figures.floor * figures.rate(SINGLE, 16) / 1e6
    return [*found, Target("share of the floor, one process, 16 connections", 85.0, share, "%")]


def _latency(figures: Figures) -> list[Target]:
    own, best = figures.own(), figures.best("keras", 64)
    p99 = own.spread("small", 64, "p99").median if own else math.nan
    rival = best.spread("small", 64, "p50").median if best else math.nan
    least = figures.p50(CEILING, 1) + figures.budget(lambda budget: budget.picture) / 1000
    return [
        Target(
            "p99 at 64 connections, against p50 of the best alternative as its guides show it",
            1.0,
            p99 / rival,
            at_least=False,
            note=best.server.key if best else "",
        ),
        Target(
            "p50 at 1 connection, against bare ASGI + decode + preparation + inference, one process",
            1.6,
            figures.p50(SINGLE, 1) / least,
            at_least=False,
        ),
    ]


def _pictures(figures: Figures) -> list[Target]:
    canvas = Spread.of(pictures.canvas_rgba / pictures.canvas_grey for pictures in figures.pictures).median
    through = Spread.of(rgba / grey for rgba, grey in figures.canvases).median
    photo = Spread.of(pictures.photo_whole / pictures.photo for pictures in figures.pictures).median
    return [
        Target("RGBA canvas against its grey twin, in process", 1.5, canvas, at_least=False),
        Target("RGBA canvas against its grey twin, through HTTP", 1.5, through, at_least=False),
        Target("12-megapixel JPEG, faster than decoding it whole", 4.0, photo),
    ]


def _crowd(figures: Figures) -> list[Target]:
    found = []
    for key in (SINGLE, PAIR):
        crowds = figures.crowds.get(key, [])
        worst = Spread.of(crowd.probe_worst for crowd in crowds).median
        slower = Spread.of(crowd.small_p50 / crowd.small_p50_alone for crowd in crowds).median
        beside = f"beside sixteen photographs, {key[-1]} process{'es' if key == PAIR else ''}"
        found.append(Target(f"slowest health probe {beside}", 50.0, worst, "ms", at_least=False))
        found.append(Target(f"p50 of the small picture {beside}, against alone", 10.0, slower, at_least=False))
    return found


def _resources(figures: Figures) -> list[Target]:
    own, endurance = figures.own(), figures.endurance
    late = endurance.late / 1e6 if endurance else math.nan
    growth = (endurance.late - endurance.early) / 1e6 if endurance else math.nan
    return [
        Target("start of the process to ready", 1.0, own.cold_start if own else math.nan, "s", at_least=False),
        Target("memory of a process after 100,000 requests", 150.0, late, "MB", at_least=False),
        Target("its growth since 10,000 requests", 5.0, growth, "MB", at_least=False),
    ]
