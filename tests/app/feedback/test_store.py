"""Corrections are kept, reviewed and forgotten, in both kinds of database."""

import datetime as dt
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.errors import FeedbackUnavailableError
from app.feedback import store as module
from app.feedback.store import Store, today
from tests.app.feedback.databases import PostgreSQL, correction


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[dt.date]:
    """The day it is; a test may change it."""
    days = [dt.date(2026, 11, 22)]
    monkeypatch.setattr(module, "today", lambda: days[0])
    return days


def test_today_is_a_day_in_utc() -> None:
    """Wherever the service runs."""
    assert abs(today() - dt.datetime.now(dt.UTC).date()) <= dt.timedelta(days=1)


def test_what_is_kept_comes_back(store: Store, clock: list[dt.date]) -> None:
    """Picture, label, answer and model, with the day, waiting for a review."""
    sent = correction(7, "not_a_digit", verdict=None)
    store.add(sent)
    [kept] = store.kept()
    assert (kept.received, kept.state) == (clock[0], "waiting")
    assert np.array_equal(kept.correction.picture, sent.picture)
    assert kept.correction.picture.shape == (28, 28, 1)
    facts = ("id", "label", "probabilities", "verdict", "model_name", "model_version")
    assert [getattr(kept.correction, fact) for fact in facts] == [getattr(sent, fact) for fact in facts]


def test_twice_is_once(store: Store) -> None:
    """The same picture and label again changes nothing, neither answer nor review."""
    store.add(correction())
    store.review([correction().id], accepted=False)
    store.add(correction(model_version="later"))
    [kept] = store.kept()
    assert (kept.state, kept.correction.model_version) == ("rejected", correction().model_version)


def test_the_same_from_many_at_once(database: str) -> None:
    """Several processes that are sent the same keep it once, and none fails."""
    stores = [Store(database) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda store: [store.add(correction(shade)) for shade in range(20)], stores))
    assert len(stores[0].kept()) == 20
    for store in stores:
        store.close()


def test_review(store: Store) -> None:
    """Accepted and rejected ones are told apart; a second thought counts; what is not there is not counted."""
    one, other, third = (correction(shade) for shade in (1, 2, 3))
    for sent in (one, other, third):
        store.add(sent)
    assert store.review([one.id, other.id, "none"], accepted=True) == 2
    assert store.review([other.id], accepted=False) == 1
    by_state = {
        state: [kept.correction.id for kept in store.kept(state)] for state in ("waiting", "accepted", "rejected")
    }
    assert by_state == {"waiting": [third.id], "accepted": [one.id], "rejected": [other.id]}
    assert len(store.kept()) == 3


def test_forgotten_in_time(store: Store, clock: list[dt.date]) -> None:
    """What is as old as was promised is deleted, reviewed or not; what is a day younger stays."""
    old, accepted, young = (correction(shade) for shade in (1, 2, 3))
    store.add(old)
    store.add(accepted)
    store.review([accepted.id], accepted=True)
    clock[0] += dt.timedelta(days=1)
    store.add(young)
    assert store.purge(2) == 0
    clock[0] += dt.timedelta(days=1)
    assert store.purge(2) == 2
    assert [kept.correction.id for kept in store.kept()] == [young.id]


def test_forgotten_on_demand(store: Store) -> None:
    """Some can be deleted by name."""
    store.add(correction(1))
    store.add(correction(2))
    assert store.remove([correction(1).id, "none"]) == 1
    assert [kept.correction.id for kept in store.kept()] == [correction(2).id]


def test_deleted_pictures_are_overwritten(tmp_path: Path) -> None:
    """SQLite's file does not hold the pixels of what was deleted any more."""
    path = tmp_path / "corrections.db"
    store = Store(f"sqlite:///{path}")
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    store.add(correction(picture=pixels))
    assert pixels.tobytes() in path.read_bytes()
    store.remove([store.kept()[0].correction.id])
    assert pixels.tobytes()[:100] not in path.read_bytes()
    store.close()


def test_for_its_user_alone(tmp_path: Path) -> None:
    """SQLite's file is readable by nobody else, whatever the umask; one that is there already stays as it is."""
    before = os.umask(0)
    try:
        for path, mode in ((tmp_path / "new.db", 0o600), (tmp_path / "old.db", 0o640)):
            if mode != 0o600:
                path.touch(mode)
            store = Store(f"sqlite:///{path}")
            store.add(correction())
            store.close()
            assert path.stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_room_is_bounded(database: str) -> None:
    """When too many wait for a review, one more is refused until some have been reviewed."""
    store = Store(database, most_waiting=2)
    store.add(correction(1))
    store.add(correction(2))
    with pytest.raises(FeedbackUnavailableError, match="wait for a review"):
        store.add(correction(3))
    store.review([correction(1).id], accepted=True)
    store.add(correction(3))
    assert len(store.kept()) == 3
    store.close()


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/corrections.db", "postgresql://digits:s3cret@127.0.0.1:1/digits?connect_timeout=1"]
)
def test_no_database(url: str) -> None:
    """A database that is not there is a sentence, in which no password stands."""
    store = Store(url)
    with pytest.raises(FeedbackUnavailableError) as failed:
        store.add(correction())
    assert "does not answer" in str(failed.value)
    assert "s3cret" not in f"{failed.value} {failed.value.__cause__}"
    store.close()


def test_no_address() -> None:
    """A URL that names no database is refused at once."""
    with pytest.raises(ValueError, match="write sqlite"):
        Store("corrections.db")


def test_a_database_that_comes_back(tmp_path: Path) -> None:
    """A file that was replaced by an empty one gets its tables anew, at the second try at the latest."""
    path = tmp_path / "corrections.db"
    store = Store(f"sqlite:///{path}")
    store.add(correction(1))
    store.close()
    path.unlink()
    with pytest.raises(FeedbackUnavailableError):
        store.add(correction(2))
    store.add(correction(2))
    assert len(store.kept()) == 1
    store.close()


@pytest.fixture
def own_server(server: PostgreSQL) -> Iterator[PostgreSQL]:
    """The server, which is running again after the test."""
    yield server
    server.start()


def test_a_server_that_is_down(own_server: PostgreSQL) -> None:
    """While PostgreSQL is down nothing is kept; once it is up again the same store goes on."""
    store = Store(own_server.url)
    store.purge(0)
    store.add(correction(1))
    own_server.stop()
    with pytest.raises(FeedbackUnavailableError):
        store.add(correction(2))
    own_server.start()
    store.add(correction(2))
    assert len(store.kept()) == 2
    store.close()
    own_server.stop()
