"""Contact sheets show what they promise, whatever the pictures are."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from app.loading import Model
from app.normalization import Box, normalize
from app.reading import Reading, Times
from model_training import sheets
from model_training.real_pictures import RealPicture, RealSet, read_sets
from model_training.sheets import contact_sheet, most_uncertain, preparation_steps, worst_mistakes
from tests.pictures import Grey, pixels_of, seven


@pytest.fixture
def real_sets(real_folder: Path, measured_model: Model) -> list[RealSet]:
    """Letters and photos, with a blank sheet each."""
    return read_sets(measured_model, real_folder)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


NO_PIXELS = np.zeros((28, 28, 1), np.uint8)


def answered(label: str, digit: int, confidence: float, *, rejected: bool = False) -> RealPicture:
    """A picture that was read as a digit."""
    probabilities = np.full(10, (1 - confidence) / 9, np.float32)
    probabilities[digit] = confidence
    times = Times(0.0, 0.0, 0.0, 0.0)
    reading = Reading(probabilities, True, Box(0, 0, 1, 1), 0.0, False, 1, 1, "PNG", None, NO_PIXELS, times)
    return RealPicture(Path(f"{label}.png"), label, reading, "not_a_digit" if rejected else "digit")


def refused(label: str) -> RealPicture:
    return RealPicture(Path(f"{label}.png"), label, None, None)


def used(figure: Figure) -> list[Axes]:
    """The axes that show a picture."""
    return [axes for axes in figure.axes if axes.images]


def shown(axes: Axes) -> Grey:
    return np.asarray(axes.images[0].get_array(), np.uint8)


RIGHT = answered("1", 1, 0.99)
UNSURE = answered("2", 2, 0.4)
WRONG = answered("3", 8, 0.7)
VERY_WRONG = answered("4", 9, 0.9)
REFUSED = refused("5")
TAKEN = answered("alpha", 0, 0.8)
REJECTED = answered("beta", 0, 0.95, rejected=True)
REFUSED_LETTER = refused("gamma")
SETS = (RealSet("one", (RIGHT, UNSURE, WRONG, REFUSED)), RealSet("two", (VERY_WRONG, TAKEN, REJECTED, REFUSED_LETTER)))


class TestChoice:
    def test_worst_mistakes_are_the_most_confident(self) -> None:
        """Of all sets: wrong digits and others taken for digits; refused digits come last, rejected others nowhere."""
        assert worst_mistakes(SETS) == [VERY_WRONG, TAKEN, WRONG, REFUSED]

    def test_most_uncertain_are_digits(self) -> None:
        """The least confident first, right or wrong; what was refused has no confidence, others should have none."""
        assert most_uncertain(SETS) == [UNSURE, WRONG, VERY_WRONG, RIGHT]

    def test_a_sheet_full_is_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No more pictures are chosen than a sheet holds."""
        monkeypatch.setattr(sheets, "MOST", 2)
        assert worst_mistakes(SETS) == [VERY_WRONG, TAKEN]
        assert most_uncertain(SETS) == [UNSURE, WRONG]

    def test_of_nothing(self) -> None:
        """No sets, no pictures."""
        assert worst_mistakes([]) == []
        assert most_uncertain([RealSet("none", ())]) == []


