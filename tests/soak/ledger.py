"""What became of each request: answered right, refused as it must be, left by its client, wrong, or lost."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from app.settings import Settings
from tests.benchmarks.load import percentile
from tests.soak.traffic import Answer, Sending, Sort, WrongAnswerError

PROXY_BUFFER: Final = 15 * 1024
"""Bytes of a request that HAProxy, as deploy/haproxy.cfg sets it up, can send once more: its buffer of 16 KiB but for
the part that it reserves."""


SLOW: Final = float(Settings.model_fields["upload_timeout"].default)
"""Seconds after which a client is too slow for the service: one that means to be quicker was held up itself."""


class CutError(Exception):
    """The connection ended, or time passed, without a whole answer; the message says which."""

    def __init__(self, reason: str, begun: bool = False) -> None:
        """Say why, and whether the answer had begun."""
        super().__init__(reason)
        self.begun = begun


class Outcome(StrEnum):
    """Each request has exactly one."""

    RIGHT = "answered right"
    REFUSED = "refused with the right code"
    LEFT = "left by its client"
    WRONG = "answered wrong"
    LOST = "lost"


class Again(StrEnum):
    """Why a request was sent once more, as a sane client does."""

    BUSY = "refused for want of room or time, the service's or its own"
    KILLED = "cut off by kill -9"


@dataclass(slots=True)
class Span:
    """Some time, in seconds; it has no end while it lasts."""

    begin: float
    end: float = float("inf")

    def meets(self, other: "Span") -> bool:
        """Whether it has a moment in common with another."""
        return self.begin <= other.end and other.begin <= self.end


@dataclass(slots=True)
class History:
    """What happened to the service that bears upon what its answers may be."""

    versions: list[tuple[float, frozenset[str]]] = field(default_factory=list)
    """From when on, which versions may answer."""
    kills: list[Span] = field(default_factory=list)
    """From before each kill -9 until its victim is replaced."""

    def now_may_answer(self, now: float, *versions: str) -> None:
        """From now on, a request that begins may be answered by these versions."""
        self.versions.append((now, frozenset(versions)))

    def may_answer(self, span: Span) -> frozenset[str]:
        """The versions that may have answered a request that was under way then."""
        ends = [since for since, _ in self.versions[1:]] + [float("inf")]
        return frozenset[str]().union(
            *(names for (since, names), end in zip(self.versions, ends, strict=True) if Span(since, end).meets(span))
        )

    def excuses(self, sending: Sending, span: Span, *, begun: bool) -> bool:
        """Whether a request may have ended with an instance that was killed.

        The proxy repeats a request that it holds whole; of one that is larger, or comes slowly, it has passed the
        beginning on. Nor can it take back an answer of which it has passed on the beginning.
        """
        held_whole = sending.size <= PROXY_BUFFER and len(sending.pieces) == 1 and sending.complete
        return (begun or not held_whole) and any(kill.meets(span) for kill in self.kills)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer, or its absence, makes of a request."""

    outcome: Outcome | Again
    reason: str = ""
    """Why it is wrong or lost."""
    versions: frozenset[str] = frozenset()
    """That the right answer names."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that is wrong or lost."""

    at: float
    sort: str
    outcome: Outcome
    reason: str


@dataclass(slots=True)
class Row:
    """What became of the requests of one sort."""

    group: str
    refusal: str
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    again: Counter[Again] = field(default_factory=Counter)
    """How often they were sent once more."""
    milliseconds: list[float] = field(default_factory=list)
    """From the beginning of a request to the end of its answer, of those that waited for one."""

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return percentile(sorted(self.milliseconds), share)


@dataclass(slots=True)
class Ledger:
    """Accounts for every request."""

    rows: dict[str, Row] = field(default_factory=dict)
    sent: int = 0
    faults: list[Fault] = field(default_factory=list)
    by_version: Counter[str] = field(default_factory=Counter)
    """Answers that name a version of the model."""
    by_minute: Counter[tuple[int, Outcome]] = field(default_factory=Counter)

    def begin(self, sort: Sort) -> None:
        """Note that a request is about to be sent."""
        self.sent += 1
        self.rows.setdefault(sort.name, Row(sort.group, sort.refusal))

    def send_again(self, sort: Sort, reason: Again) -> None:
        """Note that it is sent once more."""
        self.rows[sort.name].again[reason] += 1

    def end(self, sort: Sort, verdict: Verdict, span: Span) -> None:
        """Note what became of it; times are in seconds since the first request."""
        row, outcome = self.rows[sort.name], Outcome(verdict.outcome)
        row.outcomes[outcome] += 1
        self.by_minute[int(span.end // 60), outcome] += 1
        self.by_version.update(verdict.versions)
        if outcome in {Outcome.RIGHT, Outcome.REFUSED}:
            row.milliseconds.append(1000 * (span.end - span.begin))
        elif outcome is not Outcome.LEFT:
            self.faults.append(Fault(span.end, sort.name, outcome, verdict.reason))

    def total(self, outcome: Outcome) -> int:
        """Requests of all sorts with this outcome."""
        return sum(row.outcomes[outcome] for row in self.rows.values())

    def again(self, reason: Again) -> int:
        """Requests of all sorts that were sent once more for this reason."""
        return sum(row.again[reason] for row in self.rows.values())

    @property
    def accounted(self) -> int:
        """Requests of which it is known what became of them."""
        return sum(row.outcomes.total() for row in self.rows.values())


def judge(sort: Sort, sending: Sending, came: Answer | CutError | None, history: History, span: Span) -> Verdict:
    """What became of a request.

    Args:
        sort: what was sent.
        sending: how.
        came: the answer, or what came instead; None where the client left.
        history: what happened to the service.
        span: from when to when the request was under way.
    """
    if came is None:
        return Verdict(Outcome.LEFT)
    if isinstance(came, CutError) or came.status == HTTPStatus.BAD_GATEWAY:
        cut = came if isinstance(came, CutError) else CutError("502 by the proxy")
        excused = history.excuses(sending, span, begun=cut.begun)
        return Verdict(Again.KILLED) if excused else Verdict(Outcome.LOST, str(cut))
    held_up = sending.complete and came.status == HTTPStatus.REQUEST_TIMEOUT and span.end - span.begin >= SLOW
    if held_up or _asks_to_ask_again(came):
        return Verdict(Again.BUSY)
    try:
        versions = frozenset(sending.check(came))
    except (WrongAnswerError, LookupError, TypeError, ValueError) as error:
        # The last three of JSON of another kind, or none. The service's own fault, or the proxy's, is no answer.
        return Verdict(Outcome.LOST if came.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Outcome.WRONG, repr(error))
    if strange := versions - (allowed := history.may_answer(span)):
        return Verdict(Outcome.WRONG, f"answered by {sorted(strange)} instead of {sorted(allowed)}")
    return Verdict(Outcome.REFUSED if sort.refusal else Outcome.RIGHT, versions=versions)


def _asks_to_ask_again(answer: Answer) -> bool:
    """Whether it is `overloaded`, `shutting_down` or `deadline_exceeded`; the proxy's own pages are none of these."""
    if answer.status == HTTPStatus.GATEWAY_TIMEOUT:
        return "json" in answer.headers.get("content-type", "")
    return answer.status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in answer.headers
