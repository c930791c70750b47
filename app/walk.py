"""The paths a user names -> the pictures to read, one after the other, however many there are."""

import heapq
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final

STDIN: Final = "-"
"""The path that stands for one picture on standard input."""

SUFFIXES: Final = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".gif"),
        *(".tif", ".tiff", ".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"),
    }
)
"""How names end, in lower case, that are taken for pictures in a folder; a file named by itself is always read."""

_BLOCK: Final = 8192
"""Names of a folder kept at a time. Larger folders are listed again for each further block, which costs less than
their pictures by far and keeps them sorted without ever holding all their names."""


def is_picture(name: str) -> bool:
    """Whether a file's name is that of a picture."""
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122


def walk(paths: Iterable[str], wanted: Callable[[str], bool] = is_picture) -> Iterator[str]:
    """Yield the files to read, folders in the order of their sorted names.

    What cannot be listed or is not there is yielded too: whoever opens it learns why. Names that begin with a dot and
    links to folders are left out, but for the paths given.

    Args:
        paths: of files, which are yielded whatever their names, and of folders.
        wanted: which names are taken from folders.
    """
    for path in paths:
        if path == STDIN or not os.path.isdir(path):  # noqa: PTH112  # names are strings here, whatever bytes they have
            yield path
            continue
        # A stack instead of a recursion: folders may be nested deeper than calls may.
        open_folders = [_sorted_entries(path, wanted)]
        while open_folders:
            entry = next(open_folders[-1], None)
            if entry is None:
                open_folders.pop()
            elif entry[1]:
                open_folders.append(_sorted_entries(entry[0], wanted))
            else:
                yield entry[0]


def count(paths: Iterable[str]) -> int:
    """How many files `walk` would yield, without sorting them."""
    total = 0
    for path in paths:
        folders = [path]
        while folders:
            folder = folders.pop()
            if folder == STDIN or not os.path.isdir(folder):  # noqa: PTH112
                total += 1
                continue
            try:
                for name, is_folder in _entries(folder, is_picture):
                    if is_folder:
                        folders.append(os.path.join(folder, name))  # noqa: PTH118
                    else:
                        total += 1
            except OSError:
                total += 1
    return total


def _sorted_entries(folder: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    """The path of each picture and folder in a folder, and whether it is a folder."""
    last = ""
    while True:
        try:
            block = heapq.nsmallest(_BLOCK, (entry for entry in _entries(folder, wanted) if entry[0] > last))
        except OSError:
            yield folder, False
            return
        for name, is_folder in block:
            yield os.path.join(folder, name), is_folder  # noqa: PTH118  # Path would clean up what the user wrote
        if len(block) < _BLOCK:
            return
        last = block[-1][0]


def _entries(folder: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, True
            elif wanted(entry.name) and _may_be_read(entry):
                yield entry.name, False


def _may_be_read(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a file, or a link that leads nowhere, which somebody should hear of."""
    return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))  # noqa: PTH110