class TestContactSheet:
    @pytest.mark.parametrize(("count", "rows"), [(0, 1), (1, 1), (8, 1), (9, 2)])
    def test_eight_a_row(self, count: int, rows: int) -> None:
        """As many rows as the pictures need, one at least; places without a picture stay empty."""
        figure = contact_sheet([REFUSED] * count, "Title")
        assert len(figure.axes) == 8 * rows
        assert len(used(figure)) == count
        assert figure.get_suptitle() == "Title"

    def test_captions(self, real_sets: list[RealSet], tmp_path: Path) -> None:
        """Each picture says its label, what it was read as, the verdict and the file; a refused one that it was."""
        letters, photos = real_sets
        figure = contact_sheet([*letters.pictures, *photos.pictures], "All")
        titles = [axes.get_title() for axes in used(figure)]
        assert titles.count("alpha: refused") == 1
        assert titles.count("5: refused") == 1
        for picture, title in zip([*letters.pictures, *photos.pictures], titles, strict=True):
            if picture.reading is not None:
                assert title.startswith(f"{picture.label} read {picture.reading.digit}, {picture.confidence:.0%}")
                assert f"{picture.verdict} {picture.path.name}" in title
        figure.savefig(tmp_path / "sheet.png")

    def test_without_thresholds(self, real_folder: Path, tiny_model: Model) -> None:
        """A model that gives no verdict has captions all the same."""
        letters, _ = read_sets(tiny_model, real_folder)
        [picture] = [picture for picture in letters.pictures if picture.reading is not None]
        [axes] = used(contact_sheet([picture], "One"))
        assert axes.get_title().endswith("\n digit.png")

    @pytest.mark.parametrize(("width", "height"), [(20, 30), (300, 200), (500, 3)])
    def test_upload_beside_what_the_model_saw(
        self, tmp_path: Path, measured_model: Model, width: int, height: int
    ) -> None:
        """On the left the upload, whole and upright whatever its size; on the right the prepared picture."""
        home = tmp_path / "photos" / "7"
        home.mkdir(parents=True)
        upload = seven(width, height)
        if height == 3:
            upload = Image.new("L", (width, height), 255)
            upload.paste(0, (100, 0, 400, 2))
        upload.save(home / "upload.png")
        [part] = read_sets(measured_model, tmp_path)
        [axes] = used(contact_sheet(part.pictures, "One"))
        pair = shown(axes)
        assert pair.shape == (96, 196)
        left, right = pair[:, :96], pair[:, 100:]
        corner = left[: max(1, round(96 * height / max(width, height))), : round(96 * width / max(width, height))]
        assert corner.mean() == pytest.approx(pixels_of(upload).mean(), abs=8)
        prepared = normalize(pixels_of(upload)).pixels[..., 0]
        assert right.mean() == pytest.approx(prepared.mean(), abs=4)
        assert set(np.unique(right)) <= set(np.unique(prepared))

    def test_refused_picture_is_an_empty_place(self) -> None:
        """What could not be decoded is not shown."""
        [axes] = used(contact_sheet([REFUSED], "One"))
        assert len(np.unique(shown(axes))) == 1


class TestPreparationSteps:
    def test_one_picture_of_each_set(self, real_folder: Path, measured_model: Model) -> None:
        """A row each, from the grey picture to 28 x 28, with the set and the label beside it."""
        sets = [part for part in read_sets(measured_model, real_folder) if part.is_of_digits]
        figure = preparation_steps([*sets, *sets])
        assert len(figure.axes) == len(used(figure)) == 2 * 5
        first = sets[0].pictures[0]
        assert figure.axes[0].get_ylabel() == f"photos: {first.label}"
        assert [axes.get_title() for axes in figure.axes[:5]] == list(sheets._STEPS)
        prepared = shown(figure.axes[4])
        with Image.open(first.path) as upload:
            assert np.array_equal(prepared, normalize(pixels_of(upload)).pixels[..., 0])

    def test_large_picture(self, tmp_path: Path, measured_model: Model) -> None:
        """Steps before the last have the size at which ink is looked for, and are bytes."""
        home = tmp_path / "photos" / "7"
        home.mkdir(parents=True)
        seven(768, 400).save(home / "upload.png")
        figure = preparation_steps(read_sets(measured_model, tmp_path))
        pictures = [shown(axes) for axes in used(figure)]
        assert [picture.shape for picture in pictures] == [(200, 384)] * 4 + [(28, 28)]
        assert pictures[1].max() == 255

    @pytest.mark.parametrize("empty", [[], [RealSet("none", ())], [RealSet("one", (REFUSED,))]])
    def test_without_pictures(self, empty: list[RealSet]) -> None:
        """A set whose first picture was refused has no row; an empty figure can be drawn all the same."""
        figure = preparation_steps(empty)
        assert len(figure.axes) == 5
        assert used(figure) == []
        figure.canvas.draw()

    def test_refused_first_pictures_are_left_out(self, real_sets: list[RealSet]) -> None:
        """Only that set is missing."""
        letters, photos = real_sets
        blank_first = dataclasses.replace(
            letters, pictures=tuple(sorted(letters.pictures, key=lambda picture: picture.reading is not None))
        )
        assert len(used(preparation_steps([blank_first, photos]))) == 5
