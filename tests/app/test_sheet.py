"""What lies around a sheet of paper is not taken for ink, and shadows and digits are not taken for sheets."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.normalization import Digit, normalize
from app.sheet import LEAST_SIDE, find_sheet, find_slab
from tests.pictures import seven

Grey = npt.NDArray[np.uint8]


def on_a_table(page: Grey, degrees: float = 0.0, table: int = 50) -> Grey:
    """A page, turned and at 60% of its size, in the middle of something darker."""
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.6)
    placed = cv2.warpAffine(page, turn, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=table)
    return np.asarray(placed, np.uint8)


@pytest.fixture
def page() -> Grey:
    """A dark seven on light paper, 300 pixels a side."""
    return np.asarray(seven(300, 300, ink=60, ground=210), np.uint8)


@pytest.mark.parametrize("degrees", [0.0, 7.0, -12.0])
def test_digit_on_a_sheet_on_a_table(page: Grey, degrees: float) -> None:
    """The digit is found on the sheet, and the table's side of the picture is paper."""
    picture = on_a_table(page, degrees)
    sheet = find_sheet(picture)
    assert sheet is not None
    assert sheet.picture[0].min() > 150
    digit = normalize(picture)
    assert digit.inverted
    assert digit.crop_box.width < 130
    straight = normalize(page).pixels.astype(int)
    assert degrees or np.abs(digit.pixels - straight).mean() < 12


def test_table_along_one_edge(page: Grey) -> None:
    """A dark stripe of table beside the paper is not part of the digit."""
    picture = page.copy()
    picture[:, :40] = 55
    assert normalize(picture).crop_box == normalize(page).crop_box


def test_digit_that_touches_the_sheets_edge(page: Grey) -> None:
    """Ink may reach the sheet's edge."""
    columns = np.flatnonzero((page < 120).any(axis=0))
    tight = np.asarray(cv2.resize(page[:, columns[0] : columns[-1] + 40], (300, 300)), np.uint8)
    digit = normalize(on_a_table(tight))
    assert digit.inverted
    assert digit.crop_box.width < 200


def test_empty_sheet_shows_the_sheet() -> None:
    """A sheet with nothing on it is what stands out."""
    digit = normalize(on_a_table(np.full((300, 300), 210, np.uint8)))
    assert not digit.inverted


@pytest.mark.parametrize(
    "picture",
    [
        np.full((200, 200), 128, np.uint8),
        np.asarray(seven(280, 280, ink=255, ground=0), np.uint8),
        np.asarray(seven(280, 280), np.uint8),
        np.asarray(seven(LEAST_SIDE - 1, LEAST_SIDE - 1), np.uint8),
    ],
    ids=["plain", "light on dark", "dark on light", "small"],
)
def test_no_sheet(picture: Grey) -> None:
    """Drawings and crops have none."""
    assert find_sheet(picture) is None


def test_fine_lines_on_black() -> None:
    """Lines so fine that nothing is left of them in a small picture are read all the same."""
    picture = np.zeros((384, 384), np.uint8)
    cv2.line(picture, (190, 150), (180, 230), 255, 1)
    assert find_sheet(picture) is None
    assert not normalize(picture).inverted


def test_round_things_are_no_sheets() -> None:
    """A lamp's spot or a thick ring has no corners."""
    spot = np.full((300, 300), 40, np.uint8)
    cv2.circle(spot, (150, 150), 110, 220, -1)
    assert find_sheet(spot) is None


def test_canvas_is_no_table() -> None:
    """On pure black a bright block is drawn, not photographed."""
    block = np.zeros((300, 300), np.uint8)
    block[80:220, 80:220] = 255
    assert find_sheet(block) is None


def test_shadow_is_not_taken_away(page: Grey) -> None:
    """Ink that lies half in a shadow stays whole."""
    shaded = np.clip(page * np.where(np.arange(300) > 150, 0.5, 1.0), 0, 255).astype(np.uint8)
    shaded = np.asarray(cv2.GaussianBlur(shaded, (0, 0), 4), np.uint8)
    assert abs(normalize(shaded).crop_box.width - normalize(page).crop_box.width) <= 12


def test_shaded_corner_is_sheet() -> None:
    """Paper that grows dark towards a corner is sheet to its edge: the seven in the corner is not taken away."""
    page = np.asarray(np.full((400, 300), 220), np.uint8)
    page[290:390, 20:120] = np.asarray(seven(100, 100, ink=60, ground=220), np.uint8)
    rows, columns = np.mgrid[:400, :300]
    shade = 1.0 - 0.6 * np.clip((rows / 400 - 0.5) * 2.0, 0.0, 1.0) * (1.0 - columns / 300)
    picture = np.asarray(page * shade, np.uint8)
    picture[:, :10], picture[-8:] = 20, 20
    sheet = find_sheet(picture)
    assert sheet is not None
    assert (sheet.inside[290:380, 25:120] > 0).all()


def test_sheet_with_soft_corners(page: Grey) -> None:
    """Where the sheet's edge is soft, its corners are no way on to the table."""
    soft = np.asarray(cv2.GaussianBlur(on_a_table(page, 5.0, table=70), (0, 0), 1.5), np.uint8)
    sheet = find_sheet(soft)
    assert sheet is not None
    assert normalize(soft).crop_box.width < 130


@pytest.mark.parametrize("table", [8, 14, 20])
def test_narrow_table(page: Grey, table: int) -> None:
    """Where so little of the table is seen that it could be ink, the sheet's edge does not join the digit."""
    picture = page.copy()
    picture[:table], picture[-table:], picture[:, :table], picture[:, -table:] = 70, 70, 70, 70
    box, plain = normalize(picture).crop_box, normalize(page).crop_box
    assert abs(box.width - plain.width) <= 4
    assert abs(box.height - plain.height) <= 4


