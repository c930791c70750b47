"""What the headers of a request say that matters before anybody answers it, and what is wrong with them."""

import re
from collections.abc import Sequence
from typing import Final

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values, in their order."""

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers; and bytes that may arrive, but for those that came with the last of them,
before they are complete, or between two pieces of a body."""

LONG_HEAD: Final = f"The request's headers have more than {MAX_HEAD:,} bytes. Send fewer."

DEADLINE_HEADER: Final = b"x-envoy-expected-rq-timeout-ms"
"""How many milliseconds the caller waits for the answer. Envoy, and what is built on it, tells so by itself."""

_LINE: Final = 4
"""Bytes of a header's line beside its name and value."""

_FIRST_LINE: Final = len("  HTTP/1.1\r\n\r\n")
"""Bytes of the request's line, and of the empty one behind the headers, beside the method and the target."""

_MILLISECONDS: Final = re.compile(rb"[0-9]{1,9}")


def announced(headers: Headers) -> int:
    """Bytes of the body, as far as they say so; the parser lets one length pass."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def patience(headers: Headers, most: float) -> float:
    """Seconds for which the caller waits, if it says so, and `most` at most."""
    told = [value for name, value in headers if name == DEADLINE_HEADER and _MILLISECONDS.fullmatch(value)]
    return min([most, *(int(value) / 1000 for value in told)])


def complaint(method: bytes, target: bytes, version: str, headers: Headers) -> str | None:
    """What is wrong with headers that are complete, if anything is that the parser lets pass."""
    size, hosts = _FIRST_LINE + len(method) + len(target), 0
    for name, value in headers:
        size += len(name) + len(value) + _LINE
        hosts += name == b"host"
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            return "The request's body is coded for transfer in a way other than chunked. Send it as it is."
    if size > MAX_HEAD:
        # They came at once; what comes in pieces is counted as it comes.
        return LONG_HEAD
    if hosts > 1:
        return "The request names several hosts. Let an HTTP library write it."
    if not hosts and version == "1.1":
        return "The request names no host. Let an HTTP library write it."
    return None
