"""The order of measurement: every server in turn, round after round, and the service's own affairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.contract import MAX_PIXELS
from app.decoding import open_upload
from app.loading import load_model
from app.reading import read
from app.settings import PROJECT_FOLDER
from tests.benchmarks import pictures
from tests.benchmarks.budget import measure_budget, measure_pictures
from tests.benchmarks.environments import UnavailableError
from tests.benchmarks.figures import PAIR, SINGLE, Crowd, Endurance, Figures, Kind, Row
from tests.benchmarks.load import Load, collect, measure, spawn
from tests.benchmarks.processes import Running, running
from tests.benchmarks.servers import Server, ask_by_form, http_request

CONNECTIONS: Final[Mapping[Kind, tuple[int, ...]]] = {"small": (1, 16, 64), "photo": (1, 16)}
QUICK_CONNECTIONS: Final[Mapping[Kind, tuple[int, ...]]] = {"small": (1, 16, 64), "photo": (1,)}
CROWD: Final = 16
"""Connections that send photographs while others ask for little."""
EARLY_REQUESTS: Final = 10_000
LATE_REQUESTS: Final = 100_000
_PROBE_PAUSE: Final = 0.02
"""Seconds between two health probes: they are to meet the load, not to be one."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly is measured."""

    connections: Mapping[Kind, tuple[int, ...]]
    """How many send the small picture, and the photograph."""
    rounds: int
    seconds: float
    """Of each load, at least."""
    warm_up: float
    patience: float
    """Seconds at which the loads of very slow servers end."""
    calls: int
    """How often a part of a request is timed in a round."""
    endurance: bool
    """Whether memory is looked at after 100,000 requests."""


FULL: Final = Plan(CONNECTIONS, rounds=2, seconds=2.0, warm_up=0.7, patience=20.0, calls=2000, endurance=True)
QUICK: Final = Plan(QUICK_CONNECTIONS, rounds=1, seconds=0.5, warm_up=0.2, patience=2.5, calls=400, endurance=False)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A picture and the digit in it."""

    body: bytes
    media_type: str
    digit: int


class Bench:
    """One run of the benchmark."""

    def __init__(self, servers: Sequence[Server], plan: Plan, logs: Path, tell: Tell) -> None:
        """Draw the pictures and load the published model; `tell` hears what is going on."""
        self._servers = servers
        self._plan = plan
        self._logs = logs
        self._tell = tell
        self._model = load_model(PROJECT_FOLDER / "artifacts" / "default")
        self._samples: dict[Kind, _Sample] = {
            "small": self._sample(pictures.small_png(), "image/png"),
            "photo": self._sample(pictures.photograph(), "image/jpeg"),
        }
        self._canvases = [
            self._sample(pictures.canvas_rgba(), "image/png"),
            self._sample(pictures.canvas_grey(), "image/png"),
        ]
        self.figures = Figures({server.key: Row(server) for server in servers})

    def run(self) -> Figures:
        """Measure everything. What does not run is recorded, and the others go on."""
        usable = [server for server in self._servers if self._prepared(server)]
        for number in range(self._plan.rounds):
            for server in usable:
                self._tell(f"round {number + 1} of {self._plan.rounds}: {server.key}")
                # What did not run once is not tried again: each try may cost a minute and a half.
                if not self.figures.rows[server.key].failures:
                    self._turn(server)
            self._own_parts()
        if self._plan.endurance and SINGLE in self.figures.rows:
            self._tell(f"memory after {LATE_REQUESTS:,} requests")
            self.figures.endurance = self._endure(self.figures.rows[SINGLE].server)
        return self.figures

    def _prepared(self, server: Server) -> bool:
        self._tell(f"environment of {server.key}")
        try:
            server.environment.ensure()
        except UnavailableError as error:
            self.figures.rows[server.key].failures.append(f"cannot be installed: {error}")
            return False
        self.figures.rows[server.key].installed = float(server.environment.size)
        return True

    def _turn(self, server: Server) -> None:
        """Everything that a round measures of one server."""
        row = self.figures.rows[server.key]
        try:
            with running(server, self._logs) as process:
                row.cold_starts.append(process.cold_start)
                memories: dict[Kind, list[list[int]]] = {"small": row.memory, "photo": row.memory_after_photos}
                for kind, memory in memories.items():
                    for connections in self._plan.connections[kind]:
                        measured = measure(self._load(server, process, self._samples[kind], connections))
                        row.loads.setdefault((kind, connections), []).append(measured)
                    memory.append(process.memory())
                if server.key in {SINGLE, PAIR}:
                    self._beside_photographs(server, process)
                if server.key == SINGLE:
                    self._canvas(server, process)
        except UnavailableError as error:
            row.failures.append(f"does not start: {error}")

    def _beside_photographs(self, server: Server, process: Running) -> None:
        """Probe, and send small pictures, while photographs keep the service busy."""
        small = self._load(server, process, self._samples["small"], 1)
        photo = replace(self._load(server, process, self._samples["photo"], CROWD), seconds=small.seconds + 1.0)
        probe = replace(small, request=http_request("GET", "/health/live"), answer="", pause=_PROBE_PAUSE)
        alone = measure(small)
        crowd = spawn(photo)
        others = [spawn(load) for load in (probe, small)]
        probed, beside = map(collect, others)
        collect(crowd)
        found = Crowd(probed.worst, beside.p50, alone.p50)
        self.figures.crowds.setdefault(server.key, []).append(found)

    def _canvas(self, server: Server, process: Running) -> None:
        """An RGBA canvas against its grey twin, through HTTP."""
        rgba, grey = (measure(self._load(server, process, canvas, 1)).p50 for canvas in self._canvases)
        self.figures.canvases.append((rgba, grey))

    def _own_parts(self) -> None:
        """Time the parts of a request in this process, if the service takes part in this run."""
        if SINGLE not in self.figures.rows:
            return
        self._tell("parts of a request, in process")
        small, photo = self._samples["small"], self._samples["photo"]
        request = ask_by_form("/predict", "file")(small.body, small.media_type)
        rgba, grey = (canvas.body for canvas in self._canvases)
        plan = self._plan
        self.figures.budgets.append(measure_budget(self._model, small.body, request, plan.calls))
        self.figures.pictures.append(measure_pictures(self._model, rgba, grey, photo.body, plan.calls // 10))

    def _endure(self, server: Server) -> Endurance | None:
        try:
            with running(server, self._logs) as process:
                load = replace(self._load(server, process, self._samples["small"], 16), patience=600.0)
                measure(replace(load, at_least=EARLY_REQUESTS))
                early = process.memory()[0]
                measure(replace(load, at_least=LATE_REQUESTS - EARLY_REQUESTS))
                return Endurance(early, process.memory()[0])
        except UnavailableError:
            return None

    def _sample(self, body: bytes, media_type: str) -> _Sample:
        reading = read(open_upload(body, MAX_PIXELS), self._model.classifier)
        return _Sample(body, media_type, reading.digit)

    def _load(self, server: Server, process: Running, sample: _Sample, connections: int) -> Load:
        request, answer = server.asked(sample.body, sample.media_type, sample.digit)
        return Load(
            port=process.port,
            request=request,
            answer=answer,
            connections=connections,
            seconds=self._plan.seconds,
            warm_up=self._plan.warm_up,
            patience=self._plan.patience,
        )