def test_ring_on_a_sheet_keeps_its_hole() -> None:
    """The paper inside a zero is as bright as ink on a board would be, and is paper."""
    page = np.full((300, 300), 210, np.uint8)
    cv2.ellipse(page, (150, 150), (55, 75), 10, 0, 360, 60, 14)
    digit = normalize(on_a_table(page, 4.0))
    assert digit.inverted
    assert digit.pixels[14, 14] == 0


def test_sheet_that_the_pictures_edges_cut(page: Grey) -> None:
    """What a photograph shows of the table beside a sheet is no ink, though it is no more than ink would be."""
    picture = page.copy()
    cv2.fillPoly(picture, [np.array([(-1, 280), (300, 220), (300, 300), (-1, 300)])], 50)
    cv2.fillPoly(picture, [np.array([(300, -1), (300, 300), (255, 300)])], 50)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)
    assert alike(normalize(picture), normalize(page))


@pytest.mark.parametrize("degrees", [0.0, 9.0])
def test_sheet_on_a_table_of_two_greys(degrees: float) -> None:
    """A sheet that lies across the edge of something lighter than the table is found by itself."""
    picture = on_a_table(np.asarray(seven(300, 300, ink=60, ground=180), np.uint8), degrees, table=35)
    lighter = picture.copy()
    lighter[(picture == 35) & (np.indices(picture.shape).sum(axis=0) < 260)] = 120
    lighter = np.asarray(cv2.GaussianBlur(lighter, (0, 0), 1.0), np.uint8)
    assert alike(normalize(lighter), normalize(picture))


def test_bright_things_beside_a_sheet(page: Grey) -> None:
    """Cups that touch the sheet are none of it, and what lies between them is no ink."""
    picture = on_a_table(page, 6.0)
    beside = picture.copy()
    for centre in ((250, 62), (52, 240), (150, 262)):
        cv2.circle(beside, centre, 18, 200, -1)
    beside = np.asarray(np.where(picture == 50, beside, picture), np.uint8)
    assert alike(normalize(beside), normalize(picture))


def test_strokes_part_paper_from_paper() -> None:
    """In a tight crop in sidelight, the brighter paper on one side of a stroke is no sheet."""
    light = np.tile(np.linspace(225, 140, 240), (240, 1))
    ink = np.zeros((240, 240), np.uint8)
    cv2.polylines(ink, [np.array([(5, 20), (215, 20), (150, 235)])], False, 255, 40)
    digit = normalize(np.where(ink > 0, light * 0.3, light).astype(np.uint8))
    assert digit.crop_box.width > 200
    assert digit.crop_box.height > 200


@pytest.mark.parametrize(("thickness", "foot"), [(46, 185), (46, 200), (56, 170)])
def test_bold_seven_is_not_around_a_sheet(thickness: int, foot: int) -> None:
    """What a bold stroke has left of its soft side along the paper beside it is not what is written there."""
    ink = np.zeros((240, 240), np.float32)
    cv2.polylines(ink, [np.array([(5, 22), (215, 22), (foot, 240)])], False, 1.0, thickness)
    light = np.tile(np.linspace(225, 195, 240), (240, 1))
    picture = light * (1 - 0.7 * cv2.GaussianBlur(ink, (0, 0), 3))
    digit = normalize(picture.astype(np.uint8))
    assert digit.crop_box.width > 200
    assert digit.crop_box.height > 200


@pytest.mark.parametrize(
    ("table", "paper"), [(235, 160), (165, 195), (0, 225), (60, 255)], ids=["darker", "by little", "on black", "white"]
)
@pytest.mark.parametrize("degrees", [0.0, 9.0])
def test_sheet_that_stands_out_like_ink(table: int, paper: int, degrees: float) -> None:
    """Whether it is darker than the table or brighter by little, on a scanner's black or overexposed: it is a sheet."""
    page = np.asarray(seven(300, 300, ink=60, ground=paper), np.uint8)
    picture = np.asarray(cv2.GaussianBlur(on_a_table(page, degrees, table=table), (0, 0), 1.0), np.uint8)
    expected = on_a_table(np.asarray(seven(300, 300, ink=60, ground=200), np.uint8), degrees)
    digit = normalize(picture)
    assert digit.inverted
    assert alike(digit, normalize(expected))


def test_ink_everywhere_is_no_sheet() -> None:
    """A sheet has a table around it, also in a narrow picture."""
    assert find_slab(np.full((240, 100), 90, np.uint8), np.full((240, 100), 255, np.uint8), True) is None


@pytest.mark.parametrize(("ground", "ink"), [(255, 0), (235, 40), (0, 255)], ids=["printed", "photographed", "drawn"])
def test_zero_in_block_letters_is_no_sheet(ground: int, ink: int) -> None:
    """What is in it is its hole, not a one."""
    zero = np.full((300, 300), ground, np.uint8)
    zero[50:250, 80:220] = ink
    zero[90:210, 138:162] = ground
    mask = np.where(zero == ink, np.uint8(255), np.uint8(0))
    assert find_slab(zero, mask, ink < ground) is None


def alike(digit: Digit, other: Digit) -> bool:
    """Whether both show the same ink at nearly the same place."""
    boxes = [
        (found.crop_box.left, found.crop_box.top, found.crop_box.right, found.crop_box.bottom)
        for found in (digit, other)
    ]
    return bool(np.abs(np.subtract(boxes[0], boxes[1])).max() <= 6)
