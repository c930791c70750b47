"""The port that several processes share: on Linux each of them listens on a socket of its own there."""

import socket
import sys
from typing import Any, Final

DEALT_OUT: Final = sys.platform == "linux"
"""Whether connections are dealt out to all sockets of a port; other systems give them all to one."""


def shared(bound: socket.socket) -> socket.socket:
    """The socket to start processes with that are to share the port it is bound to, and take equal shares.

    Where processes listen on one and the same socket, those that wake up first take the connections: of 64 that come
    at once, one of two processes takes 60, and keeps them while the other has nothing to do. Linux deals connections
    out to the sockets that are bound to one port with SO_REUSEPORT. When a process dies, new connections go to the
    others; those that it had not accepted yet are lost like those that it had.
    """
    if not DEALT_OUT:
        return bound
    # Not before it was bound: the port of another service of the same user would be shared with that service.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return _PortSocket(fileno=bound.detach())


class _PortSocket(socket.socket):
    """A bound socket; each process that it is handed to gets another one on the same port."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _bind, (self.family, self.getsockname())


def _bind(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    own = socket.socket(family)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(address)
    return own
