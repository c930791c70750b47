"""Stores on both kinds of database, each empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from app.feedback.store import Store
from tests.app.feedback.databases import PostgreSQL, postgresql


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server, started once."""
    with postgresql() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'corrections.db'}"
    server: PostgreSQL = request.getfixturevalue("server")
    engine = create_engine(make_url(server.url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return server.url


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """An empty store."""
    opened = Store(database)
    yield opened
    opened.close()
