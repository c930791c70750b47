"""Looks now and then whether another version has been published, and takes it up once it has proved itself."""

import datetime as dt
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.artifact import current_folder, glimpse
from app.background import in_background
from app.errors import ArtifactError

_logger = logging.getLogger(__name__)

_PATIENCE: Final = 5.0
"""Seconds that the end of the service waits for a version that is being loaded."""


def now() -> dt.datetime:
    """The time, to the second."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A published version that is not served."""

    version: str
    reason: str
    """A sentence for people; without the folder that the versions lie in."""
    at: dt.datetime


@dataclass(slots=True)
class Switches:
    """What became of the versions that were published while this process served. Whoever counts such things reads here.

    One thread writes; others may read at any time.
    """

    made: int = 0
    """Versions taken up after the first."""
    refused: int = 0
    refusal: Refusal | None = None
    """Of the version that is published now; None where that is the one being served."""
    since: dt.datetime = field(default_factory=now)
    """When the version being served was taken up."""


class Watcher:
    """Sees to it that what is published at a path is taken up, once, and that what cannot be is told, once.

    CURRENT is read again and again: inotify and its like see no changes that another machine makes on a network
    volume, and Kubernetes and Docker Desktop mount volumes on which they see none at all. A few bytes every few
    seconds cost nothing.
    """

    def __init__(self, path: Path, take: Callable[[Path], str | None], what: str, *, fresh: bool = True) -> None:
        """Note what is published now, so that a change is noticed.

        Args:
            path: `artifacts/NAME`. A version's own folder, or a file, is pinned: it holds no CURRENT that could change.
            take: loads what is published there, lets it pass its tests and takes it up; returns what to call it, or
                None if it was taken up already. What it raises is the reason why it is not.
            what: what to call these models in the log.
            fresh: whether what is published now is taken up already, or about to be.
        """
        self.switches = Switches()
        self._path = path
        self._take = take
        self._what = what
        self._seen = glimpse(path) if fresh else None

    def look(self) -> None:
        """Take up what is published, if it is another than when this was last asked."""
        seen = glimpse(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            name = self._take(self._path)
        except (ArtifactError, OSError) as error:
            self._refuse(str(error))
            _logger.warning("The %s that is published now is not taken up: %s", self._what, error)
        except Exception as error:
            self._refuse(f"{type(error).__name__}: {error}")
            _logger.exception("The %s that is published now is not taken up.", self._what)
        else:
            self.switches.refusal = None
            if name is not None:
                self.switches.made += 1
                self.switches.since = now()
                _logger.info("The %s is %s from now on.", self._what, name)

    def _refuse(self, reason: str) -> None:
        try:
            version = current_folder(self._path).name
        except (ArtifactError, OSError):
            version = ""
        self.switches.refused += 1
        # Where the versions lie is nobody's business but the operator's.
        self.switches.refusal = Refusal(version, reason.replace(f"{self._path}{os.sep}", ""), now())


@contextmanager
def watching(watchers: list[Watcher], seconds: float) -> Iterator[None]:
    """Let the watchers look every so many seconds while the block runs; never where that is 0.

    They do so in a thread of their own: loading takes milliseconds, and a network volume that hangs holds up nobody.
    """
    if not seconds:
        yield
        return

    def run(ended: threading.Event) -> None:
        # At round times, so that all processes of the service look at the same moment and answer alike.
        while not ended.wait(seconds - time.time() % seconds):
            for watcher in watchers:
                watcher.look()

    with in_background("versions", run, _PATIENCE):
        yield
