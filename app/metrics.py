"""What is counted, for Prometheus; with several processes, what all of them counted.

With several processes each keeps its values in files of one folder, which PROMETHEUS_MULTIPROC_DIR names before this
module is imported (the client library's multiprocess mode); whichever is asked adds them up.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.metrics_folder import FOLDER_VARIABLE

MEDIA_TYPE: Final = "text/plain; version=0.0.4"

NO_VERDICT: Final = "none"
"""The verdict of pictures that were not judged: their model or their protocol has none."""

INPUT_PICTURES_NAME: Final = "digits_input_pictures"

UNMATCHED: Final = "unmatched"
"""The route of requests for what is not there, or that got to none: what clients write never becomes a label."""

UNANSWERED: Final = 499
"""The status of requests whose client left before the answer began, as nginx numbers them."""

_STAGE_SECONDS: Final = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REQUEST_SECONDS: Final = _STAGE_SECONDS[2:]

Result = TypeVar("Result")

SETTLE_SECONDS: Final = 0.05
"""How long counts wait at most where an event loop settles them."""

_AT_ONCE: Final = 100
"""Counts that are settled in one go: it takes less than a millisecond."""

_waiting: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque(maxlen=100_000)

disable_created_metrics()  # type: ignore[no-untyped-call]
_registry = CollectorRegistry()

_requests = Counter("digits_requests", "Requests answered.", ["route", "status"], registry=_registry)
_request_seconds = Histogram(
    "digits_request_seconds",
    "Time from a request's headers to the end of its answer.",
    ["route"],
    buckets=_REQUEST_SECONDS,
    registry=_registry,
)
_problems = Counter(
    "digits_problems", "Problems answered, of whole requests and of pictures in a batch.", ["code"], registry=_registry
)
_pictures = Counter("digits_pictures", "Pictures and tensors read.", ["verdict"], registry=_registry)
_stages = Histogram(
    "digits_stage_seconds", "Time of a picture's stages.", ["stage"], buckets=_STAGE_SECONDS, registry=_registry
)
QUEUE_DEPTH: Final = Gauge(
    "digits_queue_depth",
    "Requests that arrived whole and are not answered: waiting for the event loop or a thread, or being worked at.",
    registry=_registry,
    multiprocess_mode="livesum",
)
MODEL_INFO: Final = Gauge(
    "digits_model_info",
    "1 for the model that answers, 0 for those that did before.",
    ["name", "version"],
    registry=_registry,
    multiprocess_mode="livemax",
)
_switches = Counter("digits_model_switches", "Changes to another model while serving.", ["outcome"], registry=_registry)
INPUT_PICTURES: Final = Gauge(
    INPUT_PICTURES_NAME,
    "The latest pictures that drift is measured on, by feature and bin.",
    ["feature", "bin"],
    registry=_registry,
    multiprocess_mode="livesum",
)

# Looking a child up by its labels takes as long as counting.
_queue, _decode, _prepare, _infer = (_stages.labels(stage) for stage in ("queue", "decode", "prepare", "infer"))
_by_verdict = {verdict: _pictures.labels(verdict) for verdict in ("digit", "uncertain", "not_a_digit", NO_VERDICT)}
_by_outcome = {outcome: _switches.labels(outcome) for outcome in ("done", "failed")}
_unrouted: dict[int, Counter] = {}
_by_request: dict[tuple[str, int], tuple[Counter, Histogram]] = {}


def later(count: Callable[..., None], *arguments: Any) -> None:
    """Count soon: many counts in a row take a third of the time that each takes amid other work. Any thread may."""
    _waiting.append((count, arguments))


def settle() -> bool:
    """Do some of the counts that wait; whether there may be more."""
    try:
        for _ in range(_AT_ONCE):
            count, arguments = _waiting.popleft()
            count(*arguments)
    except IndexError:
        return False
    return True


def request(route: str, status: int, seconds: float) -> None:
    """Count a request; `route` is one of a few templates, never what a client wrote."""
    bound = _by_request.get((route, status))
    if bound is None:
        bound = _by_request[route, status] = (_requests.labels(route, status), _request_seconds.labels(route))
    bound[0].inc()
    bound[1].observe(seconds)


def problem(code: str) -> None:
    """Count a problem by its stable code."""
    _problems.labels(code).inc()


def unrouted(status: int) -> None:
    """Count a request that the server answered by itself, before anything else saw it."""
    bound = _unrouted.get(status)
    if bound is None:
        bound = _unrouted[status] = _requests.labels(UNMATCHED, status)
    bound.inc()


def pictures(verdict: str | None, count: int = 1) -> None:
    """Count pictures that were read."""
    _by_verdict[verdict or NO_VERDICT].inc(count)


def picture(verdict: str | None, decode: float, prepare: float, infer: float) -> None:
    """Count a picture and how long its stages took, in seconds."""
    pictures(verdict)
    _decode.observe(decode)
    _prepare.observe(prepare)
    _infer.observe(infer)


def waited(work: Callable[[], Result]) -> Callable[[], Result]:
    """The same work, which notes how long it waited from now until it began."""
    since = perf_counter()

    def begin() -> Result:
        _queue.observe(perf_counter() - since)
        return work()

    return begin


def model_switch(*, done: bool) -> None:
    """Count a change to another model, or one that failed and left the old one in place."""
    _by_outcome["done" if done else "failed"].inc()


def gathered() -> Iterable[Metric]:
    """The values of all processes; what depends on living ones leaves out those that died."""
    while settle():
        pass
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return _registry.collect()
    for path in Path(folder).glob("gauge_live*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not _is_alive(pid):
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
    collector = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]
    return collector.collect()  # type: ignore[no-untyped-call,no-any-return]


def exposition(families: Iterable[Metric]) -> bytes:
    """What Prometheus reads, of MEDIA_TYPE."""
    registry = CollectorRegistry()
    registry.register(_Told(families))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What there is."""
        return self._families


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
