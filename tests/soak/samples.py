"""What the processes take of the machine as time passes, and whether it grows."""

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.benchmarks.processes import Weight, weigh
from tests.system.conftest import answering
from tests.system.instances import Instance

MEMORY_GROWTH: Final = 8 * 2**20
"""Bytes that the memory of a process may grow by in the second half of a run that is long enough.

In half an hour such a process answers some thirty thousand requests. The least that one could leave behind is
what the server notes of it, more than a kilobyte: 30 MB. What the allocator's arenas gain by chance stays below."""

HANDLE_GROWTH: Final = 8
"""Handles that it may have more at the end of the second half: connections come and go."""

LONG: Final = 1800.0
"""Seconds of a run whose second half tells whether memory grows; for some minutes it does, until every size of picture
has been read by every thread."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment."""

    at: float
    """Seconds since the first request."""
    instance: str
    pid: int
    weight: Weight


def look(instances: Sequence[Instance], began: float) -> list[Sample]:
    """Weigh the processes that answer; not the one that only watches over those of the second instance."""
    now = time.monotonic() - began
    found = []
    for name, instance in zip(("one", "two"), instances, strict=False):
        for pid in answering(instance.process.pid):
            weight = weigh(pid)
            if weight is not None and (name == "one" or pid != instance.process.pid):
                found.append(Sample(now, name, pid, weight))
    return found


@dataclass(frozen=True, slots=True)
class Trend:
    """How something went over the second half of a run."""

    early: float
    """Median of the first quarter of the run, but for its first tenth."""
    late: float
    """Median of its last quarter."""
    growth: float
    """By the least-squares line through the second half, from its beginning to its end."""


def trend(samples: Sequence[Sample], of: Callable[[Weight], float]) -> Trend:
    """How a quantity of one process went."""
    at = np.array([sample.at for sample in samples])
    values = np.array([of(sample.weight) for sample in samples], float)
    share = (at - at[0]) / (at[-1] - at[0])
    second = share >= 0.5
    slope = np.polyfit(at[second], values[second], 1)[0]
    early, late = (values[(share >= low) & (share <= high)] for low, high in ((0.1, 0.25), (0.75, 1.0)))
    return Trend(float(np.median(early)), float(np.median(late)), float(slope * np.ptp(at[second])))


def write(samples: Sequence[Sample], path: Path) -> None:
    """Write them as CSV."""
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            (
                "seconds",
                "instance",
                "process",
                "resident_bytes",
                "proportional_bytes",
                "anonymous_bytes",
                "handles",
                "threads",
            )
        )
        for sample in samples:
            weight = sample.weight
            table.writerow(
                (
                    f"{sample.at:.1f}",
                    sample.instance,
                    sample.pid,
                    weight.resident,
                    weight.proportional,
                    weight.anonymous,
                    weight.handles,
                    weight.threads,
                )
            )
