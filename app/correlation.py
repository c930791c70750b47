"""Which request this is: one id from end to end, as W3C Trace Context (https://www.w3.org/TR/trace-context/) has it."""

import os
import re
from contextvars import ContextVar
from typing import Final, NamedTuple

HEADER: Final = "traceparent"

_PARENT: Final = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

_KNOWN_FLAGS: Final = 0b11
"""Sampled, and that the id is random; the others mean nothing yet and are not passed on."""


class Trace(NamedTuple):
    """One request's place in a trace."""

    trace_id: str
    """Of the whole trace: 32 hexadecimal digits. The request's id, for people."""
    span_id: str
    """Of this service's part: 16 hexadecimal digits."""
    flags: int = 0

    @property
    def header(self) -> str:
        """As the value of HEADER."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


CURRENT: Final[ContextVar[Trace | None]] = ContextVar("trace", default=None)
"""Of the request that is being answered."""


def continued(parent: bytes | None) -> Trace:
    """The caller's trace with a span of its own, or a new trace where the caller names none, or not properly."""
    found = _PARENT.fullmatch(parent) if parent is not None else None
    if found is None or (found[1] == b"00" and found[5] is not None):
        digits = os.urandom(24).hex()
        return Trace(digits[:32], digits[32:])
    return Trace(found[2].decode(), os.urandom(8).hex(), int(found[4], 16) & _KNOWN_FLAGS)


def response_headers() -> dict[str, str]:
    """What tells the caller which request this was; for answers that are made outside of everything else."""
    trace = CURRENT.get()
    return {} if trace is None else {HEADER: trace.header}
