"""Line charts as SVG: colours are the style sheet's, so that they suit light and dark."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 16, 16, 64
_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: its name and a value for each step."""

    name: str
    values: Sequence[float]


def line_chart(title: str, lines: Sequence[Line], label: Callable[[float], str], steps: str) -> str:
    """Draw lines over steps that are counted from 1.

    Args:
        title: what a screen reader says of the chart.
        lines: of equally many values, at least one; the n-th gets the class `line-n`.
        label: a value in words.
        steps: what is counted to the right.
    """
    values = [value for line in lines for value in line.values]
    ticks = _ticks(min(values), max(values))
    low, high, count = ticks[0], ticks[-1], len(lines[0].values)

    def x(step: int) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (step / max(count - 1, 1))

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    parts.extend(
        f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{WIDTH - _RIGHT}"/>'
        f'<text class="tick-y" x="{_LEFT - 10}" y="{y(tick) + 5:.1f}">{escape(label(tick))}</text>'
        for tick in ticks
    )
    parts.extend(
        f'<text class="tick-x" x="{x(step):.1f}" y="{HEIGHT - _BOTTOM + 26}">{step + 1}</text>'
        for step in sorted({0, count // 4, count // 2, 3 * count // 4, count - 1})
    )
    parts.append(f'<text class="tick-x" x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 8}">{escape(steps)}</text>')
    for number, line in enumerate(lines, start=1):
        points = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in enumerate(line.values))
        parts.append(f'<polyline class="line line-{number}" points="{points}"/>')
    parts.append("</svg>")
    keys = "".join(
        f'<li class="key key-{number}">{escape(line.name)}</li>' for number, line in enumerate(lines, start=1)
    )
    return f'{"".join(parts)}<ul class="keys">{keys}</ul>'


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that enclose both, about _TICKS of them."""
    rough = max(high - low, 1e-6) / (_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]
