"""What people see of a run on standard error: a sentence for each failure and, in a terminal, a progress bar."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from app.results import printable

if TYPE_CHECKING:
    from tqdm import tqdm

MANY: Final = 20
"""So many pictures deserve a progress bar."""


class Console:
    """Standard error, and a progress bar where somebody watches."""

    def __init__(self, count: Callable[[], int], done: int = 0) -> None:
        """Begin.

        Args:
            count: tells how many pictures there are; asked only if that is shown.
            done: how many of them an earlier run has read.
        """
        self._bar: tqdm[None] | None = None
        if sys.stderr.isatty() and (total := count()) >= MANY:
            self._bar = _new_bar(total, done)

    def complain(self, path: str, detail: str) -> None:
        """Say why a picture could not be read."""
        self.say(f"{printable(path)}: {detail}")

    def say(self, sentence: str) -> None:
        """Write a line above the progress bar."""
        with self.aside():
            sys.stderr.write(f"digits: {sentence}\n")
            sys.stderr.flush()

    def advance(self) -> None:
        """One more picture is done."""
        if self._bar is not None:
            self._bar.update()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar out of the way while something else is written to the same terminal."""
        if self._bar is None:
            yield
            return
        self._bar.clear()
        yield
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


def _new_bar(total: int, done: int) -> "tqdm[None]":
    # Runs without a bar do without its import.
    from tqdm import tqdm

    return tqdm(total=total, initial=done, unit="", file=sys.stderr, dynamic_ncols=True)


@contextlib.contextmanager
def without_native_messages() -> Iterator[None]:
    """Keep what libraries in C write to standard error from people: LiteRT greets each process with a line."""
    try:
        kept = os.dup(2)
    except OSError:
        # It is closed.
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # the name of a device
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
