"""What `deploy/README.md` computes follows from the committed measurements."""

import pytest

from tests.benchmarks.pictures import photograph, small_png
from tests.deploy.capacity import (
    ANSWER_BYTES,
    PHOTOGRAPH_MB,
    README,
    REQUEST_BYTES,
    RESULTS,
    renewed,
    section,
    target_use,
)

RESULTS_PAGE = """
Requests a second:

| server | engine | 1 connection | 16 connections | 64 connections | errors |
|---|---|---|---|---|---|
| this service, 1 process | LiteRT | 900 (1 to 2) | 1,000 (1 to 2) | 1,100 | 0 |
| this service, 2 processes | LiteRT | 900 | 1,800 | 2,000 | 0 |
| another | Keras | 10 | 20 (1 to 2) | 10 | 0 |
| bare ASGI, fixed answer (the ceiling) | none | 1 | 30,000 | 1 | 0 |

Milliseconds, median:

| server | engine | 1 connection | 16 connections | 64 connections | errors |
|---|---|---|---|---|---|
| this service, 1 process | LiteRT | 1 | 10.7 | 3 | 0 |

Milliseconds, 99th percentile:

| server | engine | 1 connection | 16 connections | 64 connections | errors |
|---|---|---|---|---|---|
| this service, 1 process | LiteRT | 1 | 21.8 | 3 | 0 |

## The twelve-megapixel photograph

Requests a second:

| server | engine | 1 connection | 16 connections | errors |
|---|---|---|---|---|
| this service, 1 process | LiteRT | 18 | 25 (20 to 30) | 0 |

## Memory, start and size

| server | engine | processes | memory, MB | after photographs, MB | cold start, s | installed, MB |
|---|---|---|---|---|---|---|
| this service, 1 process | LiteRT | 1 | 100 | 132 | 0.71 | 382 |
| this service, 2 processes | LiteRT | 4 | 200 | 132 | 0.71 | 382 |
| another | Keras | 1 | 1,000 | 132 | 0.71 | 382 |

- This machine: 2 processors (x86_64), Python 3.11.7, on 2026-11-22.
"""


def test_committed_page_is_current() -> None:
    """Whoever measures anew, or changes the autoscaler's target, writes the page anew."""
    assert README.read_text() == renewed(README.read_text(), RESULTS.read_text()), "run: python -m tests.deploy"


def test_arithmetic() -> None:
    """Replicas, cores, network and cost are what the formulas beside them say."""
    assert target_use() == pytest.approx(0.7)
    text = section(RESULTS_PAGE)
    assert "| replicas, and cores | 1,000,000 / (1,000 x 0.7) | 1,429 |" in text
    assert "| cores / 62 | 24 |" in text
    assert "costs as much as 40 small pictures" in text
    assert "| 143 GB |" in text
    assert "| $57.16 |" in text
    assert "| $0.0159 |" in text
    assert "| this service, 2 processes | LiteRT | 2,000 | 1,429 | 143 | 0.0159 | 1.00 x |" in text
    assert "| another | Keras | 20 | 142,857 | 71,429 | 1.5873 | 100.00 x |" in text
    assert "bare ASGI" not in text


def test_bytes_on_the_wire_are_of_the_measured_picture() -> None:
    """The request is the benchmark's picture with less than 400 bytes of form and head around it; it fits a packet."""
    assert len(small_png()) < REQUEST_BYTES < len(small_png()) + 400
    assert len(photograph()) / 1e6 == pytest.approx(PHOTOGRAPH_MB, abs=0.05)
    assert ANSWER_BYTES < REQUEST_BYTES < 1400
