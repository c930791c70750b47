"""What became of each picture -> text, CSV or JSON Lines, and back to where an interrupted run ended."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

from app.contract import LABELS
from app.schemas import Prediction

Format = Literal["text", "csv", "jsonl"]

COLUMNS: Final = ("path", "digit", "confidence", "verdict", "reason", *(f"p{label}" for label in LABELS), "error")
"""Of the CSV form; `p0` to `p9` are the probabilities, and `error` the code of what cannot be read."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class OutputError(Exception):
    """What is in the output is not the beginning of what would be written there; the message says where."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one picture: a prediction, or the reason why there is none."""

    path: str
    """As the user or the file system wrote it; bytes that are not UTF-8 are surrogates in it (PEP 383)."""
    prediction: Prediction | None = None
    code: str = ""
    """Why it could not be read, for programs: see app.schemas.Problem."""
    detail: str = ""
    """The same for people."""


@dataclass(frozen=True, slots=True)
class Written:
    """A result that an earlier run wrote."""

    path: str
    failed: bool
    end: int
    """Where it ends in the output, in bytes."""


def printable(path: str) -> str:
    """A path on one line of a terminal: line breaks and other control characters as Python writes them."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], path)


def heading(form: Format) -> bytes:
    """What comes before the first result."""
    return _csv_row(COLUMNS) if form == "csv" else b""


def beginning(form: Format) -> bytes:
    """What every output with a result begins with."""
    return heading("csv") if form == "csv" else b'{"path":'


def line(result: Result, form: Format) -> bytes:
    """One result, with the end of its line; text has none for what could not be read."""
    match form:
        case "csv":
            return _csv_row(_cells(result))
        case "jsonl":
            # Escapes keep names readable for every parser, also those that are not UTF-8.
            return json.dumps(_fields(result), separators=(",", ":")).encode() + b"\n"
        case "text":
            return _encoded(_sentence(result))


def written(output: BinaryIO, form: Format) -> Iterator[Written]:
    """Read the results of an earlier run one by one; a half-written last one is left out.

    Raises:
        OutputError: something else is in there.
    """
    number = 0
    try:
        for result in _written_csv(output) if form == "csv" else _written_jsonl(output):
            yield result
            number += 1
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"its result {number + 1} was not written by this command") from error


def _sentence(result: Result) -> str:
    prediction = result.prediction
    if prediction is None:
        return ""
    doubt = "" if prediction.verdict in {"digit", None} else f" {_name(prediction.verdict)}: {prediction.reason}"
    return f"{printable(result.path)}: {prediction.digit} ({prediction.confidence:.1%}){doubt}\n"


def _name(verdict: str | None) -> str:
    return (verdict or "").replace("_", " ")


def _cells(result: Result) -> tuple[object, ...]:
    found = result.prediction
    if found is None:
        return (result.path, *[""] * (len(COLUMNS) - 2), result.code)
    return (result.path, found.digit, found.confidence, found.verdict, found.reason, *found.probabilities, "")


def _fields(result: Result) -> dict[str, object]:
    if result.prediction is None:
        return {"path": result.path, "error": {"code": result.code, "detail": result.detail}}
    return {"path": result.path, **result.prediction.model_dump(exclude={"explanation"})}


def _csv_row(cells: tuple[object, ...]) -> bytes:
    row = io.StringIO(newline="")
    csv.writer(row).writerow(cells)
    return _encoded(row.getvalue())


def _encoded(text: str) -> bytes:
    """UTF-8, and of names that are none the very bytes."""
    return text.encode("utf-8", "surrogateescape")


class _Lines:
    """The whole lines of a file, and where the last of them ended."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.end = 0

    def __iter__(self) -> Iterator[bytes]:
        for content in self._file:
            if not content.endswith(b"\n"):
                return
            self.end += len(content)
            yield content


def _written_jsonl(output: BinaryIO) -> Iterator[Written]:
    lines = _Lines(output)
    for content in lines:
        fields = json.loads(content)
        yield Written(str(fields["path"]), "error" in fields, lines.end)


def _written_csv(output: BinaryIO) -> Iterator[Written]:
    lines = _Lines(output)
    rows = csv.reader((content.decode("utf-8", "surrogateescape") for content in lines), strict=True)
    try:
        if tuple(next(rows, COLUMNS)) != COLUMNS:
            raise ValueError("another heading")
        for row in rows:
            if len(row) != len(COLUMNS):
                raise ValueError(row)
            yield Written(row[0], bool(row[-1]), lines.end)
    except csv.Error as error:
        # The quote of a name that contains a line break may still be open: the rest of it was not written.
        if "end of data" not in str(error):
            raise ValueError(*error.args) from error
