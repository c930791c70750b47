"""A short soak of the real service, as `make soak SECONDS=300` would be."""

import os
from pathlib import Path

import pytest

from tests.soak import report
from tests.soak.ledger import Outcome
from tests.soak.soak import Plan, soak
from tests.soak.traffic import Group
from tests.system.conftest import answering

SECONDS = 300.0
"""How long it takes at least: some rounds of changes on a quick machine. A slow one may take longer for the first."""

RATE = 25.0
"""Requests a second: the machine may be a slow one, and busy with other things."""


@pytest.mark.skipif(not answering(os.getpid()), reason="this system does not list a process's children")
def test_nothing_is_lost(tmp_path: Path) -> None:
    """Whatever is sent, and whatever is done to the service meanwhile, each request gets what it must get.

    Where there is no HAProxy one instance is soaked, and neither restarted nor killed: nobody could repeat requests.
    """
    record = soak(Plan(SECONDS, RATE), tmp_path)
    report.write(record, tmp_path / "report")
    ledger = record.ledger
    assert report.complaints(record) == []
    assert (ledger.total(Outcome.LOST), ledger.total(Outcome.WRONG)) == (0, 0)
    assert ledger.accounted == ledger.sent >= 0.8 * RATE * SECONDS
    # Nothing was left out: all sorts were sent, all changes were made, and by several versions.
    assert {row.group for row in ledger.rows.values()} == set(Group)
    assert all(row.outcomes.total() for row in ledger.rows.values())
    assert record.rounds >= 1
    done = {step.name for step in record.steps}
    assert {"publish", "damaged version", "roll back"} <= done
    assert ({"SIGTERM", "kill -9, process", "kill -9, instance"} <= done) == record.plan.proxy
    assert len(ledger.by_version) >= 2
