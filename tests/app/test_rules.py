"""What shortens the search for rules changes nothing that it finds."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app import ink, rules

Mask = npt.NDArray[np.uint8]

LINES = st.lists(
    st.tuples(st.integers(0, 79), st.integers(0, 99), st.integers(0, 79), st.integers(0, 99), st.integers(1, 4)),
    max_size=6,
)


def masked(lines: list[tuple[int, int, int, int, int]], specks: int) -> Mask:
    """Straight lines and specks, (80, 100), 1 and 0."""
    mask = (np.random.default_rng(specks).random((80, 100)) < specks / 1000).astype(np.uint8)
    for top, left, bottom, right, pen in lines:
        cv2.line(mask, (left, top), (right, bottom), 1, pen)
    return mask


@given(lines=LINES, specks=st.integers(0, 200))
@example(lines=[(20, 0, 20, 99, 1), (40, 0, 42, 99, 1), (60, 0, 60, 97, 1)], specks=0)
@example(lines=[(20, 3, 20, 97, 1), (20, 0, 79, 99, 2)], specks=0)
@example(lines=[(20, 0, 20, 30, 1), (50, 25, 50, 99, 1)], specks=3)
def test_rules_are_those_of_the_long_way(lines: list[tuple[int, int, int, int, int]], specks: int) -> None:
    """Where nothing can reach from edge to edge no rule is looked for, and none would be found."""
    mask = masked(lines, specks)
    for side in (mask, np.ascontiguousarray(mask.T), mask.T):
        found, count = rules._rules(side)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rules, "_spans", lambda _: True)
            expected, expected_count = rules._rules(side)
        assert count == expected_count
        assert np.array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_rules_are_found() -> None:
    """Lines from edge to edge are rules, and those that end before are none."""
    mask = masked([(20, 0, 20, 99, 1), (60, 0, 60, 99, 1), (40, 10, 40, 89, 1)], 0)
    found, count = rules._rules(mask)
    assert count == 2
    assert np.flatnonzero(found.any(axis=1)).tolist() == [20, 60]


@pytest.mark.parametrize(("down", "rows"), [(2, 80), (2, 200), (1, 80)])
def test_dotted_lines(down: int, rows: int) -> None:
    """Two dotted lines close to each other make up no rule between them where there is no ink."""
    picture = np.full((rows, 80), 255, np.uint8)
    picture[39, 0::2] = picture[39 + down, 1::2] = 0
    for seen in (picture, np.ascontiguousarray(picture.T)):
        response = ink._find_writing(seen).response
        assert (response > 0).sum() == 80


@pytest.mark.parametrize(("columns", "spans"), [(94, False), (95, True), (100, True), (0, False)])
def test_spans(columns: int, spans: bool) -> None:
    """What is there may make up a line when it is in nearly all columns, in whichever rows."""
    mask = np.zeros((80, 100), np.uint8)
    mask[np.arange(columns) % 80, np.arange(columns)] = 1
    assert rules._spans(mask) is spans
