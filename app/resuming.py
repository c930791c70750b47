"""What an interrupted run wrote -> where the next one goes on."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from app.results import Format, OutputError, beginning, printable, written

LONGEST_REMAINDER: Final = 64 * 1024
"""Bytes of a half-written result; more than that at an output's end is something else, and not cut off."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an earlier run came."""

    remaining: Iterator[str]
    """The pictures it did not come to."""
    done: int
    failed: int
    """Of those done, pictures that could not be read."""
    end: int
    """Bytes of the output to keep; what follows is half-written."""


def skip_done(paths: Iterator[str], output: BinaryIO, form: Format) -> Progress:
    """Find out which paths an output has results of already; nothing is kept in memory.

    Both have the same order, so that one comparison each does. Pictures may have been removed since they were read.

    Args:
        paths: all that are to be read, in order.
        output: at its beginning.
        form: how results are written.

    Raises:
        OutputError: it is not the beginning of what these paths would give.
    """
    start = beginning(form)
    if not start.startswith(output.read(len(start))):
        raise OutputError("it was not written by this command in this format")
    output.seek(0)
    done = failed = end = 0
    expected = next(paths, None)
    for result in written(output, form):
        if result.path == expected:
            expected = next(paths, None)
        elif os.path.lexists(result.path):
            other = "nothing" if expected is None else printable(expected)
            raise OutputError(
                f"its result {done + 1:,} is of {printable(result.path)} where {other} should come: pictures were "
                "added among those that had been read, or others are given now"
            )
        done, failed, end = done + 1, failed + result.failed, result.end
    if output.seek(0, os.SEEK_END) - end > max(LONGEST_REMAINDER, len(start)):
        raise OutputError(f"what follows its result {done:,} was not written by this command")
    remaining = paths if expected is None else itertools.chain([expected], paths)
    return Progress(remaining, done, failed, end)
