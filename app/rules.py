"""Ink and the rules of the paper under it -> the ink, as pure functions."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contrast import FAINT_SHARE, Response, ink_level
from app.ground import Mask, longest, mean_depth, percentile
from app.paper import leaves_often, may_leave_often
from app.straight_lines import lying_runs

RULE_RUN: Final = 0.2
"""A rule is made of straight runs at least this long, as a share of the picture."""

RULE_SPAN: Final = 0.95
"""A rule goes from edge to edge, or nearly: at least this share of the picture."""

LEAST_RUN: Final = 12
"""Pictures in which a run would be shorter than this, in pixels, are too small to have rules."""

RULE_DEPTH: Final = 0.01
"""Mean depth of rules, as a share of the picture's longer side: a quarter of their width. Wider ones are strokes."""

LEAST_RULES: Final = 3
"""So many rules with next to nothing beside them are an empty sheet; fewer may be strokes of a digit."""

SPECK_SHARE: Final = 0.1
"""Next to nothing: fewer pixels than a hairline as long as this share of the picture."""

STROKE_SHARE: Final = 0.15
"""A stroke is at least so long, as a share of the picture's longer side."""

RULE_CONTRAST: Final = 0.75
"""Rules stand out by at most this share of what the ink does."""

MOST_RULE: Final = 1.1
"""Hardly any pixel of a rule stands out by more than so many times as much as most; strokes have soft edges that do."""

CROSSING: Final = 0.04
"""Where rules cross they stand out more, but nowhere so far, as a share of the picture's longer side."""

RULE_WIDTHS: Final = (3, 5, 7, 9, 11)
"""Pixels; wider ones are no rules."""

MOST_LEFT: Final = 0.05
"""Share of the rules at a picture's edges that may be as wide as ink where nearly all are thinner."""

AROUND: Final = np.ones((3, 3), np.uint8)
"""With their soft edges, strokes and rules are a pixel wider on each side."""

EDGE_BAND: Final = 0.04
"""Width of the band along a picture's edges in which nearly all that stands out are rules, as a share of its longer
side."""


def without_rules(response: Response) -> Response:
    """Drop the lines of ruled and squared paper where they are fainter than the ink, or thinner."""
    net = _net(response)
    if net is not None:
        level = percentile(response[net > 0], 90.0)
        if _has_darker_ink(response, level):
            return np.where(response > MOST_RULE * level, response, np.float32(0.0))
        thick = _without_thin(response, net)
        if thick is not None:
            return thick
    return _without_straight_rules(response)


def _net(response: Response) -> Mask | None:
    """What stands out in the band along a picture's edges where rules leave it again and again; None if they do not."""
    if not may_leave_often(response):
        return None
    # Some of a picture's rules are fainter than the others, and must not seem to end.
    lines = (response > FAINT_SHARE**2 * ink_level(response)).astype(np.uint8)
    if not leaves_often(lines):
        return None
    band = max(2, round(EDGE_BAND * max(response.shape)))
    lines[band:-band, band:-band] = 0
    return lines


def _has_darker_ink(response: Response, level: float) -> bool:
    """Whether something stands out more than rules do, which stand out so far."""
    return _area_of_strokes(response > level / RULE_CONTRAST) >= SPECK_SHARE * float(max(response.shape))


def _without_thin(response: Response, net: Mask) -> Response | None:
    """Drop what is no wider than rules are; None if nothing is wider."""
    ink = (response > FAINT_SHARE * ink_level(response)).astype(np.uint8)
    most_left = MOST_LEFT * np.count_nonzero(ink & net)
    for size in RULE_WIDTHS:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        wide = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, disc), np.uint8)
        if np.count_nonzero(wide & net) > most_left:
            continue
        is_there = _area_of_strokes(wide > 0) >= size * SPECK_SHARE * max(response.shape)
        return np.where(cv2.dilate(wide, AROUND) > 0, response, np.float32(0.0)) if is_there else None
    return None


def _area_of_strokes(standing_out: npt.NDArray[np.bool_]) -> int:
    """Pixels of what reaches farther than the places where rules cross, which are darker and wider than rules."""
    stats = cv2.connectedComponentsWithStats(standing_out.astype(np.uint8), connectivity=8)[2][1:]
    reach = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    return int(stats[reach >= CROSSING * max(standing_out.shape), cv2.CC_STAT_AREA].sum())


def _without_straight_rules(response: Response) -> Response:
    """Drop the lines of ruled and squared paper: straight, from edge to edge, and fainter than the ink.

    Where ink crosses a rule it is darker than the rule and stays. Several thin rules, with nothing beside them and no
    stroke along them, are an empty sheet.
    """
    standing_out = (response > 0.0).astype(np.uint8)
    along, lines_along = _rules(standing_out)
    across, lines_across = _rules(standing_out.T)
    rules = along | across.T
    # Between two dotted lines there may be a straight run with no ink in it.
    if not cv2.hasNonZero(rules):
        return response
    level = percentile(response[rules > 0], 30.0)
    beside = response[(standing_out > 0) & (cv2.dilate(rules, AROUND) == 0)]
    longer = max(response.shape)
    if beside.size < SPECK_SHARE * longer:
        # Straight strokes that cross a rule look like a part of it, but for their darkness.
        strong = ((rules > 0) & (response > level / RULE_CONTRAST)).astype(np.uint8)
        if not STROKE_SHARE <= longest(strong) / longer < RULE_SPAN:
            is_sheet = lines_along + lines_across >= LEAST_RULES and mean_depth(rules) <= RULE_DEPTH * longer
            return np.zeros_like(response) if is_sheet else response
        beside = response[strong > 0]
    ink = percentile(beside, 95.0)
    if level > RULE_CONTRAST * ink:
        return response
    return np.where((rules > 0) & (response < (level + ink) / 2), np.float32(0.0), response)


def _rules(standing_out: Mask) -> tuple[Mask, int]:
    """The nearly horizontal lines from the left edge to the right one, 1 and 0, and how many they are."""
    width = standing_out.shape[1]
    run = int(width * RULE_RUN)
    # Most ink ends before the edges: nothing on it has to be looked for.
    if run < LEAST_RUN or not _spans(standing_out):
        return np.zeros(standing_out.shape, np.uint8), 0
    runs = lying_runs(standing_out, run)
    if not _spans(runs):
        return np.zeros(standing_out.shape, np.uint8), 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    spans = stats[:, cv2.CC_STAT_WIDTH] >= RULE_SPAN * width
    spans[0] = False
    return np.asarray(spans[labels] & standing_out, np.uint8), int(spans.sum())


def _spans(mask: Mask) -> bool:
    """Whether what is there could make up a line from edge to edge."""
    return bool(cv2.countNonZero(cv2.reduce(mask, 0, cv2.REDUCE_MAX)) >= RULE_SPAN * mask.shape[1])
