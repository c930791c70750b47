"""Decodes the costly pictures one after the other and tells what each took: `python -m tests.app.costly NAME...`."""

import json
import resource
import sys
import warnings
from pathlib import Path
from typing import Final

from app.decoding import decode, open_upload
from app.errors import PictureError
from tests import hostile

HANG: Final = 30
"""Seconds of processor time after which a picture counts as one that never ends."""

ROOM: Final = 1024 * 2**20
"""Bytes of address space that a picture may take; threads reserve more than they use."""


def status(field: str) -> int:
    """Bytes of this process's memory, by the kernel's name for them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def take(body: bytes) -> str:
    """Decode, and tell how that ended."""
    try:
        picture = decode(open_upload(body, hostile.MOST_PIXELS))
    except PictureError as error:
        return type(error).__name__
    assert picture.pixels.size
    return "picture"


def main() -> None:
    """Take the pictures whose names are given, each with room for no more than itself."""
    warnings.simplefilter("ignore")
    take(hostile.png())
    for name in sys.argv[1:]:
        body = hostile.COSTLY[name]()
        # From here on the highest mark counts from what is held now.
        Path("/proc/self/clear_refs").write_text("5")
        before = status("VmRSS")
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + ROOM, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + HANG, resource.RLIM_INFINITY))
        outcome = take(body)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        found = {"name": name, "bytes": len(body), "outcome": outcome, "peak": status("VmHWM") - before}
        sys.stdout.write(f"{json.dumps(found)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
