"""The one table: all that is ever kept of a correction."""

import datetime as dt

from sqlalchemy import JSON, Boolean, Date, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Knows all tables; the migrations are proved against it."""


class CorrectionRow(Base):
    """A correction as app.feedback.corrections has it. No file name, address or text of a client has a column."""

    __tablename__ = "corrections"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    received: Mapped[dt.date] = mapped_column(Date, index=True)
    picture: Mapped[bytes] = mapped_column(LargeBinary)
    """784 bytes: uint8 (28, 28, 1)."""
    label: Mapped[str] = mapped_column(String(11))
    probabilities: Mapped[list[float]] = mapped_column(JSON)
    verdict: Mapped[str | None] = mapped_column(String(11))
    model_name: Mapped[str] = mapped_column(String)
    model_version: Mapped[str] = mapped_column(String)
    accepted: Mapped[bool | None] = mapped_column(Boolean, index=True)
    """Null until somebody has reviewed it."""
