"""Glyphs of free fonts: digits as the schools and hands of many countries write them, and signs that are no digits.

The pictures come as two sheets beside this module, in `glyph_sheets/`, whose README.md lists the fonts. The sheets can
be rendered again: python -m model_training.glyphs FONTS.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import cv2
import numpy as np
import numpy.typing as npt
import typer
from PIL import Image, ImageFont

from app.contract import LABELS
from model_training.data import DataError

Glyph = npt.NDArray[np.uint8]
"""White ink on black, uint8 (TILE, TILE)."""

Glyphs = npt.NDArray[np.uint8]
"""Many glyphs, uint8 (n, TILE, TILE)."""

SHEETS: Final = Path(__file__).parent / "glyph_sheets"
DIGITS_FILE: Final = "digits.png"
OTHERS_FILE: Final = "others.png"

TILE: Final = 64
"""Side of a glyph's tile, in pixels."""

INK: Final = 48
"""Longest side of a glyph's ink, in pixels; what is left is a border that shifts and turns may use."""

COLUMNS: Final = 40
"""Glyphs in a row of the sheet of others; the sheet of digits has one row for each font."""

_FONT_SUFFIXES: Final = {".otf", ".ttf", ".woff", ".woff2"}
_PROBE_SIZE: Final = 24
_DRAWN_SIZE: Final = 192
"""Size of the type as drawn, before it is shrunk: the shades come from area averages, not from hinting."""

_LEVELS: Final = 16
"""Grey levels of the sheets: a quarter of the file's size, and no eye or network tells the difference."""

_ALIKE: Final = 4.0
"""Two fonts whose ten digits differ by less than so many grey levels on average are one hand, shown once."""

_SEED: Final = 0x61F5

_NOWHERE: Final = "\uffff"
"""Never a character: a font shows its box for missing glyphs, or nothing."""

WITHOUT_DIGITS: Final = (
    "just-another-hand",
    "kristi",
    "love-ya-like-a-sister",
    "ruthie",
    "stalemate",
    "story-script",
    "sue-ellen-francisco",
)
"""How the file names of fonts begin that lend their letters only: their digits are decorated or torn, or a person could
misread one of them."""

WITHOUT_LETTERS: Final = ("liu-jian-mao-cao", "solitreo", "zhi-mang-xing")
"""How the file names of fonts begin that lend their digits only: in their haste a letter becomes a 3 or a 9."""

CURSIVE: Final = (
    "playwrite-",
    *("beth-ellen", "borel", "cedarville-cursive", "dancing-script", "dawning-of-a-new-day", "give-you-glory"),
    *("homemade-apple", "kristi", "la-belle-aurore", "ma-shan-zheng", "marck-script", "meddon", "momo-signature"),
    *("over-the-rainbow", "ruthie", "stalemate", "zeyada"),
)
"""How the file names of fonts begin that write joined letters."""

CURSIVE_TWINS: Final = "AEFXex"
"""Letters that joined hands write like digits: F as a crossed 7, e as a loop, X as two bowls, A as a large a."""


@dataclass(frozen=True, slots=True)
class Script:
    """Characters of one script that nobody would write for a digit, and how many glyphs of them to show."""

    characters: str
    share: int


_HENTAIGANA: Final = range(0x1B002, 0x1B11F)
"""Old cursive kana; most fonts lack them, and few machines can show them in a source file."""

_HENTAIGANA_TWINS: Final = (
    *(0x1B012, 0x1B01A, 0x1B02C, 0x1B02D, 0x1B03C, 0x1B045, 0x1B046, 0x1B05A, 0x1B060, 0x1B069, 0x1B073, 0x1B075),
    *(0x1B08C, 0x1B08D, 0x1B099, 0x1B09E, 0x1B0B9, 0x1B0C2, 0x1B0C9, 0x1B0DA, 0x1B0EA, 0x1B0EF, 0x1B0F0, 0x1B0FB),
    *(0x1B102, 0x1B10B, 0x1B10C),
)
"""Those that are a digit's twin, looked at one by one."""

