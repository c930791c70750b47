"""The glyphs of the sheets are whole, and the sheets can be rendered again."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import typer

from model_training.data import DataError
from model_training.glyphs import DIGITS_FILE, INK, OTHERS_FILE, SCRIPTS, SHEETS, TILE, digit_glyphs, main, other_glyphs
from model_training.glyphs import render_sheets as render

MOST_BYTES = 700_000
"""Of a sheet in the repository."""


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one font of many scripts."""
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "DejaVuSans.ttf").write_bytes((Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf").read_bytes())
    return folder


@pytest.fixture(scope="module")
def rendered(fonts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheets") / "new"
    render(fonts, folder)
    return folder


def test_there_are_ten_digits_of_each_font() -> None:
    """As many hands as the documents say, every one with all its digits."""
    digits = digit_glyphs()
    assert digits.dtype == np.uint8
    assert digits.shape[1:] == (10, TILE, TILE)
    assert len(digits) == 134
    assert digits.any(axis=(2, 3)).all()


def test_there_are_many_other_glyphs() -> None:
    """As many letters and signs as the documents say, and no empty place of the grid among them."""
    others = other_glyphs()
    assert others.dtype == np.uint8
    assert others.shape[1:] == (TILE, TILE)
    assert len(others) == 1_835
    assert others.any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("script", "shown", "left_out"),
    [("greek", "αγλπ", "βθφδ"), ("hentaigana", "\U0001b002\U0001b11e", "\U0001b012\U0001b10c")],
)
def test_twins_of_digits_are_left_out(script: str, shown: str, left_out: str) -> None:
    """Letters that nobody writes for a digit are shown; those that are one in somebody's hand are not."""
    characters = set(SCRIPTS[script].characters)
    assert characters >= set(shown)
    assert not characters & set(left_out)


def test_every_glyph_fills_its_box_and_leaves_a_border() -> None:
    """The ink is INK pixels on its longest side, less where a soft edge fades, and centred."""
    for glyph in np.concatenate([digit_glyphs().reshape(-1, TILE, TILE), other_glyphs()]):
        rows, columns = np.nonzero(glyph)
        assert INK - 2 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= INK
        assert glyph.max() >= 128
        border = (TILE - INK) // 2
        assert not glyph[:border].any()
        assert not glyph[-border:].any()
        assert not glyph[:, :border].any()
        assert not glyph[:, -border:].any()


def test_no_glyph_is_shown_twice() -> None:
    """Fonts that share their digits are shown once, and no other glyph is a digit's picture."""
    digits, others = digit_glyphs(), other_glyphs()
    for font in digits:
        assert len(np.unique(font.reshape(10, -1), axis=0)) == 10
    assert len(np.unique(digits.reshape(len(digits), -1), axis=0)) == len(digits)
    shown = {digit.tobytes() for digit in digits.reshape(-1, TILE, TILE)}
    assert not [glyph for glyph in others if glyph.tobytes() in shown]


def test_the_arrays_are_read_once_and_cannot_be_changed() -> None:
    """Everybody gets the same array."""
    for load in (digit_glyphs, other_glyphs):
        assert load() is load()
        assert not load().flags.writeable


def test_the_sheets_are_small() -> None:
    """They live in the repository for ever."""
    for name in (DIGITS_FILE, OTHERS_FILE):
        assert (SHEETS / name).stat().st_size < MOST_BYTES


def test_a_font_is_rendered_to_both_sheets(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row of digits; letters of the scripts that the font has."""
    monkeypatch.setattr("model_training.glyphs.SHEETS", rendered)
    digits, others = digit_glyphs.__wrapped__(), other_glyphs.__wrapped__()
    assert digits.shape == (1, 10, TILE, TILE)
    assert digits.any(axis=(2, 3)).all()
    assert len(others) > 60
    assert others.any(axis=(1, 2)).all()


def test_rendering_again_gives_the_same_bytes(fonts: Path, rendered: Path, tmp_path: Path) -> None:
    """Also through the command."""
    main(fonts, tmp_path)
    for name in (DIGITS_FILE, OTHERS_FILE):
        assert (tmp_path / name).read_bytes() == (rendered / name).read_bytes()


def test_a_font_alike_another_is_shown_once(fonts: Path, rendered: Path, tmp_path: Path) -> None:
    """A second copy under another name changes neither sheet."""
    twice = tmp_path / "twice"
    twice.mkdir()
    font = (fonts / "DejaVuSans.ttf").read_bytes()
    for name in ("DejaVuSans.ttf", "Copy.ttf"):
        (twice / name).write_bytes(font)
    render(twice, tmp_path / "sheets")
    for name in (DIGITS_FILE, OTHERS_FILE):
        assert (tmp_path / "sheets" / name).read_bytes() == (rendered / name).read_bytes()


def test_a_folder_without_fonts_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence that tells what to do, and no sheet."""
    (tmp_path / "notes.txt").write_text("no font")
    with pytest.raises(DataError, match="holds no font files"):
        render(tmp_path, tmp_path / "sheets")
    with pytest.raises(typer.Exit) as stopped:
        main(tmp_path, tmp_path / "sheets")
    assert stopped.value.exit_code == 1
    assert "holds no font files" in capsys.readouterr().err
    assert not (tmp_path / "sheets").exists()


def test_a_damaged_font_is_named(tmp_path: Path) -> None:
    """Not skipped: a sheet without it would be another sheet."""
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(DataError, match=r"broken\.ttf cannot be read as a font"):
        render(tmp_path, tmp_path / "sheets")


def test_fonts_without_digits_make_no_sheet(tmp_path: Path) -> None:
    """A font of mathematical sizes has neither digits nor letters."""
    source = Path(mpl.get_data_path()) / "fonts/ttf/STIXSizOneSymReg.ttf"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    with pytest.raises(DataError, match="have no digits"):
        render(tmp_path, tmp_path / "sheets")
