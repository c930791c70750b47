"""The comparison says what was measured, of the same pictures for all."""

import dataclasses
import datetime as dt
import pickle
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib import pyplot as plt

from app.artifact import TWIN_FILE, current_folder, read_artifact
from app.errors import ArtifactError
from app.loading import load_model
from model_training.comparison import (
    ESTIMATORS,
    NETWORKS,
    Reader,
    Row,
    compare,
    deform_digits,
    error_plot,
    fit,
    measure,
    open_published,
    table,
    write_comparison,
)
from model_training.data import Dataset, Digits, Pictures
from model_training.evaluation import score

FITTED = Reader("fitted", lambda pictures: np.zeros(len(pictures), int), 12.3, None, 157_250_000)
PUBLISHED = dataclasses.replace(FITTED, name="published", training_seconds=1995.0, recorded=dt.date(2026, 11, 22))
ROWS = [
    Row(FITTED, score(9_500, 10_000), score(9_000, 10_000), 12.345, 1_234.5),
    Row(PUBLISHED, score(9_967, 10_000), score(9_900, 10_000), 0.0873, 11_000.0),
]


class Remembering:
    """An estimator that keeps what it was fitted to and answers with the brightest pixel's hundredfold."""

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]

    def fit(self, features: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> None:
        self.features, self.labels = features, labels

    def predict(self, features: npt.NDArray[np.float32]) -> list[int]:
        return [round(100 * float(row.max())) for row in features]


def test_classical_methods_get_pixels_from_0_to_1(few_digits: Dataset) -> None:
    """float32 (n, 784) both when fitted and when asked; fitted here, and as large as its pickle."""
    estimator = Remembering()
    reader = fit("remembering", estimator, few_digits.train)
    assert estimator.features.dtype == np.float32
    assert estimator.features.shape == (100, 784)
    assert (estimator.features.min(), estimator.features.max()) == (0.0, 1.0)
    assert estimator.labels is few_digits.train.labels
    assert reader.answer(np.full((2, 28, 28, 1), 51, np.uint8)).tolist() == [20, 20]
    assert reader.size == len(pickle.dumps(estimator))
    assert reader.recorded is None
    assert reader.training_seconds > 0.0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_classical_methods_learn(digits: Dataset, name: str) -> None:
    """From 1,000 digits each reads more than 80 of 100 others."""
    train = Digits(digits.train.pictures[:1000], digits.train.labels[:1000])
    reader = fit(name, ESTIMATORS[name](), train)
    assert (reader.answer(digits.test.pictures) == digits.test.labels).mean() > 0.8


def test_scores_count_both_sets(few_digits: Dataset) -> None:
    """Right answers on the test digits and on the deformed ones are counted apart; the times are some."""

    def answer(pictures: Pictures) -> npt.NDArray[np.uint8]:
        return few_digits.test.labels[: len(pictures)]

    others = Digits(few_digits.test.pictures, few_digits.test.labels.copy())
    others.labels[:7] = (others.labels[:7] + 1) % 10
    row = measure(dataclasses.replace(FITTED, answer=answer), few_digits.test, others)
    assert row.clean == score(50, 50)
    assert row.deformed == score(43, 50)
    assert row.single_milliseconds > 0.0
    assert row.digits_per_second > 0.0


def test_deformed_digits_are_the_same_for_all(few_digits: Dataset) -> None:
    """Deforming twice gives the same pictures, others than before, with their labels; the originals stay."""
    before = few_digits.test.pictures.copy()
    once, again = deform_digits(few_digits.test), deform_digits(few_digits.test)
    assert np.array_equal(once.pictures, again.pictures)
    assert np.array_equal(few_digits.test.pictures, before)
    assert once.pictures.dtype == np.uint8
    assert once.pictures.shape == before.shape
    assert (once.pictures != before).any(axis=(1, 2, 3)).all()
    assert once.labels is few_digits.test.labels


def test_published_network_answers_as_it_serves(few_digits: Dataset, published_networks: Path) -> None:
    """Its answers are the service's, its size the compiled twin's, its training time the recorded one."""
    path = published_networks / "paper"
    reader = open_published(path, "network", few_digits)
    model = load_model(path)
    assert model.evaluation is not None
    expected = model.classifier.classify(few_digits.test.pictures).argmax(axis=1)
    assert np.array_equal(reader.answer(few_digits.test.pictures), expected)
    assert reader.size == (current_folder(path) / TWIN_FILE).stat().st_size
    assert reader.training_seconds == model.evaluation.training_seconds
    assert reader.recorded == model.metadata.created.date()


def test_network_of_other_digits_is_refused(
    few_digits: Dataset, published_networks: Path, tiny_artifact: Path, tmp_path: Path
) -> None:
    """A model trained on other digits, one that was not trained here, and one never measured cannot be compared."""
    unmeasured = tmp_path / "paper"
    shutil.copytree(published_networks / "paper", unmeasured)
    (current_folder(unmeasured) / "evaluation.json").unlink()
    others = dataclasses.replace(few_digits, digest="0" * 64)
    for path, dataset in (
        (published_networks / "paper", others),
        (tiny_artifact, few_digits),
        (unmeasured, few_digits),
    ):
        with pytest.raises(ArtifactError, match=f"make train RECIPE={path.name}"):
            open_published(path, "network", dataset)


def test_missing_network_is_told_before_anything_is_fitted(few_digits: Dataset, tmp_path: Path) -> None:
    """Nobody waits for minutes to learn that a model is missing."""
    with pytest.raises(ArtifactError, match="holds no published model"):
        next(compare(few_digits, tmp_path))


def test_comparison_is_written_whole(few_digits: Dataset, published_networks: Path, tmp_path: Path) -> None:
    """Classical methods first, then the networks; the page holds the table and the plot, and the paper's figures."""
    shutil.copytree(published_networks, tmp_path, dirs_exist_ok=True)
    rows = list(compare(few_digits, tmp_path))
    assert [row.reader.name for row in rows] == [*ESTIMATORS, *NETWORKS.values()]
    assert {row.clean.count for row in rows} == {row.deformed.count for row in rows} == {50}
    folder = write_comparison(rows, tmp_path)
    assert folder == tmp_path / "comparison"
    assert write_comparison(rows, tmp_path) == folder
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "README.md").read_text()
    assert "\n".join(table(rows)) in page
    assert "(comparison.png)" in page
    paper = read_artifact(tmp_path / "paper").evaluation
    assert paper is not None
    assert f"| training digits, first epoch | 0.9999 | {paper.history['accuracy'][0]:.4f} |" in page
    assert f"| validation digits | 0.9901 | {paper.validation.share:.4f} |" in page


