"""Takes corrections in beside everything else the service does, in a thread of its own, and forgets them in time."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from app.admission import Pool
from app.background import in_background
from app.errors import FeedbackUnavailableError
from app.feedback.corrections import Correction

if TYPE_CHECKING:
    from app.feedback.store import Store

CAPACITY: Final = 16
"""Corrections under way or waiting at once, in each process."""

PURGE_SECONDS: Final = 3600.0
"""Between two looks for corrections that have been kept long enough."""

_END_SECONDS: Final = 4.0
"""That the end of the service waits for a database that does not answer."""

_logger = logging.getLogger(__name__)


class Intake:
    """What the service keeps corrections with. Neither the event loop nor any other route waits for the database."""

    def __init__(self, store: "Store", days: int) -> None:
        """Keep corrections in a store, each for so many days."""
        self.days = days
        self._store = store
        self._pool = Pool(threads=1, capacity=CAPACITY)
        self._failing = False

    async def take(self, correction: Correction) -> None:
        """Keep one.

        Raises:
            FeedbackUnavailableError: the database does not take it.
            OverloadedError: too many others are under way.
            DeadlineExceededError: the deadline passed, or the caller left, before it was its turn.
        """
        await self._pool.run(partial(self._told, partial(self._store.add, correction)))

    def _told(self, work: "partial[None] | partial[int]") -> None:
        """Do something; the log hears once why the database fails, which is nobody's business but the operator's."""
        try:
            work()
        except FeedbackUnavailableError as error:
            if not self._failing:
                _logger.warning("No corrections are kept: %s. Look after DIGITS_DATABASE.", _reason(error))
            self._failing = True
            raise
        if self._failing:
            _logger.info("Corrections are kept again.")
        self._failing = False

    @contextmanager
    def forgetting(self, seconds: float = PURGE_SECONDS) -> Iterator[None]:
        """Forget what has been kept long enough while the block runs, at once and then every so many seconds."""

        def run(ended: threading.Event) -> None:
            while True:
                try:
                    self._told(partial(self._store.purge, self.days))
                except FeedbackUnavailableError:
                    pass
                except Exception:
                    _logger.exception("Corrections that have been kept long enough are not deleted.")
                if ended.wait(seconds):
                    return

        try:
            with in_background("corrections", run, _END_SECONDS):
                yield
        finally:
            self._store.close()


@contextmanager
def taking_corrections(url: str | None, days: int) -> Iterator[Intake | None]:
    """What keeps corrections while the block runs; None without a database, and then no database library is loaded."""
    if url is None:
        yield None
        return
    from app.feedback.store import Store

    intake = Intake(Store(url), days)
    with intake.forgetting():
        yield intake


def _reason(error: FeedbackUnavailableError) -> str:
    """Why the database fails, in its own words; SQLAlchemy adds the statement and a link, in further lines."""
    cause = error.__cause__ or error
    return str(getattr(cause, "orig", None) or cause).partition("\n")[0].rstrip(".")
