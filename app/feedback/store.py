"""Keeps corrections in SQLite or PostgreSQL, through SQLAlchemy. Every call blocks; threads may share a store."""

import datetime as dt
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, cast

import numpy as np
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, delete, event, func, make_url, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.contract import INPUT_SHAPE
from app.errors import FeedbackUnavailableError
from app.feedback.address import check_address
from app.feedback.corrections import Correction, KeptCorrection, Label, State
from app.feedback.schema import upgrade
from app.feedback.tables import CorrectionRow
from app.judgement import Verdict

MOST_WAITING: Final = 100_000
"""Corrections that may wait for a review, some 100 MB: what strangers send must not fill a disk."""

PATIENCE: Final = 3
"""Seconds that a connection, a statement or a lock may take."""

_ACCEPTED: Final[dict[State, bool | None]] = {"waiting": None, "accepted": True, "rejected": False}
_STATES: Final = {accepted: state for state, accepted in _ACCEPTED.items()}


def today() -> dt.date:
    """The day in UTC, wherever the service runs."""
    return dt.datetime.now(dt.UTC).date()


class Store:
    """The database of corrections; nothing is connected before the first call."""

    def __init__(self, url: str, most_waiting: int = MOST_WAITING) -> None:
        """Note where it is.

        Args:
            url: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.
            most_waiting: corrections that may wait for a review.

        Raises:
            ValueError: it is no such URL.
        """
        check_address(url)
        self._engine = _engine(url)
        self._most_waiting = most_waiting
        self._is_current = False
        self._upgrading = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def add(self, correction: Correction) -> None:
        """Keep a correction; one that is there already stays as it is, reviewed or not.

        Raises:
            FeedbackUnavailableError: the database does not take it.
        """
        row = CorrectionRow(
            id=correction.id,
            received=today(),
            picture=correction.picture.tobytes(),
            label=correction.label,
            probabilities=list(correction.probabilities),
            verdict=correction.verdict,
            model_name=correction.model_name,
            model_version=correction.model_version,
            accepted=None,
        )
        with self._session() as session:
            if session.get(CorrectionRow, row.id) is not None:
                return
            waiting = select(CorrectionRow.id).where(CorrectionRow.accepted.is_(None)).limit(self._most_waiting)
            if session.scalars(select(func.count()).select_from(waiting.subquery())).one() >= self._most_waiting:
                raise FeedbackUnavailableError("As many corrections as there is room for wait for a review. Thank you!")
            session.add(row)
            try:
                session.commit()
            except IntegrityError:
                # Another process has just been sent the same.
                session.rollback()

    def kept(self, state: State | None = None) -> list[KeptCorrection]:
        """What is there, the oldest first: all, or those in one state.

        Raises:
            FeedbackUnavailableError: the database does not answer.
        """
        query = select(CorrectionRow).order_by(CorrectionRow.received, CorrectionRow.id)
        if state is not None:
            query = query.where(CorrectionRow.accepted.is_(_ACCEPTED[state]))
        with self._session() as session:
            return [_kept(row) for row in session.scalars(query)]

    def review(self, ids: Iterable[str], *, accepted: bool) -> int:
        """Accept or reject corrections, whatever was said of them before; returns how many were there.

        Raises:
            FeedbackUnavailableError: the database does not answer.
        """
        with self._session() as session:
            found = session.execute(
                update(CorrectionRow).where(CorrectionRow.id.in_(list(ids))).values(accepted=accepted)
            )
            session.commit()
            return _count(found)

    def remove(self, ids: Iterable[str]) -> int:
        """Forget corrections; returns how many were there.

        Raises:
            FeedbackUnavailableError: the database does not answer.
        """
        return self._delete(CorrectionRow.id.in_(list(ids)))

    def purge(self, days: int) -> int:
        """Forget the corrections that are as many days old, reviewed or not; returns how many those were.

        Raises:
            FeedbackUnavailableError: the database does not answer.
        """
        return self._delete(CorrectionRow.received <= today() - dt.timedelta(days=days))

    def _delete(self, which: Any) -> int:
        with self._session() as session:
            found = session.execute(delete(CorrectionRow).where(which))
            session.commit()
            return _count(found)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with self._upgrading:
                if not self._is_current:
                    upgrade(self._engine)
                    self._is_current = True
            with Session(self._engine) as session:
                yield session
        except (SQLAlchemyError, CommandError) as error:
            # It may have been replaced by an empty one.
            self._is_current = False
            raise FeedbackUnavailableError(
                "The database of the corrections does not answer. Try again later."
            ) from error


def _engine(url: str) -> Engine:
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, connect_args={"timeout": PATIENCE})
        event.listen(engine, "do_connect", partial(_make_private, address.database))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    waits = {
        "connect_timeout": PATIENCE,
        "tcp_user_timeout": 1000 * PATIENCE,
        "options": f"-c statement_timeout={PATIENCE}s -c lock_timeout={PATIENCE}s",
    }
    # A server that was restarted in between is asked anew.
    return create_engine(
        address.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_timeout=PATIENCE, connect_args=waits
    )


def _make_private(path: str | None, *_: object) -> None:
    """Make the file before SQLite does, for its user alone; SQLite's further files beside it get the same mode."""
    with suppress(OSError):
        # If it cannot be made, SQLite says why.
        os.close(os.open(path or "", os.O_CREAT | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions begin where SQLAlchemy says so, tables included, and at once with the lock to write.
    connection.isolation_level = None
    # What is deleted is overwritten, not just forgotten.
    connection.execute("PRAGMA secure_delete = ON").close()


def _count(result: Any) -> int:
    return int(result.rowcount)


def _kept(row: CorrectionRow) -> KeptCorrection:
    return KeptCorrection(
        Correction(
            picture=np.frombuffer(row.picture, np.uint8).reshape(INPUT_SHAPE),
            label=cast(Label, row.label),
            probabilities=tuple(row.probabilities),
            verdict=cast(Verdict | None, row.verdict),
            model_name=row.model_name,
            model_version=row.model_version,
        ),
        received=row.received,
        state=_STATES[row.accepted],
    )
