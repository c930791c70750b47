"""Many pictures: in order, few at a time, and what is wrong with one is no matter to the next."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.batch import UNREADABLE, WAITING, in_order, read_path
from app.errors import NoInkError, RefusedError, UnavailableError
from app.schemas import Prediction
from tests.app.test_client import ANSWER

PREDICTION = Prediction.model_validate(ANSWER)


class FakeReader:
    """Knows one prediction, and fails as the picture says."""

    def __init__(self) -> None:
        self.pictures: list[bytes] = []

    def read(self, picture: bytes) -> Prediction:
        self.pictures.append(picture)
        match picture:
            case b"blank":
                raise NoInkError("It is blank.")
            case b"refused":
                raise RefusedError("some_code", "The service says no.")
            case b"unavailable":
                raise UnavailableError("There is no service.")
        return PREDICTION


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    """However long each takes, none is lost and none overtakes another."""
    slow = threading.Event()

    def work(item: int) -> int:
        # The first waits until another is done, where there is another thread to do it.
        if item == 0 and jobs > 1:
            assert slow.wait(60)
        slow.set() if item == 1 else None
        return item * item

    assert list(in_order(work, range(50), jobs)) == [item * item for item in range(50)]


def test_items_are_taken_as_they_are_needed() -> None:
    """Behind a slow one only so many are taken, and the rest stays where it is."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    with closing(in_order(lambda item: item, items(), jobs=3)) as results:
        assert next(results) == 0
        assert len(taken) == WAITING * 3
        assert next(results) == 1
        assert len(taken) == WAITING * 3 + 1


def test_failures_come_in_order_too() -> None:
    """What raises ends the run where its result would have been."""

    def work(item: int) -> int:
        if item == 2:
            raise UnavailableError("gone")
        return item

    results = in_order(work, range(10), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(UnavailableError, match="gone"):
        next(results)


@pytest.mark.parametrize(
    ("content", "code", "detail"),
    [
        (b"blank", "no_ink", "It is blank."),
        (b"refused", "some_code", "The service says no."),
        (b"", "missing_picture", "It is empty."),
        (b"123456789", "too_many_bytes", "It has more than 8 bytes, which DIGITS_MAX_BYTES allows."),
    ],
)
def test_what_is_wrong_with_a_picture(tmp_path: Path, content: bytes, code: str, detail: str) -> None:
    """It becomes the result, with the code the service would have given."""
    path = tmp_path / "a.png"
    path.write_bytes(content)
    result = read_path(str(path), FakeReader(), max_bytes=len(content) if code != "too_many_bytes" else 8)
    assert (result.path, result.prediction, result.code, result.detail) == (str(path), None, code, detail)


def test_what_the_file_system_does_not_give(tmp_path: Path) -> None:
    """Missing files and folders are told of in the system's words."""
    missing = read_path(str(tmp_path / "missing"), FakeReader(), 100)
    assert (missing.code, missing.detail) == (UNREADABLE, "No such file or directory.")
    assert read_path(str(tmp_path), FakeReader(), 100).detail == "Is a directory."


def test_no_service_ends_everything(tmp_path: Path) -> None:
    """That there is no service says nothing of the picture."""
    path = tmp_path / "a.png"
    path.write_bytes(b"unavailable")
    with pytest.raises(UnavailableError):
        read_path(str(path), FakeReader(), 100)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is the picture on standard input, up to the limit."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"12345678")))
    reader = FakeReader()
    result = read_path("-", reader, 8)
    assert (result.path, result.prediction, reader.pictures) == ("-", PREDICTION, [b"12345678"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"123456789")))
    assert read_path("-", reader, 8).code == "too_many_bytes"
