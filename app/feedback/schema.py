"""Brings a database to the tables of this version, from wherever it is: Alembic's migrations."""

from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

_MIGRATIONS: Final = "app.feedback:migrations"

_LOCK: Final = 0x646967697473
"""Any number that no other program locks: the letters of `digits`."""


def upgrade(engine: Engine) -> None:
    """Run the migrations that the database lacks, in one transaction; processes that start together take turns.

    Raises:
        SQLAlchemyError: the database does not answer, or not in time.
        CommandError: a later version of this program has changed the database.
    """
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    with engine.begin() as connection:
        # SQLite locks the whole database when a transaction begins.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
