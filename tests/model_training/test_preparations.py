"""The usual preparation is what tutorials do, and both preparations are measured on the same pictures."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from app.loading import Model
from model_training.data import DataError, Dataset
from model_training.evaluation import score
from model_training.preparations import (
    OURS,
    USUAL,
    Bar,
    compare_preparations,
    preparation_chart,
    preparation_table,
    usual_preparation,
)
from model_training.real_pictures import read_sets
from tests.pictures import encode, oriented, seven

BARS = [
    Bar("photos", "paper", USUAL, score(1, 4)),
    Bar("photos", "paper", OURS, score(3, 4)),
    Bar("drawings", "paper", USUAL, score(1, 2)),
    Bar("drawings", "paper", OURS, score(2, 2)),
]


class TestUsualPreparation:
    def test_light_and_dark_pictures_end_white_on_black(self) -> None:
        """A light picture is inverted, a dark one is not: both end alike."""
        light = usual_preparation(encode(seven(112, 112), "PNG"))
        dark = usual_preparation(encode(seven(112, 112, ink=255, ground=0), "PNG"))
        assert light.dtype == np.uint8
        assert light.shape == (28, 28, 1)
        assert np.abs(light.astype(int) - dark).max() <= 1
        assert (int(light[0, 0, 0]), int(light.max())) == (0, 255)

    def test_it_squeezes(self) -> None:
        """Nothing is cropped, centred or kept in proportion: the whole picture becomes a square."""
        wide = Image.new("L", (280, 28), 0)
        wide.paste(255, (0, 0, 100, 28))
        prepared = usual_preparation(encode(wide, "PNG"))[..., 0]
        assert (prepared[:, :8] == 255).all()
        assert (prepared[:, 12:] == 0).all()

    def test_colours_are_grey(self) -> None:
        """A blue pen on white paper is ink."""
        blue = np.full((56, 56, 3), 255, np.uint8)
        blue[10:46, 24:32] = (0, 0, 200)
        prepared = usual_preparation(encode(Image.fromarray(blue), "PNG"))
        assert prepared[14, 13, 0] > 200
        assert prepared[0, 0, 0] == 0

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_transparency_is_white(self, mode: str) -> None:
        """Black ink on nothing is black ink on white paper."""
        ink = seven(112, 112)
        clear = Image.new(mode, ink.size, 0)
        clear.putalpha(ink.point(lambda level: 255 - level))
        opaque = usual_preparation(encode(ink, "PNG"))
        assert np.abs(usual_preparation(encode(clear, "PNG")).astype(int) - opaque).max() <= 2

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_phone_pictures_are_upright(self, orientation: int) -> None:
        """The camera's note about how it was held is heeded."""
        upright = seven(112, 112)
        turned = usual_preparation(oriented(upright, orientation, "PNG"))
        assert np.array_equal(turned, usual_preparation(encode(upright, "PNG")))


class TestComparison:
    def test_sets_of_digits_are_read_twice(self, real_folder: Path, measured_model: Model) -> None:
        """With each model after each preparation; sets that are not all digits are left out."""
        bars = compare_preparations({"one": measured_model, "two": measured_model}, real_folder)
        assert [(bar.part, bar.model, bar.preparation) for bar in bars] == [
            ("photos", "one", USUAL),
            ("photos", "one", OURS),
            ("photos", "two", USUAL),
            ("photos", "two", OURS),
        ]
        [_, photos] = read_sets(measured_model, real_folder)
        assert bars[1].score == photos.right

    def test_usual_answers_are_the_models(self, tmp_path: Path, few_digits: Dataset, measured_model: Model) -> None:
        """What the model says to the picture as tutorials prepare it is counted, and nothing of a damaged file."""
        folder = tmp_path / "drawings"
        for index in range(6):
            body = encode(Image.fromarray(255 - few_digits.test.pictures[index, ..., 0]), "PNG")
            answer = int(measured_model.classifier.classify(usual_preparation(body)[None])[0].argmax())
            home = folder / str((answer + (index < 2)) % 10)
            home.mkdir(parents=True, exist_ok=True)
            (home / f"{index}.png").write_bytes(body)
        (home / "damaged.png").write_bytes(b"no picture")
        usual, ours = compare_preparations({"one": measured_model}, tmp_path)
        assert usual.score == score(4, 7)
        assert ours.score.count == 7

    def test_a_file_cut_short_is_no_answer(self, tmp_path: Path, real_folder: Path, measured_model: Model) -> None:
        """A picture that ends in the middle of its pixels stops nothing."""
        shutil.copytree(real_folder / "photos", tmp_path / "photos")
        whole = encode(seven(300, 300), "JPEG")
        [home, *_] = (tmp_path / "photos").iterdir()
        (home / "cut.jpg").write_bytes(whole[: len(whole) // 2])
        usual, ours = compare_preparations({"one": measured_model}, tmp_path)
        assert usual.score.count == ours.score.count == 6

    def test_without_sets_of_digits(self, tmp_path: Path, real_folder: Path, measured_model: Model) -> None:
        """There is nothing to compare, and the way to lay out the folder is told."""
        shutil.copytree(real_folder / "letters", tmp_path / "letters")
        with pytest.raises(DataError, match=r"holds no set of digits.*SET/LABEL/FILE"):
            compare_preparations({"one": measured_model}, tmp_path)


def test_table_has_a_row_for_each_set() -> None:
    """Sets in order, a column for each model and preparation."""
    assert preparation_table(BARS).splitlines() == [
        "| pictures | paper, usual preparation | paper, this preparation |",
        "|---|---|---|",
        "| drawings | 50.0% | 100.0% |",
        "| photos | 25.0% | 75.0% |",
    ]


def test_chart_has_a_bar_for_each_figure() -> None:
    """Heights are per cent, sets from left to right as in the table, each with its number of pictures."""
    figure = preparation_chart(BARS)
    [axes] = figure.axes
    assert [bar.get_height() for bar in axes.patches] == [50.0, 25.0, 100.0, 75.0]  # type: ignore[attr-defined]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["drawings\n2 pictures", "photos\n4 pictures"]
    _, labels = axes.get_legend_handles_labels()
    assert labels == ["paper, usual preparation", "paper, this preparation"]
    plt.close(figure)
