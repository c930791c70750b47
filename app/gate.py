"""What one process has taken on: who waits for an answer, for how long, with how many bytes; and when no more is taken.

Everything here runs on the event loop's thread.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Final, Protocol

import anyio

from app.errors import DeadlineExceededError, OverloadedError
from app.metrics import QUEUE_DEPTH, UNANSWERED

GATE_KEY: Final = "gate"
"""Where in the lifespan's state the gate lies."""

STANDING_SHARE: Final = 8
"""While more comes than can be answered, the queue may be this many times shorter than a burst may make it."""

RECOVERY_SECONDS: Final = 1.0
"""How long after the last refusal a burst is taken for a burst again."""

PROBE_SHARE: Final = 8
"""One in so many connections is left to those that ask nothing yet, or for a probe."""

ROUND: Final = 4
"""Requests begun between two looks at the network: what comes in meanwhile, probes too, waits for some milliseconds."""

NEWCOMERS: Final = 16
"""Looks at the network in a row, while each finds a new connection: uvloop accepts only one a look."""


class Connection(Protocol):
    """What may be closed to make room for another."""

    def make_room(self) -> None:
        """Close: it has no request under way."""


class Gate:
    """Bounds on what is waiting, by count and by bytes, and on connections.

    A small picture is read on the event loop's thread, so its queue is the loop's own. A burst may fill it; where it
    does not empty again, more requests come than can be answered, and a long queue would make all of them late without
    answering one more. From the first refusal until a second without one the queue is therefore kept short: the idea
    of controlled delay (Nichols and Jacobson, 2012).
    """

    def __init__(
        self,
        queue: int = 64,
        held_bytes: int = 2**28,
        connections: int = 512,
        timeout: float = 30.0,
        upload_timeout: float = 20.0,
    ) -> None:
        """Open the gate.

        Args:
            queue: most requests that wait for the event loop, in a burst.
            held_bytes: most bytes of the bodies of all requests under way.
            connections: most connections.
            timeout: seconds after which no work is begun for a request.
            upload_timeout: seconds that a request's head may take, and its body beyond what a slow line explains.
        """
        self.timeout = timeout
        self.upload_timeout = upload_timeout
        self.connections = connections
        self.draining = False
        """Whether the process was told to end and takes what still comes."""
        self.idle: dict[Connection, None] = {}
        """Connections without a request under way, the longest idle first. Those that sent requests ahead which are not
        parsed yet are among them: nobody could come in if many such kept their places."""
        self.waiting = 0
        """Requests that arrived whole and wait for the event loop."""
        self.held = 0
        """Bytes of the bodies of requests under way."""
        self.opened = 0
        """Connections that were ever made."""
        self.serving = 0
        """Requests that the application has and has not answered, whether it waits for them or for something else."""
        self._queue = queue
        self._standing = max(1, queue // STANDING_SHARE)
        self._held_bytes = held_bytes
        self._shedding_until = -math.inf
        self._turns: deque[asyncio.Future[None]] = deque()
        self._later: deque[Callable[[], None]] = deque()
        self._places = ROUND
        self._places_of_next_round = False
        self._seen = 0
        self._looks = 0

    def check(self, announced: int = 0) -> None:
        """Whether one more request may come in.

        Args:
            announced: bytes of its body, as far as it says so.

        Raises:
            OverloadedError: it may not.
        """
        # What could never fit is the application's to refuse: it names the limit, and asking again would not help.
        self.check_held(announced if announced <= self._held_bytes else 0)
        if self.waiting < self._standing:
            return
        now = time.monotonic()
        if self.waiting >= self._queue or now < self._shedding_until:
            self._shedding_until = now + RECOVERY_SECONDS
            raise OverloadedError("More requests are waiting than can be answered soon. Try again in a second.")

    def check_held(self, announced: int = 0) -> None:
        """Whether there is room for so many bytes more, beside those that are held.

        Raises:
            OverloadedError: there is not.
        """
        if self.held + announced > self._held_bytes:
            raise OverloadedError("The service holds as many bytes as it may. Try again in a second.")

    def check_connections(self, busy: int) -> None:
        """Whether a connection may be used for more than probes.

        Args:
            busy: connections with a request under way, it among them.

        Raises:
            OverloadedError: only few others would be left.
        """
        if busy > self.connections - self.connections // PROBE_SHARE:
            raise OverloadedError("The service has as many connections as it may. Try again in a second.")

    async def emptied(self, seconds: float) -> None:
        """Wait until the application has no request any more, but not longer than this."""
        with anyio.move_on_after(seconds):
            while self.serving:  # noqa: ASYNC110  # once in the life of a process
                await anyio.sleep(0.01)

    async def turn(self) -> None:
        """Wait until it is this request's turn: at once where few others are.

        Work on the event loop's thread is begun in the order in which it came, a few requests a round.
        """
        if self._places:
            self._places -= 1
            if not self._places_of_next_round:
                self._places_of_next_round = True
                asyncio.get_running_loop().call_soon(self._begin_round)
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        await turn

    def later(self, work: Callable[[], None]) -> None:
        """Do what nobody else has to wait for, such as to parse what a client sent ahead: a few such things a round."""
        self._later.append(work)
        if len(self._later) == 1:
            asyncio.get_running_loop().call_soon(self._do_some)

    def _do_some(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(min(ROUND, len(self._later))):
            loop.call_soon(self._later.popleft())
        if self._later:
            loop.call_soon(self._do_some)

    def _begin_round(self) -> None:
        self._places = ROUND
        if self.opened != self._seen and self._turns and self._looks < NEWCOMERS:
            self._places = 0
            self._looks += 1
        else:
            self._looks = 0
        self._seen = self.opened
        while self._places and self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                self._places -= 1
        self._places_of_next_round = self._places < ROUND
        if self._places_of_next_round:
            asyncio.get_running_loop().call_soon(self._begin_round)


class Caller:
    """Who waits for the answer to one request."""

    __slots__ = ("_arrived", "_gate", "_held", "_scope", "deadline", "gone", "probe", "since", "told")

    def __init__(self, gate: Gate, deadline: float, *, probe: bool = False) -> None:
        """Note a request whose headers have arrived; `deadline` is in the event loop's time."""
        self.deadline = deadline
        self.since = perf_counter()
        """When its headers had arrived, as `time.perf_counter` has it."""
        self.probe = probe
        """Whether it is neither refused nor made to wait."""
        self.gone = False
        """Whether nobody waits any more."""
        self.told = UNANSWERED
        """If so: the status that the caller was told by others than the application, or that it left before one."""
        self._gate = gate
        self._arrived = False
        self._held = 0
        self._scope: anyio.CancelScope | None = None

    def hold(self, count: int) -> None:
        """Note bytes of its body.

        Raises:
            OverloadedError: there is no room for them.
        """
        self._held += count
        self._gate.held += count
        self._gate.check_held()

    def arrived(self) -> None:
        """Note that the request is whole and waits for the event loop."""
        if not self._arrived:
            self._arrived = True
            self._gate.waiting += 1
            if not self.probe:
                QUEUE_DEPTH.inc()

    def step_aside(self) -> None:
        """Note that it waits for the event loop no longer, but for a thread or for nothing."""
        if self._arrived:
            self._arrived = False
            self._gate.waiting -= 1
            if not self.probe:
                QUEUE_DEPTH.dec()

    def leave(self, told: int = UNANSWERED) -> None:
        """Note that nobody waits for the answer, since it left or was told this: what has not begun will not."""
        if not self.gone:
            self.gone, self.told = True, told
        if self._scope is not None:
            self._scope.cancel()

    def release(self) -> None:
        """Give back everything, once the request is over."""
        self.step_aside()
        self._gate.held -= self._held
        self._held = 0

    def check(self, now: float) -> None:
        """Whether work may begin.

        Raises:
            DeadlineExceededError: nobody would have any use for it.
        """
        if self.gone or now >= self.deadline:
            raise DeadlineExceededError("The answer would come too late: its deadline has passed, or its caller left.")

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Wait for a thread inside this block: until the deadline, or until the caller leaves.

        Raises:
            DeadlineExceededError: the wait was given up.
        """
        with anyio.CancelScope(deadline=self.deadline) as scope:
            self._scope = scope
            if self.gone:
                scope.cancel()
            try:
                yield
            finally:
                self._scope = None
        if scope.cancelled_caught:
            raise DeadlineExceededError("No thread was free before the deadline. Try again later, or allow more time.")


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""Whose request the present task answers; None where no server keeps count."""
