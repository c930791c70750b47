"""Where a run goes on: after what was written, and only if that is the beginning of the same."""

import io
from pathlib import Path

import pytest

from app.results import Format, OutputError, Result, heading, line
from app.resuming import LONGEST_REMAINDER, skip_done

FORMS: tuple[Format, ...] = ("csv", "jsonl")


def output(form: Format, *paths: str, rest: bytes = b"") -> io.BytesIO:
    """What a run wrote that came to these paths and then a bit further."""
    lines = [line(Result(path, code="no_ink"), form) for path in paths]
    return io.BytesIO(heading(form) + b"".join(lines) + rest)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_goes_on_behind_the_last_whole_result(form: Format, done: int) -> None:
    """What was written is skipped, what was half-written is cut off, and what is left comes in order."""
    paths = ["a.png", "b\n.png", "c.png"]
    written = output(form, *paths[:done])
    whole = len(written.getvalue()) if done else 0
    next_line = line(Result(paths[done], code="no_ink"), form) if done < 3 else b""
    for cut in range(len(next_line)):
        progress = skip_done(iter(paths), output(form, *paths[:done], rest=next_line[:cut]), form)
        assert (progress.done, progress.failed, progress.end) == (done, done, whole)
        assert list(progress.remaining) == paths[done:]


@pytest.mark.parametrize("form", FORMS)
def test_empty_output(form: Format) -> None:
    """Nothing was done; a heading cut short is nothing either."""
    for content in (b"", heading(form)[:5]):
        progress = skip_done(iter(["a.png"]), io.BytesIO(content), form)
        assert (progress.done, progress.end, list(progress.remaining)) == (0, 0, ["a.png"])


@pytest.mark.parametrize("form", FORMS)
def test_pictures_may_be_gone(form: Format) -> None:
    """Results of pictures that were removed since stay."""
    progress = skip_done(iter(["b.png", "d.png"]), output(form, "a.png", "b.png", "c.png"), form)
    assert (progress.done, list(progress.remaining)) == (3, ["d.png"])


@pytest.mark.parametrize("form", FORMS)
def test_pictures_may_come_behind(form: Format) -> None:
    """A run that had ended goes on with what has been added since."""
    progress = skip_done(iter(["a.png", "b.png"]), output(form, "a.png"), form)
    assert list(progress.remaining) == ["b.png"]


@pytest.mark.parametrize("form", FORMS)
def test_other_pictures(tmp_path: Path, form: Format) -> None:
    """Results of other pictures, or in another order, are not gone on with: the message names both."""
    b = tmp_path / "b.png"
    b.touch()
    with pytest.raises(OutputError, match=r"result 2 is of .*b\.png where added\.png should come"):
        skip_done(iter(["a.png", "added.png", str(b)]), output(form, "a.png", str(b)), form)
    with pytest.raises(OutputError, match="where nothing should come"):
        skip_done(iter(["a.png"]), output(form, "a.png", str(b)), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", [b"My thesis, without an end of line", b"x\n", b"\x00" * 10])
def test_what_is_not_ours_is_not_cut_off(form: Format, content: bytes) -> None:
    """Another file is never taken for a half-written one."""
    with pytest.raises(OutputError, match="was not written by this command"):
        skip_done(iter(["a.png"]), io.BytesIO(content), form)


@pytest.mark.parametrize("form", FORMS)
def test_remainders_are_short(form: Format) -> None:
    """More than a result can be behind the last one is something else."""
    size = LONGEST_REMAINDER
    assert skip_done(iter(["a.png"]), output(form, "a.png", rest=b"x" * size), form).done == 1
    with pytest.raises(OutputError, match="what follows its result 1"):
        skip_done(iter(["a.png"]), output(form, "a.png", rest=b"x" * (size + 1)), form)
