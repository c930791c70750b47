"""The migrations lead from an empty database to the tables of this version."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from app.errors import FeedbackUnavailableError
from app.feedback.schema import upgrade
from app.feedback.store import Store, _engine
from app.feedback.tables import Base
from tests.app.feedback.databases import correction


@pytest.fixture
def engine(database: str) -> Engine:
    """An empty database."""
    return _engine(database)


def differences(engine: Engine) -> list[object]:
    """What a migration would have to change."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))


def test_migrations_lead_to_the_tables(engine: Engine) -> None:
    """Whoever changes a table writes a migration; running them again changes nothing."""
    assert differences(engine) != []
    upgrade(engine)
    assert differences(engine) == []
    upgrade(engine)
    assert differences(engine) == []
    engine.dispose()


def test_only_the_named_columns(engine: Engine) -> None:
    """Nothing else of a picture, a request or a client can be kept: there is no place for it."""
    upgrade(engine)
    assert set(inspect(engine).get_table_names()) == {"corrections", "alembic_version"}
    assert {column["name"] for column in inspect(engine).get_columns("corrections")} == {
        "id",
        "received",
        "picture",
        "label",
        "probabilities",
        "verdict",
        "model_name",
        "model_version",
        "accepted",
    }
    engine.dispose()


def test_processes_that_start_together(database: str) -> None:
    """Each of them finds or makes the tables; none fails."""
    stores = [Store(database) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda pair: pair[1].add(correction(pair[0])), enumerate(stores)))
    assert len(stores[0].kept()) == 4
    for store in stores:
        store.close()


def test_a_later_programs_database_is_left_alone(database: str) -> None:
    """A database that a later version has changed is not touched; it is as if it did not answer."""
    store = Store(database)
    store.add(correction())
    engine = _engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    other = Store(database)
    with pytest.raises(FeedbackUnavailableError) as refused:
        other.kept()
    assert "later" in str(refused.value.__cause__)
    for opened in (store, other):
        opened.close()
    engine.dispose()
