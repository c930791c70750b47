"""What counts as right, refused, left, wrong and lost."""

import json

import pytest

from tests.soak.ledger import PROXY_BUFFER, SLOW, Again, CutError, Fault, History, Ledger, Outcome, Span, Verdict, judge
from tests.soak.traffic import Answer, Check, Group, Sending, Sort, reads, refused

PLAIN = Sending((b"small",), reads(7))
SORT = Sort(Group.GOOD, "a digit", 1.0, (PLAIN,))
REFUSAL = Sort(Group.BAD, "no picture", 1.0, (), "415 unsupported_format")


def reading(digit: int, version: str = "first") -> Answer:
    content = {"digit": digit, "model": {"version": version}}
    return Answer(200, {"content-type": "application/json"}, json.dumps(content).encode())


def problem(status: int, code: str, **headers: str) -> Answer:
    media_type = {"content-type": "application/problem+json"}
    return Answer(status, media_type | headers, json.dumps({"code": code}).encode())


@pytest.fixture
def history() -> History:
    """Another version is published at 10, and is everywhere at 20; a kill lasts from 30 to 40."""
    history = History(kills=[Span(30.0, 40.0)])
    history.now_may_answer(0.0, "first")
    history.now_may_answer(10.0, "first", "second")
    history.now_may_answer(20.0, "second")
    return history


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        (reading(7), Outcome.RIGHT),
        (reading(1), Outcome.WRONG),
        (problem(415, "unsupported_format"), Outcome.WRONG),
        (problem(500, "internal_error"), Outcome.LOST),
        (Answer(503, {}, b"<html>"), Outcome.LOST),
        (Answer(502, {}, b"<html>"), Outcome.LOST),
        (CutError("closed"), Outcome.LOST),
        (Answer(504, {"content-type": "text/html"}, b"<html>"), Outcome.LOST),
        (problem(503, "overloaded", **{"retry-after": "1"}), Again.BUSY),
        (problem(504, "deadline_exceeded"), Again.BUSY),
        (None, Outcome.LEFT),
    ],
)
def test_digit(history: History, came: Answer | CutError | None, outcome: Outcome | Again) -> None:
    """A picture's right answer is its digit; no answer, or a fault's, is a loss."""
    assert judge(SORT, PLAIN, came, history, Span(1.0, 2.0)).outcome == outcome


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        (problem(415, "unsupported_format"), Outcome.REFUSED),
        (problem(415, "unsupported_content_type"), Outcome.WRONG),
        (problem(422, "unsupported_format"), Outcome.WRONG),
        (Answer(415, {}, b"<html>"), Outcome.WRONG),
        (reading(7), Outcome.WRONG),
    ],
)
def test_refusal(history: History, came: Answer, outcome: Outcome) -> None:
    """Status and code must both be the documented ones."""
    sending = Sending((b"text",), refused(415, "unsupported_format"))
    assert judge(REFUSAL, sending, came, history, Span(1.0, 2.0)).outcome == outcome


@pytest.mark.parametrize(
    ("version", "span", "outcome"),
    [
        ("first", Span(1.0, 2.0), Outcome.RIGHT),
        ("second", Span(1.0, 2.0), Outcome.WRONG),
        ("second", Span(9.0, 10.0), Outcome.RIGHT),
        ("first", Span(19.0, 25.0), Outcome.RIGHT),
        ("first", Span(21.0, 22.0), Outcome.WRONG),
        ("damaged", Span(12.0, 15.0), Outcome.WRONG),
    ],
)
def test_version(history: History, version: str, span: Span, outcome: Outcome) -> None:
    """A digit is right only by a version that may have answered while the request was under way."""
    assert judge(SORT, PLAIN, reading(7, version), history, span).outcome == outcome


@pytest.mark.parametrize(
    ("pieces", "complete", "span", "excused"),
    [
        ((b"small",), True, Span(35.0, 36.0), False),
        ((bytes(PROXY_BUFFER),), True, Span(35.0, 36.0), False),
        ((bytes(PROXY_BUFFER + 1),), True, Span(35.0, 36.0), True),
        ((bytes(PROXY_BUFFER + 1),), True, Span(25.0, 30.0), True),
        ((bytes(PROXY_BUFFER + 1),), True, Span(25.0, 29.0), False),
        ((bytes(PROXY_BUFFER + 1),), True, Span(41.0, 42.0), False),
        ((b"in", b"pieces"), True, Span(35.0, 36.0), True),
        ((b"stalls",), False, Span(35.0, 36.0), True),
    ],
)
@pytest.mark.parametrize("came", [CutError("closed"), Answer(502, {}, b"<html>")])
def test_kill(
    history: History, came: Answer | CutError, pieces: tuple[bytes, ...], *, complete: bool, span: Span, excused: bool
) -> None:
    """A kill excuses only what was under way then, and what the proxy does not hold whole."""
    check: Check = reads(7)
    found = judge(SORT, Sending(pieces, check, complete=complete), came, history, span)
    assert found.outcome == (Again.KILLED if excused else Outcome.LOST)


def test_kill_within_the_answer(history: History) -> None:
    """An answer of which the proxy has passed on the beginning can end with a kill, whatever the request was."""
    cut = CutError("closed within the answer", begun=True)
    assert judge(SORT, PLAIN, cut, history, Span(35.0, 36.0)).outcome is Again.KILLED
    assert judge(SORT, PLAIN, cut, history, Span(25.0, 26.0)).outcome is Outcome.LOST


def test_client_that_was_held_up(history: History) -> None:
    """A client that took longer than the service waits is told so and asks again; one that stalls is to be told so."""
    late = problem(408, "upload_timeout")
    assert judge(SORT, PLAIN, late, history, Span(1.0, 1.0 + SLOW)).outcome is Again.BUSY
    assert judge(SORT, PLAIN, late, history, Span(1.0, 2.0)).outcome is Outcome.WRONG
    stalling = Sending((b"part",), refused(408, "upload_timeout"), complete=False)
    stalls = Sort(Group.SLOW, "stalls", 1.0, (stalling,), "408 upload_timeout")
    assert judge(stalls, stalling, late, history, Span(1.0, 1.0 + SLOW)).outcome is Outcome.REFUSED


def test_accounts() -> None:
    """Each request is counted once, whatever was tried; faults are told with their reasons."""
    ledger = Ledger()
    for verdict in (Verdict(Outcome.RIGHT, versions=frozenset({"first"})), Verdict(Outcome.LOST, "closed")):
        ledger.begin(SORT)
        ledger.send_again(SORT, Again.KILLED)
        ledger.end(SORT, verdict, Span(59.0, 61.0))
    ledger.begin(SORT)
    assert (ledger.sent, ledger.accounted) == (3, 2)
    assert (ledger.total(Outcome.RIGHT), ledger.total(Outcome.LOST), ledger.again(Again.KILLED)) == (1, 1, 2)
    assert ledger.faults == [Fault(61.0, "a digit", Outcome.LOST, "closed")]
    assert ledger.by_minute[1, Outcome.LOST] == 1
    assert ledger.rows["a digit"].milliseconds == [2000.0]
    assert ledger.by_version == {"first": 1}
