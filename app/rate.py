"""How often one client may ask, counted by all processes of the service together.

The libraries for this count in one process, or in a database beside the service. Here all processes share a piece of
memory, whose size does not depend on how many clients there are.
"""

import hashlib
import math
import os
import re
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from typing import Final, Self

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}

_WRITTEN: Final = re.compile(f"([1-9][0-9]{{0,8}})/({'|'.join(_SECONDS)})")

_SALT_BYTES: Final = 16

_CELLS: Final = 2**17
"""Clients that can be told apart: of 1,000 that ask at the same time, 8 share an allowance with another."""

_CELL: Final = struct.Struct("d")

_SIZE: Final = _SALT_BYTES + _CELLS * _CELL.size

_VARIABLE: Final = "DIGITS_RATE_MEMORY"
"""Where processes find the memory's name; set by the process that watches over them, not by people."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so much time."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `600/minute`.

        Raises:
            ValueError: it is written otherwise.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(f"write a number of requests, a slash and one of {', '.join(_SECONDS)}, as 600/minute")
        return cls(int(found[1]), _SECONDS[found[2]])


class Limiter:
    """Counts the requests of each client.

    It is the generic cell rate algorithm (ITU-T I.371): a client may send its whole allowance at once, which then comes
    back evenly. All that is kept of a client is the time at which it will have its whole allowance again, in one of a
    fixed number of cells, chosen by a salted hash, so that nobody can choose another client's cell. Processes write
    without a lock: two that answer the same client in the same microsecond may count one request instead of two.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        """Count from here on.

        Args:
            rate: a client's allowance.
            clock: seconds, the same for all processes.
        """
        self._interval = rate.seconds / rate.requests
        # A little more than all but one, so that no rounding costs a request.
        self._most_ahead = rate.seconds - 0.9 * self._interval
        self._clock = clock
        self._shared = _shared_memory()
        own = _new_salt() + bytearray(_CELLS * _CELL.size)
        self._memory = memoryview(own) if self._shared is None else _buffer(self._shared)
        self._salt = bytes(self._memory[:_SALT_BYTES])

    def wait(self, client: bytes) -> int:
        """Count a request. Returns 0 if it may go on, else after how many seconds the next one may, at least 1."""
        chosen = hashlib.blake2b(client, digest_size=8, key=self._salt).digest()
        place = _SALT_BYTES + int.from_bytes(chosen) % _CELLS * _CELL.size
        whole_again: float = _CELL.unpack_from(self._memory, place)[0]
        now = self._clock()
        ahead = max(0.0, whole_again - now)
        if ahead > self._most_ahead:
            return max(1, math.ceil(ahead - self._most_ahead))
        _CELL.pack_into(self._memory, place, now + ahead + self._interval)
        return 0


@contextmanager
def shared_between_processes() -> Iterator[None]:
    """Let the processes that are started meanwhile count together.

    Raises:
        OSError: the system has no shared memory for it.
    """
    memory = SharedMemory(create=True, size=_SIZE)
    try:
        _buffer(memory)[:_SALT_BYTES] = _new_salt()
        os.environ[_VARIABLE] = memory.name
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
        memory.close()
        memory.unlink()


def _shared_memory() -> SharedMemory | None:
    """What the process that watches over this one has made, if there is one."""
    name = os.environ.get(_VARIABLE)
    return None if name is None else SharedMemory(name)


def _buffer(memory: SharedMemory) -> memoryview:
    assert memory.buf is not None, "it is closed"
    return memory.buf


def _new_salt() -> bytearray:
    return bytearray(os.urandom(_SALT_BYTES))
