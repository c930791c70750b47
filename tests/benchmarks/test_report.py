"""Tables and targets, from given figures."""

import math

import pytest
import typer

from tests.benchmarks.__main__ import chosen
from tests.benchmarks.budget import Budget, Pictures
from tests.benchmarks.environments import shorten
from tests.benchmarks.figures import Crowd, Endurance, Figures, Row, Spread, Target, targets
from tests.benchmarks.load import Measurement
from tests.benchmarks.report import number, page, target_table, throughput_plot
from tests.benchmarks.runs import CONNECTIONS, QUICK
from tests.benchmarks.servers import SERVERS


def row(key: str, rate: float, p50: float = 1.0, p99: float = 2.0) -> Row:
    """A server that did everything at this rate, in two rounds."""
    [server] = [server for server in SERVERS if server.key == key]
    loads = {
        (kind, count): [Measurement(10, 0, rate * share, p50, p99, p99) for share in (0.9, 1.1)]
        for kind, counts in CONNECTIONS.items()
        for count in counts
    }
    return Row(server, loads, [0.5, 0.7], [[100_000_000], [110_000_000]], [[120_000_000]] * 2, 357e6)


def figures() -> Figures:
    rows = {
        "service-1": row("service-1", 2000.0, p50=0.5),
        "service-2": row("service-2", 4000.0),
        "tutorial": row("tutorial", 20.0, p50=50.0),
        "mlserver": row("mlserver", 500.0, p50=20.0),
        "litserve": row("litserve", 400.0, p50=30.0),
        "mlserver-litert": row("mlserver-litert", 2500.0),
        "ceiling": row("ceiling", 40_000.0, p50=0.05),
    }
    failed = Row(next(server for server in SERVERS if server.key == "bentoml"))
    failed.failures.append("cannot be installed: no wheel for this machine")
    return Figures(
        rows={**rows, "bentoml": failed},
        budgets=[Budget(60.0, 20.0, 40.0, 165.0, 200.0, 30.0)],
        pictures=[Pictures(1300.0, 1000.0, 20_000.0, 90_000.0)],
        crowds={"service-1": [Crowd(60.0, 5.0, 0.5)]},
        canvases=[(1.3, 1.0)],
        endurance=Endurance(100_000_000, 106_000_000),
    )


def target(found: list[Target], words: str) -> Target:
    [one] = [target for target in found if words in target.promise]
    return one


def test_targets_compare_with_the_best_alternative() -> None:
    """The service is set against the fastest of the alternatives with each engine, and the tutorial."""
    found = targets(figures())
    keras = target(found, "as its guides show it, 16")
    assert keras.measured == pytest.approx(8.0)
    assert (keras.note, keras.met) == ("mlserver", True)
    litert = target(found, "given LiteRT, 64")
    assert litert.measured == pytest.approx(1.6)
    assert (litert.note, litert.met) == ("mlserver-litert", False)
    assert target(found, "tutorial, 16").measured == pytest.approx(200.0)


def test_floor_is_http_and_picture() -> None:
    """25 microseconds of HTTP and 425 of the picture make a floor of 450, of which 2,000 a second are 90%."""
    assert figures().floor == pytest.approx(450.0)
    assert target(targets(figures()), "share of the floor").measured == pytest.approx(90.0)
    assert target(targets(figures()), "p50 at 1 connection").measured == pytest.approx(0.5 / 0.475)


def test_upper_limits_are_missed_above_them() -> None:
    """A slow probe, growing memory and a slow neighbour are told as missed."""
    found = targets(figures())
    assert target(found, "slowest health probe beside sixteen photographs, 1 process").met is False
    assert target(found, "its growth").met is False
    assert target(found, "start of the process").met is True


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    """A run of nothing has no verdict on any target, and can still be reported."""
    empty = Figures()
    assert {target.met for target in targets(empty)} == {None}
    assert "not measured" in page(empty, QUICK)


def test_tables_mark_targets() -> None:
    """Each target says whether it is met."""
    found = target_table([Target("speed", 5.0, 8.123, note="x"), Target("memory", 5.0, 6.0, "MB", at_least=False)])
    assert found[2:] == [
        "| speed | at least 5 x | 8.12 x (x) | met |",
        "| memory | at most 5 MB | 6.00 MB | **missed** |",
    ]


def test_page_tells_failures_and_spread() -> None:
    """What could not be installed stands in the tables with its reason; the others with median and spread."""
    text = page(figures(), QUICK)
    assert "cannot be installed: no wheel for this machine" in text
    assert "4,000 (3,600 to 4,400)" in text
    widths = {len(line.replace(r"\|", "").split("|")) for line in text.splitlines() if line.startswith("| BentoML")}
    assert widths == {9, 8, 7}


def test_plot_shows_what_ran() -> None:
    """One place for each server that ran."""
    figure = throughput_plot(figures())
    assert len(figure.axes[0].get_yticks()) == 7


@pytest.mark.parametrize(
    ("value", "words"), [(0.0456, "0.05"), (12.34, "12.3"), (1234.5, "1,234"), (math.nan, "-"), (math.inf, "-")]
)
def test_numbers_are_short(value: float, words: str) -> None:
    """Small figures keep two decimals, large ones none, unknown ones are dashes."""
    assert number(value) == words


def test_spread_leaves_out_what_is_unknown() -> None:
    """A round without an answer does not spoil the others."""
    assert Spread.of([3.0, math.nan, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_servers_are_chosen_by_key_or_family() -> None:
    """A family names both engines, a key one server, nothing all; an unknown name is refused."""
    assert [server.key for server in chosen("litserve, service-1")] == ["service-1", "litserve", "litserve-litert"]
    assert len(chosen("")) == len(SERVERS)
    with pytest.raises(typer.BadParameter, match="nothing"):
        chosen("nothing")


def test_reasons_hold_no_addresses() -> None:
    """A reason fits into a table cell and names no host."""
    told = shorten("failed to fetch `https://host.example/simple/x/` | timed out " + "x" * 300)
    assert "host" not in told
    assert "|" not in told
    assert len(told) <= 160