SCRIPTS: Final = {
    "latin": Script("AEFHKMNRWXekmwx", 300),
    "cyrillic": Script("АЕЖКМНХШЩЮЯЙИЁежкмнхшщюяйё", 140),
    "greek": Script("ΑΔΕΗΚΜΝΞΣΧΨΩαγεκλμπχψω", 140),
    "hiragana": Script(
        "あいえおかきけさすせたとなにぬねはひふへほまみむめもやゆよれわをんがぎげざずぜだどばびぶべぼぱぴぷぺぽ",
        200,
    ),
    "hentaigana": Script("".join(chr(code) for code in _HENTAIGANA if code not in _HENTAIGANA_TWINS), 260),
    "katakana": Script("オキケサシセソタツトナニネハヒヘホミムメモヤリルンヰヱギゲザジゼゾダバビベボパピペポ", 130),
    "kanji": Script(
        "大木本中山川田火水土上下月天文心米花王生年東西南北車虫足空青赤気金石竹森林村町右左正早先見音", 110
    ),
    "hangul": Script(
        "ㅂㅌㅍㅎㅑㅗㅛㅠㅐㅔ가나다라마바사자차카타파하고노도로모보소조초코토포호구누두무부수한글국말집", 130
    ),
    "thai": Script("ฆฉชซฌญฎฏฑฒณผฝพฟภมศษสหฬ", 90),
    "hebrew": Script("אמ", 8),
    "arabic": Script("بتثپسشصضگغ", 40),
    "devanagari": Script("अआऐकखगघचजझञणतनपफबभमयलवशषस", 90),
    "tamil": Script("அஆஇஈஞணழஷஸஹக", 12),
    "signs": Script("&%#@+=*€$£¥→←↓✓÷±<>~©\N{MULTIPLICATION SIGN}", 190),
}
"""What is left out: every letter that is a digit's twin in somebody's hand, as O, l, Z, S, b, g and q, and all that
could be one in a hurry, as D, J, U, ч, Л, θ, φ, つ, ろ, ち, フ, ロ, 人, 七, ㅇ, ㄹ, ง, و, उ, vav, samekh and the
old cursive kana among _HENTAIGANA_TWINS. Shown as no digits they would teach the network to refuse digits. So would !
and ?, which lose their dots where specks are cleaned away."""


@functools.cache
def digit_glyphs() -> Glyphs:
    """The digits 0 to 9 of each font, uint8 (fonts, 10, TILE, TILE), white ink on black; not writeable."""
    sheet = _read(SHEETS / DIGITS_FILE)
    return _frozen(sheet.reshape(-1, len(LABELS), TILE, TILE))


@functools.cache
def other_glyphs() -> Glyphs:
    """Letters and signs that are no digits, uint8 (n, TILE, TILE), white ink on black; not writeable."""
    sheet = _read(SHEETS / OTHERS_FILE)
    # The last row of the grid may not be full.
    return _frozen(sheet[sheet.any(axis=(1, 2))])


def render_sheets(fonts: Path, folder: Path) -> None:
    """Render both sheets from font files; the same files give the same pictures.

    Args:
        fonts: a folder of font files (.otf, .ttf, .woff, .woff2), one style of each family.
        folder: where the sheets go; made when missing.

    Raises:
        DataError: there are no font files, one cannot be read, or all of them together lack digits or letters.
    """
    paths = sorted(path for path in fonts.glob("*") if path.suffix.lower() in _FONT_SUFFIXES)
    if not paths:
        raise DataError(
            f"{fonts} holds no font files (.otf, .ttf, .woff, .woff2). "
            f"README.md in {SHEETS.name}/ tells how to get them."
        )
    loaded = [_Font(path) for path in paths]
    digits = _different(font.digits() for font in loaded if not font.path.stem.startswith(WITHOUT_DIGITS))
    others = [glyph for index, script in enumerate(SCRIPTS.values()) for glyph in _chosen(script, loaded, index)]
    if not digits or not others:
        raise DataError(f"The fonts in {fonts} have no {'letters' if digits else 'digits'}. Add one that has.")
    folder.mkdir(parents=True, exist_ok=True)
    _write(np.concatenate(digits), len(LABELS), folder / DIGITS_FILE)
    _write(np.stack(others), COLUMNS, folder / OTHERS_FILE)


