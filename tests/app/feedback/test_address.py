"""Which URLs name a database for corrections."""

import pytest

from app.feedback import address
from app.feedback.address import check_address


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///corrections.db",
        "sqlite:////var/lib/digits/corrections.db",
        "postgresql://user:pass@host:5432/digits",
        "postgresql:///digits?host=/run/postgresql",
    ],
)
def test_databases(url: str) -> None:
    """Files of SQLite and servers of PostgreSQL."""
    check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "corrections.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:corrections.db",
        "sqlite://corrections.db",
        "mysql://host/digits",
        "postgresql+asyncpg://host/digits",
        "postgresql://user:s3cret@host:port/digits",
        "postgresql://user:s3cret/x@host/digits",
    ],
)
def test_others(url: str) -> None:
    """What is none, is in memory, or is of another kind, is told so without the URL, which may hold a password."""
    with pytest.raises(ValueError, match=r"write sqlite:///PATH.* or postgresql://") as refused:
        check_address(url)
    assert "s3cret" not in str(refused.value)


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names what a database needs and how it is installed."""
    monkeypatch.setattr(address, "find_spec", lambda name: None if name == "psycopg" else object())
    check_address("sqlite:///corrections.db")
    with pytest.raises(ValueError, match=r"it needs psycopg; .* extra `feedback`"):
        check_address("postgresql://host/digits")
