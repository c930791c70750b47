"""The ten digits as strokes, drawn for these tests: points as shares of the drawing area, x to the right, y down."""

import math
from typing import Final

Stroke = list[tuple[float, float]]


def line(*corners: tuple[float, float]) -> Stroke:
    """Straight from corner to corner."""
    return list(corners)


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> Stroke:
    """Part of an ellipse around (x, y); angles in degrees, 0 to the right, growing clockwise."""
    angles = [math.radians(start + (end - start) * step / 20) for step in range(21)]
    return [(x + width / 2 * math.cos(angle), y + height / 2 * math.sin(angle)) for angle in angles]


DIGITS: Final[dict[int, list[Stroke]]] = {
    0: [arc(0.5, 0.5, 0.4, 0.6, -90, 270)],
    1: [line((0.52, 0.18), (0.5, 0.82))],
    2: [arc(0.49, 0.36, 0.34, 0.32, -165, 35) + line((0.32, 0.79), (0.72, 0.79))],
    3: [arc(0.47, 0.35, 0.34, 0.3, -160, 80) + arc(0.47, 0.65, 0.4, 0.32, -80, 150)],
    4: [line((0.42, 0.2), (0.3, 0.55), (0.72, 0.55)), line((0.61, 0.36), (0.59, 0.84))],
    5: [line((0.66, 0.22), (0.4, 0.23), (0.38, 0.47)) + arc(0.48, 0.62, 0.36, 0.34, -120, 145)],
    6: [line((0.6, 0.18), (0.42, 0.42), (0.34, 0.62)) + arc(0.5, 0.65, 0.34, 0.32, 180, -170)],
    7: [line((0.28, 0.25), (0.72, 0.25), (0.45, 0.82))],
    8: [arc(0.5, 0.35, 0.3, 0.28, 90, 450), arc(0.5, 0.65, 0.38, 0.32, -90, 270)],
    9: [arc(0.48, 0.37, 0.32, 0.32, -10, -360) + line((0.64, 0.37), (0.6, 0.84))],
}

STAR: Final = [line((0.5, 0.18), (0.68, 0.78), (0.2, 0.4), (0.8, 0.4), (0.32, 0.78), (0.5, 0.18))]
"""No digit."""
