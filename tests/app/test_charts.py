"""Charts as SVG."""

from xml.etree import ElementTree as ET

import pytest

from app.charts import HEIGHT, WIDTH, Line, line_chart


def parsed(chart: str) -> ET.Element:
    """A chart and its keys under one root."""
    return ET.fromstring(f"<root>{chart}</root>")  # noqa: S314  # written by the line above


def test_lines_lie_inside_the_picture() -> None:
    """Each line has a point for each step, higher values lie higher, and nothing leaves the picture."""
    chart = parsed(
        line_chart("A & B", [Line("a<", [0.5, 0.75, 1.0]), Line("b", [0.2, 0.3, 0.1])], "{:.0%}".format, "n")
    )
    assert chart[0].attrib["aria-label"] == "A & B"
    first, second = (
        [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        for line in chart.iter("polyline")
    )
    assert len(first) == len(second) == 3
    assert first[0][1] > first[1][1] > first[2][1]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in first + second)
    assert [item.text for item in chart.iter("li")] == ["a<", "b"]


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.0, 0.0], [0.98, 0.9966]])
def test_any_values_have_room(values: list[float]) -> None:
    """One step, equal values and values close together are drawn too, between ticks that enclose them."""
    chart = parsed(line_chart("t", [Line("a", values)], "{:.4f}".format, "n"))
    labels = [float(str(text.text)) for text in chart.iter("text") if text.attrib["class"] == "tick-y"]
    assert labels[0] <= min(values)
    assert labels[-1] >= max(values)
    assert 2 <= len(labels) <= 7
