"""Corrections are taken in beside everything else, and forgotten in time, whatever the database does."""

import logging
import sys
import threading
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import pytest

from app.errors import FeedbackUnavailableError, OverloadedError
from app.feedback.corrections import Correction
from app.feedback.intake import CAPACITY, Intake, taking_corrections
from app.feedback.store import Store
from tests.app.feedback.databases import correction

PATIENCE = 30.0
"""Seconds that anything may take before it counts as hung."""


class FakeStore:
    """A database that does as it is told."""

    def __init__(self) -> None:
        self.added: list[str] = []
        self.threads: set[int] = set()
        self.answering = threading.Event()
        self.answering.set()
        self.failing = False
        self.purges: list[int] = []
        self.purged = threading.Semaphore(0)
        self.closed = False
        self.fault: Exception | None = None

    def add(self, one: Correction) -> None:
        """Keep, wait or fail."""
        assert self.answering.wait(PATIENCE)
        self.threads.add(threading.get_ident())
        self._check()
        self.added.append(one.id)

    def purge(self, days: int) -> int:
        """Note that it was asked to."""
        self.purges.append(days)
        self.purged.release()
        self._check()
        if self.fault is not None:
            raise self.fault
        return 0

    def close(self) -> None:
        """Note that it is over."""
        self.closed = True

    def _check(self) -> None:
        if self.failing:
            raise FeedbackUnavailableError("It does not answer.") from OSError("the cable is cut")


@pytest.fixture
def store() -> FakeStore:
    """A database that answers."""
    return FakeStore()


@pytest.fixture
def intake(store: FakeStore) -> Intake:
    """What keeps corrections in it."""
    return Intake(cast(Store, store), days=9)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_thread_keeps_it(intake: Intake, store: FakeStore) -> None:
    """Never the event loop's."""

    async def take() -> int:
        await intake.take(correction())
        return threading.get_ident()

    assert anyio.run(take) not in store.threads
    assert store.added == [correction().id]


def test_a_database_that_hangs_holds_up_nobody(intake: Intake, store: FakeStore) -> None:
    """While it hangs the event loop goes on; of corrections no more wait than there are places."""
    store.answering.clear()

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(CAPACITY):
                tasks.start_soon(intake.take, correction(number))
            await anyio.wait_all_tasks_blocked()
            # This runs while the database hangs.
            with pytest.raises(OverloadedError):
                await intake.take(correction(CAPACITY))
            assert store.added == []
            store.answering.set()

    anyio.run(all_of_them)
    assert len(store.added) == CAPACITY


def test_the_log_hears_once(intake: Intake, store: FakeStore, caplog: pytest.LogCaptureFixture) -> None:
    """Why nothing is kept is logged when it begins, and that it is over; not for each correction."""
    caplog.set_level(logging.INFO, "app")
    store.failing = True
    for _ in range(3):
        with pytest.raises(FeedbackUnavailableError):
            anyio.run(partial(intake.take, correction()))
    assert warnings_of(caplog) == ["No corrections are kept: the cable is cut. Look after DIGITS_DATABASE."]
    store.failing = False
    anyio.run(partial(intake.take, correction()))
    assert [record.message for record in caplog.records][1:] == ["Corrections are kept again."]


def test_forgetting(intake: Intake, store: FakeStore) -> None:
    """Old corrections are deleted at once, and again and again, until the end; then the database is closed."""
    with intake.forgetting(seconds=0.001):
        for _ in range(3):
            assert store.purged.acquire(timeout=PATIENCE)
        assert not store.closed
    assert store.closed
    assert set(store.purges) == {9}


@pytest.mark.parametrize(("known", "told"), [(True, "No corrections are kept"), (False, "are not deleted")])
def test_forgetting_goes_on(
    intake: Intake, store: FakeStore, caplog: pytest.LogCaptureFixture, *, known: bool, told: str
) -> None:
    """A database that does not answer, or a fault, is logged, and the next try comes all the same."""
    store.failing = known
    store.fault = None if known else ZeroDivisionError("a bug")
    with intake.forgetting(seconds=0.001):
        for _ in range(3):
            assert store.purged.acquire(timeout=PATIENCE)
    assert told in warnings_of(caplog)[0]


def test_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database there is nothing, and no library for one is loaded."""
    monkeypatch.delitem(sys.modules, "app.feedback.store")
    with taking_corrections(None, 9) as nothing:
        assert nothing is None
    assert "app.feedback.store" not in sys.modules


def test_place_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """A database that cannot be opened is told in one sentence, once, when the service starts."""
    with taking_corrections("sqlite:////nowhere/corrections.db", 9):
        pass
    assert warnings_of(caplog) == ["No corrections are kept: unable to open database file. Look after DIGITS_DATABASE."]


def test_on(tmp_path: Path) -> None:
    """With one, corrections are kept there."""
    url = f"sqlite:///{tmp_path / 'corrections.db'}"
    with taking_corrections(url, 9) as intake:
        assert intake is not None
        assert intake.days == 9
        anyio.run(partial(intake.take, correction()))
    store = Store(url)
    assert len(store.kept()) == 1
    store.close()