class _Font:
    """A font file: which characters it has, and their glyphs."""

    def __init__(self, path: Path) -> None:
        # The plain layout gives one glyph for one character on every machine, whatever shaper it has.
        plain = ImageFont.Layout.BASIC
        try:
            self._probe = ImageFont.truetype(path, _PROBE_SIZE, layout_engine=plain)
            self._pen = ImageFont.truetype(path, _DRAWN_SIZE, layout_engine=plain)
        except OSError as error:
            raise DataError(f"{path} cannot be read as a font ({error}). Remove it, or copy it again.") from error
        self.path = path
        self._missing = _mask(self._probe, _NOWHERE).tobytes()

    def has(self, character: str) -> bool:
        mask = _mask(self._probe, character)
        return bool(mask.any()) and mask.tobytes() != self._missing

    def lends(self, character: str) -> bool:
        """Whether the letter or sign may be shown as no digit."""
        name = self.path.stem
        twin = name.startswith(WITHOUT_LETTERS) or (name.startswith(CURSIVE) and character in CURSIVE_TWINS)
        return not twin and self.has(character)

    def glyph(self, character: str) -> Glyph:
        """The ink scaled to INK on its longest side and centred, quantised to _LEVELS greys."""
        mask = _mask(self._pen, character)
        left, top, width, height = cv2.boundingRect(mask)
        scale = INK / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        ink = cv2.resize(mask[top : top + height, left : left + width], size, interpolation=cv2.INTER_AREA)
        step = 255 // (_LEVELS - 1)
        tile = np.zeros((TILE, TILE), np.uint8)
        x, y = (TILE - size[0]) // 2, (TILE - size[1]) // 2
        tile[y : y + size[1], x : x + size[0]] = np.rint(ink / step) * step
        return tile

    def digits(self) -> Glyphs | None:
        """All ten, uint8 (10, TILE, TILE), or None."""
        characters = [str(label) for label in LABELS]
        if not all(map(self.has, characters)):
            return None
        return np.stack([self.glyph(character) for character in characters])


def _mask(font: ImageFont.FreeTypeFont, character: str) -> npt.NDArray[np.uint8]:
    core = font.getmask(character, mode="L")
    width, height = core.size
    return np.frombuffer(bytes(core), np.uint8).reshape(height, width)


def _different(rows: Iterator[Glyphs | None]) -> list[Glyphs]:
    """The rows without those that repeat an earlier one."""
    kept: list[Glyphs] = []
    for row in rows:
        if row is not None and all(np.abs(row.astype(np.int16) - other).mean() >= _ALIKE for other in kept):
            kept.append(row)
    return kept


def _chosen(script: Script, fonts: list[_Font], index: int) -> list[Glyph]:
    """As many glyphs as the script's share, every character as often as the others where the fonts allow."""
    random = np.random.default_rng([_SEED, index])
    ranked: list[tuple[int, Glyph]] = []
    for character in script.characters:
        # One family may come in several files that share characters; a picture is shown once.
        glyphs = {
            glyph.tobytes(): glyph for glyph in (font.glyph(character) for font in fonts if font.lends(character))
        }
        pictures = list(glyphs.values())
        ranked += [(rank, pictures[chosen]) for rank, chosen in enumerate(random.permutation(len(pictures)))]
    ranked.sort(key=lambda pair: pair[0])
    return [glyph for _, glyph in ranked[: script.share]]


def _write(glyphs: Glyphs, columns: int, path: Path) -> None:
    """Write the glyphs, uint8 (n, TILE, TILE), as a grid, black where the last row is not full."""
    full = np.zeros((-(-len(glyphs) // columns) * columns, TILE, TILE), np.uint8)
    full[: len(glyphs)] = glyphs
    grid = full.reshape(-1, columns, TILE, TILE).swapaxes(1, 2).reshape(-1, columns * TILE)
    # Sixteen palette entries are stored in half a byte each.
    step = 255 // (_LEVELS - 1)
    picture = Image.fromarray(grid // step).convert("P")
    picture.putpalette([level * step for level in range(_LEVELS) for _ in range(3)])
    picture.save(path, optimize=True, bits=4)


def _read(path: Path) -> Glyphs:
    """The tiles of a sheet, uint8 (n, TILE, TILE), row by row."""
    with Image.open(path) as picture:
        grid = np.asarray(picture.convert("L"))
    columns = grid.shape[1] // TILE
    return grid.reshape(-1, TILE, columns, TILE).swapaxes(1, 2).reshape(-1, TILE, TILE)


def _frozen(glyphs: Glyphs) -> Glyphs:
    # The cache hands the same array to everybody.
    glyphs.flags.writeable = False
    return glyphs


def main(
    fonts: Annotated[Path, typer.Argument(help="Folder of font files.")],
    folder: Annotated[Path, typer.Option(help="Where the sheets go.")] = SHEETS,
) -> None:
    """Render the sheets of glyphs again."""
    try:
        render_sheets(fonts, folder)
    except DataError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
