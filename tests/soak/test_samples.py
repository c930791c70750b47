"""What is told of growth."""

import os
from pathlib import Path

import pytest

from tests.benchmarks.processes import Weight, weigh
from tests.soak.samples import Sample, trend, write


def sampled(values: list[int]) -> list[Sample]:
    return [Sample(10.0 * index, "one", 1, Weight(value, 0, 0, 0, 0)) for index, value in enumerate(values)]


def test_plateau() -> None:
    """What grows at first and then no more has no growth; the quarters tell that it warmed up."""
    found = trend(sampled([min(index, 40) for index in range(101)]), lambda weight: weight.resident)
    assert found.growth == pytest.approx(0.0, abs=1e-9)
    assert (found.early, found.late) == (17.5, 40.0)


def test_growth() -> None:
    """What grows to the end has the growth of its second half, whatever single samples say."""
    values = [1000 + 3 * index for index in range(101)]
    values[70] += 10
    found = trend(sampled(values), lambda weight: weight.resident)
    assert found.growth == pytest.approx(150.0, rel=0.05)


def test_own_process(tmp_path: Path) -> None:
    """A process is weighed as the system has it, and one that is not there is not; what is written has a line each."""
    weight = weigh(os.getpid())
    assert weight is not None
    assert weight.resident > weight.anonymous > 2**20
    assert weight.resident >= weight.proportional > 2**20
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        more = weigh(os.getpid())
    assert more is not None
    assert more.handles == weight.handles + 2
    assert weight.threads >= 1
    assert weigh(2**30) is None
    write([Sample(1.0, "one", 5, weight)], tmp_path / "samples.csv")
    assert (tmp_path / "samples.csv").read_text().count("\n") == 2
