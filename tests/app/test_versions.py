"""What is published is taken up once, what cannot be is told once, and the version served before stays."""

import logging
import threading
from pathlib import Path

import pytest

from app.artifact import POINTER_FILE, TWIN_FILE, publish, roll_back
from app.errors import ArtifactError
from app.versions import Watcher, watching
from tests.app.test_artifact import writer

PATIENCE = 60.0
"""Seconds that something may take before it counts as hung."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of a model with one published version."""
    publish(tmp_path, "some", writer("first"))
    return tmp_path / "some"


class Taker:
    """Takes up what is published, or does not."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.called: str | None = "some name"
        self.done = threading.Event()

    def __call__(self, path: Path) -> str | None:
        """Remember which version was published, and end as the test wants."""
        self.asked.append((path / POINTER_FILE).read_text().strip())
        self.done.set()
        if self.error is not None:
            raise self.error
        return self.called


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def watcher(home: Path, taker: Taker) -> Watcher:
    """One that knows the first version already."""
    return Watcher(home, taker, "model")


def test_nothing_new(watcher: Watcher, taker: Taker) -> None:
    """What is published when it begins is taken up by somebody else."""
    watcher.look()
    assert taker.asked == []
    assert (watcher.switches.made, watcher.switches.refused, watcher.switches.refusal) == (0, 0, None)


def test_new_version_is_taken_up_once(
    home: Path, watcher: Watcher, taker: Taker, caplog: pytest.LogCaptureFixture
) -> None:
    """A new version is taken up at the next look, counted, and told in the log; then there is nothing to do."""
    publish(home.parent, "some", writer("second"))
    began = watcher.switches.since
    with caplog.at_level(logging.INFO, "app.versions"):
        watcher.look()
        watcher.look()
    assert taker.asked == ["second"]
    assert watcher.switches.made == 1
    assert watcher.switches.since >= began
    assert [record.getMessage() for record in caplog.records] == ["The model is some name from now on."]


def test_first_version_where_none_was_taken_up(home: Path, taker: Taker) -> None:
    """A watcher that is told so takes up what is published when it begins."""
    watcher = Watcher(home, taker, "candidate", fresh=False)
    watcher.look()
    watcher.look()
    assert taker.asked == ["first"]


def test_refusal_is_told_once(home: Path, watcher: Watcher, taker: Taker, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be taken up is counted and told once, without the folder it lies in, until something changes."""
    publish(home.parent, "some", writer("second"))
    taker.error = ArtifactError(f"{home}/second/{TWIN_FILE} is not the file that was published.")
    with caplog.at_level(logging.INFO, "app.versions"):
        watcher.look()
        watcher.look()
    assert taker.asked == ["second"]
    assert (watcher.switches.made, watcher.switches.refused) == (0, 1)
    refusal = watcher.switches.refusal
    assert refusal is not None
    assert (refusal.version, refusal.reason) == ("second", f"second/{TWIN_FILE} is not the file that was published.")
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert str(taker.error) in record.getMessage()


@pytest.mark.parametrize("back", [True, False])
def test_refusal_ends(home: Path, watcher: Watcher, taker: Taker, *, back: bool) -> None:
    """It is over when the version served is published again, and when another one is taken up."""
    publish(home.parent, "some", writer("second"))
    taker.error = ArtifactError("It is no good.")
    watcher.look()
    taker.error = None
    if back:
        roll_back(home, str)
        taker.called = None
    else:
        publish(home.parent, "some", writer("third"))
    watcher.look()
    assert watcher.switches.refusal is None
    assert (watcher.switches.made, watcher.switches.refused) == (0 if back else 1, 1)


def test_files_that_come_late(home: Path, watcher: Watcher, taker: Taker) -> None:
    """Where CURRENT arrives before the version's files, the version is tried again when they have arrived."""
    taker.error = ArtifactError("Nothing there.")
    (home / POINTER_FILE).write_text("second\n")
    watcher.look()
    watcher.look()
    assert len(taker.asked) == 1
    (home / "second").mkdir()
    writer("second")(home / "second")
    taker.error = None
    watcher.look()
    assert len(taker.asked) == 2
    assert watcher.switches.made == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), PermissionError(13, "Permission denied")])
def test_whatever_is_raised(
    home: Path, watcher: Watcher, taker: Taker, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """Faults of the program and of the disk are refusals too, the former with their trace; the watcher goes on."""
    publish(home.parent, "some", writer("second"))
    taker.error = error
    watcher.look()
    assert watcher.switches.refusal is not None
    assert str(error) in watcher.switches.refusal.reason
    assert [record.exc_info is not None for record in caplog.records] == [isinstance(error, ZeroDivisionError)]


def test_damaged_pointer_names_no_version(home: Path, watcher: Watcher, taker: Taker) -> None:
    """A refusal says as much of the version as is known."""
    taker.error = ArtifactError("It is damaged.")
    (home / POINTER_FILE).write_text("../elsewhere")
    watcher.look()
    assert watcher.switches.refusal is not None
    assert watcher.switches.refusal.version == ""


def test_pinned_version(home: Path, taker: Taker) -> None:
    """A version's own folder is served whatever else is published."""
    watcher = Watcher(home / "first", taker, "model")
    publish(home.parent, "some", writer("second"))
    watcher.look()
    assert taker.asked == []


def test_thread_looks_by_itself(home: Path, watcher: Watcher, taker: Taker) -> None:
    """While the block runs, new versions are taken up without anybody asking; afterwards no more."""
    before = set(threading.enumerate())
    with watching([watcher], 0.01):
        publish(home.parent, "some", writer("second"))
        assert taker.done.wait(PATIENCE)
    assert taker.asked == ["second"]
    assert "versions" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_zero_seconds_never_looks(watcher: Watcher) -> None:
    """Who wants no switching gets none: not even a thread."""
    before = threading.active_count()
    with watching([watcher], 0.0):
        assert threading.active_count() == before
