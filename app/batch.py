"""Many pictures, read at once and told in order: few are under way at a time, however many there are."""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import IO, Final, Protocol, TypeVar

from app.errors import MissingPictureError, PictureError, RefusedError, TooManyBytesError, UploadError
from app.results import Result
from app.schemas import Prediction
from app.walk import STDIN

UNREADABLE: Final = "unreadable_file"
"""The code of what the file system does not let us read."""

WAITING: Final = 4
"""Pictures under way or waiting for their turn, for each thread: one that takes long holds up no more than these."""

_CHUNK: Final = 64 * 1024

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Reader(Protocol):
    """What reads pictures: app.local.LocalReader or app.client.Client."""

    def read(self, picture: bytes) -> Prediction:
        """Read the digit on an encoded picture."""


def in_order(work: Callable[[Item], Outcome], items: Iterable[Item], jobs: int) -> Generator[Outcome]:
    """As `map`, in threads; results come in the order of the items, few of which are taken in advance."""
    executor = ThreadPoolExecutor(jobs)
    under_way: deque[Future[Outcome]] = deque()
    try:
        for item in items:
            under_way.append(executor.submit(work, item))
            if len(under_way) >= WAITING * jobs:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        # Whoever ends early, by Ctrl-C say, does not wait for what nobody will look at.
        executor.shutdown(wait=False, cancel_futures=True)


def read_path(path: str, reader: Reader, max_bytes: int) -> Result:
    """Read one picture; what is wrong with it becomes part of the result.

    Args:
        path: of the picture, or STDIN.
        reader: what reads it.
        max_bytes: size of the largest picture to load.

    Raises:
        UnavailableError: the reader asks a service that cannot be asked.
    """
    return read_loaded(path, partial(_load, path, max_bytes), reader)


def read_loaded(path: str, load: Callable[[], bytes], reader: Reader) -> Result:
    """As `read_path`, for a picture that is loaded in another way.

    Args:
        path: what to call it.
        load: brings the bytes; it may raise OSError, and what `take` raises.
        reader: what reads it.

    Raises:
        UnavailableError: the reader asks a service that cannot be asked.
    """
    try:
        picture = load()
    except OSError as error:
        return Result(path, code=UNREADABLE, detail=f"{error.strerror or error}.")
    except UploadError as error:
        return Result(path, code=_code_of(error), detail=str(error))
    try:
        return Result(path, reader.read(picture))
    except PictureError as error:
        return Result(path, code=_code_of(error), detail=str(error))
    except RefusedError as error:
        return Result(path, code=error.code, detail=str(error))


def take(file: IO[bytes], max_bytes: int) -> bytes:
    """The whole content of a file.

    Raises:
        TooManyBytesError: there is more than so many bytes.
        MissingPictureError: there is nothing.
    """
    picture = _beginning(file, max_bytes + 1)
    if len(picture) > max_bytes:
        raise TooManyBytesError(f"It has more than {max_bytes:,} bytes, which DIGITS_MAX_BYTES allows.")
    if not picture:
        raise MissingPictureError("It is empty.")
    return picture


def _load(path: str, max_bytes: int) -> bytes:
    if path == STDIN:
        return take(sys.stdin.buffer, max_bytes)
    with open(path, "rb") as file:  # noqa: PTH123  # Path keeps the parts of each name
        return take(file, max_bytes)


def _beginning(file: IO[bytes], size: int) -> bytes:
    """At most so many bytes; asked for all at once, a file object would reserve that much for a small picture too."""
    chunks = []
    while size and (chunk := file.read(min(_CHUNK, size))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _code_of(error: PictureError | UploadError) -> str:
    # FastAPI comes along, which takes longer to import than a picture to read; most runs need no code.
    from app.problems import PROBLEMS

    return PROBLEMS[type(error)][1]
