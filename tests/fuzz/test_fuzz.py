"""The fuzzer's short form: what once found something, and some hundred cases made by chance, of every target."""

import logging
from collections.abc import Iterator

import pytest

from tests.fuzz.cases import FOUND, READ, found_cases, made_by_chance
from tests.fuzz.targets import TARGETS


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the libraries' complaints about thousands of broken files to themselves."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_get_through(name: str) -> None:
    """Some of what each target begins with is read to the end: its cases do not all end at the first check."""
    target = TARGETS[name]
    with target.reading() as read:
        assert {"200", READ} & set(map(read, target.seeds()))


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_documented_errors(name: str) -> None:
    """Whatever arrives is read or refused as documented."""
    target = TARGETS[name]
    with target.reading() as read:
        for number in range(target.cases):
            read(made_by_chance(name, target, number))


@pytest.mark.parametrize("name", TARGETS)
def test_what_once_found_something(name: str) -> None:
    """What was mended stays mended."""
    with TARGETS[name].reading() as read:
        for path in found_cases(name):
            read(path.read_bytes())


def test_folders_of_targets() -> None:
    """No case is forgotten because its target has another name now."""
    assert {path.name for path in FOUND.glob("*")} <= set(TARGETS)
