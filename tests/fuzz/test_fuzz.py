"""The fuzzer's short form: some hundred cases of everything that reads what clients send."""

import logging
from collections.abc import Iterator

import pytest

from tests.fuzz.targets import TARGETS, run

CASES = 300
"""Of each target; `make fuzz` runs them by the million."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the libraries' complaints about thousands of broken files to themselves."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_but_documented_errors(target: str) -> None:
    """Whatever arrives is read or refused as documented."""
    for case in range(CASES):
        run(target, case)
