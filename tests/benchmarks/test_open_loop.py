"""The open load generator and what is made of its figures."""

import asyncio
import json

import pytest

from tests.benchmarks.open_loop import LOST, WRONG, Demand, Outcome, drive
from tests.benchmarks.overload import GROWTH, Round, complaints
from tests.benchmarks.servers import http_request
from tests.benchmarks.test_load import BUSY, RIGHT, server
from tests.benchmarks.test_load import WRONG as WRONG_ANSWER


def demand(port: int, rate: float = 200.0, seconds: float = 0.5, **options: float) -> Demand:
    request = http_request("POST", "/predict", "text/plain", b"a picture")
    return Demand(port, request, '"digit":7', rate, seconds, **options)  # type: ignore[arg-type]


def sent(*answers: bytes, close: bool = False, **options: float) -> Outcome:
    """What becomes of the requests to a server with these answers."""

    async def scenario() -> Outcome:
        async with server(*answers, close=close) as port:
            return await drive(demand(port, **options))

    return asyncio.run(scenario())


def test_every_request_is_counted() -> None:
    """Right, wrong, refused: each answer counts as what it is, and nothing is lost."""
    outcome = sent(RIGHT, WRONG_ANSWER, BUSY)
    assert set(outcome.counts) == {"200", WRONG, "503", LOST}
    assert outcome.counts[LOST] == 0
    assert 50 < sum(outcome.counts.values()) < 200
    assert 0 < outcome.p50 <= outcome.p99
    assert outcome.goodput == pytest.approx(outcome.counts["200"] / outcome.seconds)


def test_silence_is_a_loss() -> None:
    """What is not answered in time is lost, so is what finds nobody listening; requests come at their rate still."""
    silent = sent(patience=0.2)
    assert set(silent.counts) == {LOST}
    nowhere = asyncio.run(drive(demand(1, patience=0.2)))
    assert set(nowhere.counts) == {LOST}
    assert silent.counts[LOST] == nowhere.counts[LOST] > 50


def test_connections_that_end_are_replaced() -> None:
    """A server that closes after each answer loses at most what was under way when it did."""
    outcome = sent(RIGHT, close=True)
    assert outcome.counts["200"] > 10


def outcome(goodput: float, p99: float, **counts: int) -> Outcome:
    return Outcome(1.0, {"200": int(goodput), LOST: 0, **counts}, p50=p99, p99=p99)


def test_complaints() -> None:
    """What misses the requirements is told; what meets them is not."""
    good = Round(1000.0, outcome(800, 10.0), outcome(950, 25.0, **{"503": 3000}), thrift=1.0, memory=100)
    assert complaints([good]) == []
    for bad, word in [
        (outcome(850, 25.0), "peak"),
        (outcome(950, 31.0), "3.1 times"),
        (outcome(950, 25.0, **{"500": 1}), "500"),
        (outcome(950, 25.0, **{LOST: 1}), "lost"),
    ]:
        [complaint] = complaints([Round(1000.0, good.at_80, bad, 1.0, 100)])
        assert word in complaint
    grown = Round(1000.0, good.at_80, good.at_400, 1.0, memory=101 + GROWTH)
    [complaint] = complaints([good, grown])
    assert "memory" in complaint


def test_outcome_travels_as_json() -> None:
    """What a spawned process writes is an Outcome again."""
    whole = outcome(3, 1.0)
    told = json.loads(json.dumps({name: getattr(whole, name) for name in Outcome.__dataclass_fields__}))
    assert Outcome(**told) == whole