def test_table_tells_units_and_what_was_recorded() -> None:
    """Seconds or minutes, megabytes of a million bytes, and the day of a time that was not measured now."""
    assert table(ROWS)[2:] == [
        "| fitted | 95.00% | 94.56% to 95.41% | 90.00% | 12 s | 12 ms | 1,234/s | 157.2 MB |",
        "| published | 99.67% | 99.54% to 99.76% | 99.00% | 33.2 min (recorded 2026-11-22) | 0.087 ms | 11,000/s "
        "| 157.2 MB |",
    ]


def test_plot_shows_errors_in_per_cent() -> None:
    """A dot for each set and method, on a logarithmic scale, beside the paper's line."""
    figure = error_plot(ROWS)
    [axes] = figure.axes
    assert axes.get_xscale() == "log"
    drawn = [np.asarray(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]
    assert np.concatenate(drawn) == pytest.approx([5.0, 0.33, 10.0, 1.0])
    assert [text.get_text() for text in axes.texts] == ["5.00%", "0.33%", "10.00%", "1.00%"]
    [paper] = [line for line in axes.lines if str(line.get_label()).startswith("the paper's log")]
    assert np.asarray(paper.get_xdata()) == pytest.approx([0.99, 0.99])
    plt.close(figure)


def test_plot_of_perfect_answers_can_be_drawn(tmp_path: Path) -> None:
    """No error has no place on a logarithmic scale; the rest is drawn all the same."""
    figure = error_plot([dataclasses.replace(ROWS[0], clean=score(50, 50)), ROWS[1]])
    figure.savefig(tmp_path / "plot.png")
    plt.close(figure)
