"""Shards -> workers, by Ray Data: on this machine, or on a cluster. The only module of the service that imports Ray."""

import logging
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from itertools import chain, islice
from typing import Any, Final

from app.bulk.work import Job, Outcome, ShardReader
from app.console import without_native_messages
from app.errors import ArtifactError, EngineError, PlaceError

_ENVIRONMENT: Final = {
    # Ray would report to its makers that it is used, and on what.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Its processes take several seconds each to start; on a busy machine Ray would lose patience.
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_agent_register_timeout_ms": "300000",
}

_OBJECT_STORE: Final = 80 * 2**20
"""Bytes of memory that processes share, the least that Ray takes: only numbers of shards go through it."""

_MOST_BLOCKS: Final = 10_000
"""Most tasks of a job; a task of several shards that is begun again passes over those that are done."""

_WAITING: Final = 2
"""Tasks at a worker, the one under way included: the next is there when one is done."""

_FATAL: Final = -1
"""In place of a shard's number: why no shard can be read."""

_ATTEMPTS: Final = 5
"""How often a shard is begun at most: a picture that kills whoever reads it must not do so for ever."""


@contextmanager
def cluster(address: str | None, workers: int) -> Iterator[int]:
    """Join the cluster at an address, or start Ray on this machine until the block ends; yields the count of cores.

    Raises:
        EngineError: it cannot be reached, or does not start.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if address is None and "RAY_AUTH_MODE" not in os.environ:
        # Whoever reaches Ray's ports may run programs: nobody knows this word but the processes that are started here.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex()}
    import ray

    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        options |= {"num_cpus": workers, "include_dashboard": False, "object_store_memory": _OBJECT_STORE}
    try:
        with without_native_messages():
            ray.init(address=address or "local", **options)
    except Exception as error:  # Ray raises that itself where its processes do not start
        where = "Ray does not start" if address is None else f"There is no Ray cluster at {address}"
        raise EngineError(f"{where}: {error}") from error
    # Ray prints what happens to its processes, page by page; what becomes of the shards is told by who asks.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123  # the name of a device
        try:
            yield int(ray.cluster_resources().get("CPU", 0))
        finally:
            ray.shutdown()


def read_shards(job: Job, shards: Sequence[int], workers: int) -> Iterator[Outcome]:
    """Read shards in so many workers, each on a core of its own; outcomes come as they are ready.

    A worker that dies is started again, elsewhere if its machine is gone, and what it was at is begun again.

    Args:
        job: what the workers have to know.
        shards: numbers of the shards.
        workers: most workers at a time.

    Raises:
        ArtifactError: a worker's machine does not have the job's model.
        EngineError: Ray gave up.
    """
    import ray.data

    # It tells of its progress by itself otherwise, on standard error.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
    outcomes = ray.data.from_items(
        [{"shard": shard} for shard in shards], override_num_blocks=min(len(shards), _MOST_BLOCKS)
    ).map_batches(
        Worker,
        fn_constructor_args=(job, attempts),
        batch_size=1,
        num_cpus=1,
        # Down to one: where there is no room any more for all of them, those without work make room at the end for
        # one that has some and cannot be started again.
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=_WAITING
        ),
    )
    rows = iter(outcomes.iter_rows())
    try:
        # Where it starts the workers, Ray writes advice to standard error that does not concern this use of it.
        with without_native_messages():
            first = list(islice(rows, 1))
        for row in chain(first, rows):
            outcome = Outcome(**row)
            if outcome.shard == _FATAL:
                raise ArtifactError(outcome.problem)
            yield outcome
    except ray.exceptions.RayError as error:
        raise EngineError(f"Ray gave up: {error}") from error


class Attempts:
    """An actor that counts how often each shard was begun."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, shard: int) -> int:
        """Count one more; returns how many there were."""
        self._begun[shard] += 1
        return self._begun[shard]


class Worker:
    """An actor that reads shards; it loads the model once."""

    def __init__(self, job: Job, attempts: Any) -> None:
        """Keep what there is to do; nothing is loaded where that could fail unheard.

        Args:
            job: what to read, and with what.
            attempts: the handle of Attempts.
        """
        self._job = job
        self._attempts = attempts
        self._reader: ShardReader | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Read the shard of a batch of one."""
        outcome = self._outcome(int(batch["shard"][0]))
        return {name: [value] for name, value in asdict(outcome).items()}

    def _outcome(self, shard: int) -> Outcome:
        import ray

        if ray.get(self._attempts.begin.remote(shard)) > _ATTEMPTS:
            return Outcome(shard, problem=f"Its worker died each of the {_ATTEMPTS} times it was begun.")
        try:
            if self._reader is None:
                self._reader = _shard_reader(self._job)
        except (ArtifactError, PlaceError, OSError) as error:
            return Outcome(_FATAL, problem=str(error))
        return self._reader.read(shard)


def _shard_reader(job: Job) -> ShardReader:
    import warnings

    from app.local import LocalReader
    from app.settings import Settings

    # What files contain must not fill the log.
    warnings.filterwarnings("ignore", module="PIL")
    with without_native_messages():
        reader = LocalReader(Settings(model=job.model_path, max_bytes=job.max_bytes, max_pixels=job.max_pixels))
    if reader.model != job.model:
        raise ArtifactError(
            f"The model is {reader.model.name} {reader.model.version} on one machine, and {job.model.name} "
            f"{job.model.version} where the job was begun. Install the same on all of them."
        )
    return ShardReader(job, reader)
