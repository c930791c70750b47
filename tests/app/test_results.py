"""Results -> lines, and lines -> where a run ended: every name survives, half-written lines do not."""

import csv
import io
import itertools
import json
from typing import get_args

import pytest

from app.local import LocalReader
from app.results import COLUMNS, Format, OutputError, Result, beginning, heading, line, printable, written
from app.schemas import Prediction
from app.settings import PROJECT_FOLDER, Settings

NAMES = [
    "a.png",
    'quo"te.png',
    "com,ma.png",
    "line\nbreak\r\n.png",
    "carriage\rreturn.png",
    "\udcff.png",
    "ü ✓.png",
    "",
]
"""The last but one may be a name, the last only of a mistake."""
STREAMS: tuple[Format, ...] = ("csv", "jsonl")


@pytest.fixture(scope="module")
def prediction() -> Prediction:
    """Of the committed picture by the committed model."""
    return LocalReader(Settings()).read((PROJECT_FOLDER / "tests" / "seven.jpg").read_bytes())


def results(prediction: Prediction) -> list[Result]:
    """One of each kind for each name."""
    failures = [Result(name, code="no_ink", detail="It is blank.") for name in NAMES]
    return [
        result for name, failure in zip(NAMES, failures, strict=True) for result in (Result(name, prediction), failure)
    ]


@pytest.mark.parametrize("form", STREAMS)
def test_names_survive(prediction: Prediction, form: Format) -> None:
    """Whatever bytes a name has, the path read back is the one written, with whether it failed and where it ends."""
    lines = [line(result, form) for result in results(prediction)]
    content = heading(form) + b"".join(lines)
    found = list(written(io.BytesIO(content), form))
    assert [(result.path, result.failed) for result in found] == [
        (result.path, result.prediction is None) for result in results(prediction)
    ]
    assert content.startswith(beginning(form))
    assert found[-1].end == len(content)
    assert [after.end - before.end for before, after in itertools.pairwise(found)] == list(map(len, lines[1:]))


@pytest.mark.parametrize("form", STREAMS)
def test_half_written_ends(prediction: Prediction, form: Format) -> None:
    """Wherever the last result is cut, all before it are found and nothing of it."""
    first, last = (line(Result(name, prediction), form) for name in ("a.png", "line\nbreak\r\n.png"))
    whole = heading(form) + first
    for cut in range(len(last)):
        [found] = written(io.BytesIO(whole + last[:cut]), form)
        assert found.end == len(whole)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("jsonl", b"no json\n"),
        ("jsonl", b"[]\n"),
        ("jsonl", b"{}\n"),
        ("jsonl", b"\xff\n"),
        ("csv", b"other,heading\r\n"),
        ("csv", heading("csv") + b"too,few\r\n"),
        ("csv", heading("csv") + b'"quote"in the middle\r\n'),
    ],
)
def test_what_is_not_ours(form: Format, content: bytes) -> None:
    """Other content is told of rather than taken for results."""
    with pytest.raises(OutputError, match="result 1 was not written by this command"):
        list(written(io.BytesIO(content), form))


@pytest.mark.parametrize("form", STREAMS)
def test_empty_outputs(form: Format) -> None:
    """A file with no result, or only a heading, has none."""
    assert list(written(io.BytesIO(b""), form)) == []
    assert list(written(io.BytesIO(heading(form)), form)) == []


def test_json_has_the_fields_of_the_api(prediction: Prediction) -> None:
    """A line is the API's answer with the path before it, or the problem's code and detail."""
    fields = json.loads(line(Result("a.png", prediction), "jsonl"))
    assert next(iter(fields)) == "path"
    assert fields == {"path": "a.png"} | json.loads(prediction.model_dump_json(exclude={"explanation"}))
    assert json.loads(line(Result("b.png", code="no_ink", detail="Blank."), "jsonl")) == {
        "path": "b.png",
        "error": {"code": "no_ink", "detail": "Blank."},
    }


def test_csv_is_what_other_programs_read(prediction: Prediction) -> None:
    """Rows have the heading's columns, in UTF-8; what could not be read has its code and no figures."""
    content = heading("csv") + line(Result("ü.png", prediction), "csv") + line(Result("b", code="no_ink"), "csv")
    good, bad = csv.DictReader(io.StringIO(content.decode(), newline=""))
    assert tuple(good) == COLUMNS
    assert (good["path"], good["digit"], good["verdict"], good["error"]) == ("ü.png", "7", "digit", "")
    assert [float(good[f"p{digit}"]) for digit in range(10)] == list(prediction.probabilities)
    assert bad == dict.fromkeys(COLUMNS, "") | {"path": "b", "error": "no_ink"}


def test_text_is_one_line_for_people(prediction: Prediction) -> None:
    """The path, the digit, how sure, and doubts if there are any; nothing of what could not be read."""
    assert line(Result("a\nb.png", prediction), "text") == b"a\\nb.png: 7 (100.0%)\n"
    doubtful = prediction.model_copy(update={"verdict": "not_a_digit", "reason": "It is a cat.", "confidence": 0.25})
    assert line(Result("a.png", doubtful), "text") == b"a.png: 7 (25.0%) not a digit: It is a cat.\n"
    unjudged = prediction.model_copy(update={"verdict": None, "reason": None})
    assert line(Result("a.png", unjudged), "text") == b"a.png: 7 (100.0%)\n"
    assert line(Result("a.png", code="no_ink"), "text") == b""
    assert line(Result("\udcff.png", prediction), "text").startswith(b"\xff.png: ")


def test_control_characters_are_spelled_out() -> None:
    """A name cannot write on the terminal what it likes."""
    assert printable("a\x1b[2Jb\x7f") == "a\\x1b[2Jb\\x7f"


def test_formats_are_all_covered() -> None:
    """Text is the only one that cannot be read back."""
    assert set(get_args(Format)) == {*STREAMS, "text"}
