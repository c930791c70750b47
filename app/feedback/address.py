"""Which databases may keep corrections, by their URL; knows no database library."""

from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

_NEEDS: Final = {"sqlite": ("sqlalchemy", "alembic"), "postgresql": ("sqlalchemy", "alembic", "psycopg")}
"""The modules that each kind of database takes, by the beginning of its URL."""


def check_address(url: str) -> None:
    """Whether corrections can be kept there; the URL is not repeated, since it may hold a password.

    Raises:
        ValueError: it names no database of a known kind, or what that takes is not installed.
    """
    kind, _, place = url.partition("://")
    if kind not in _NEEDS or not _is_place(kind, place):
        raise ValueError("write sqlite:///PATH, with four slashes if it begins at the root, or postgresql://...")
    if missing := [module for module in _NEEDS[kind] if find_spec(module) is None]:
        raise ValueError(f"it needs {', '.join(missing)}; install the package with its extra `feedback`")


def _is_place(kind: str, place: str) -> bool:
    if kind == "sqlite":
        # Databases in memory are gone with the process, and each process has its own.
        return place.startswith("/") and place.strip("/") not in {"", ":memory:"}
    try:
        return urlsplit(f"{kind}://{place}").port != 0
    except ValueError:
        return False
