"""Plots and the model card."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib import pyplot as plt

from app.artifact import CONFUSION_FILE, CURVES_FILE, DOUBT_FILE, MISTAKES_FILE, Evaluation, Thresholds
from app.judgement import pair_probability
from app.loading import Model, load_model
from model_training.data import Dataset
from model_training.evaluation import evaluate, score
from model_training.report import (
    CARD_FILE,
    confusion,
    curves,
    doubt,
    mistakes,
    model_card,
    write_report,
)

HISTORY = {
    "loss": [2.0, 1.0],
    "accuracy": [0.5, 0.75],
    "val_loss": [2.5, 1.5],
    "val_accuracy": [0.4, 0.6],
}


def measured(model: Model, dataset: Dataset) -> Evaluation:
    """An evaluation with a known history."""
    return evaluate(model, dataset, HISTORY)[0]


def test_curves_plot_the_history(few_digits: Dataset, measured_model: Model) -> None:
    """Loss and accuracy of both sets, one point an epoch."""
    figure = curves(measured(measured_model, few_digits))
    lines = {line.get_label(): np.asarray(line.get_ydata()).tolist() for axes in figure.axes for line in axes.lines}
    assert lines == {
        "training loss": HISTORY["loss"],
        "validation loss": HISTORY["val_loss"],
        "training accuracy": HISTORY["accuracy"],
        "validation accuracy": HISTORY["val_accuracy"],
    }
    plt.close(figure)


def test_confusion_shows_every_count(few_digits: Dataset, measured_model: Model) -> None:
    """The numbers in the picture add up to the test set."""
    figure = confusion(measured(measured_model, few_digits))
    assert sum(int(text.get_text()) for text in figure.axes[0].texts) == len(few_digits.test)
    plt.close(figure)


def test_mistakes_are_counted_and_named(few_digits: Dataset) -> None:
    """Each mistake is shown with label, answer and index; a perfect model has an empty sheet."""
    probabilities = np.eye(10, dtype=np.float32)[few_digits.test.labels]
    figure = mistakes(few_digits.test, probabilities)
    assert figure.get_suptitle() == "0 of 50 test digits read wrongly"
    plt.close(figure)
    label = int(few_digits.test.labels[3])
    probabilities[3] = np.eye(10)[(label + 1) % 10]
    figure = mistakes(few_digits.test, probabilities)
    assert figure.get_suptitle() == "1 of 50 test digits read wrongly"
    assert figure.axes[0].get_title() == f"{label} read {(label + 1) % 10}\n100%  #3"
    plt.close(figure)


def test_paper_card_stands_beside_the_papers_figures(
    few_digits: Dataset, measured_model: Model, tiny_artifact: Path
) -> None:
    """Only the paper's model is compared with the paper's log."""
    evaluation = measured(measured_model, few_digits)
    metadata = load_model(tiny_artifact).metadata
    assert "0.9894" not in model_card(metadata, evaluation)
    card = model_card(metadata.model_copy(update={"name": "paper"}), evaluation)
    assert "| 1 | 0.9894 | 0.4000 |" in card
    assert "| 2 | 0.9896 | 0.6000 |" in card


def test_report_without_thresholds_shows_no_doubt(tmp_path: Path, few_digits: Dataset, tiny_model: Model) -> None:
    """A model that gives no verdicts has neither the plot of its doubts nor a word about them."""
    evaluation, probabilities = evaluate(tiny_model, few_digits, HISTORY)
    write_report(tmp_path, tiny_model.metadata, evaluation, few_digits.test, probabilities, None)
    assert {path.name for path in tmp_path.iterdir()} == {CARD_FILE, CONFUSION_FILE, CURVES_FILE, MISTAKES_FILE}
    card = (tmp_path / CARD_FILE).read_text()
    assert DOUBT_FILE not in card
    assert "called no digit" not in card


def test_card_tells_what_the_verdicts_are_worth(few_digits: Dataset, measured_model: Model) -> None:
    """How many digits are called none, how many certain, and how many of these are right; perhaps none is certain."""
    evaluation = measured(measured_model, few_digits)
    rejected, certain = score(1, 50), score(20, 25)
    told = model_card(measured_model.metadata, evaluation.model_copy(update={"rejected": rejected, "certain": certain}))
    assert "Of the test digits 2.00% are called no digit" in told
    assert "and 50.00% certain; of the certain ones 80.000% are right." in told
    doubtful = evaluation.model_copy(update={"rejected": rejected, "certain": None, "refused_others": score(3, 4)})
    told = model_card(measured_model.metadata, doubtful)
    assert "and none certain. Pictures that had to be prepared are judged more strictly" in told
    assert "0.80% of the validation digits do not reach." in told
    assert "Of 4 such pictures made in code that show no digit 75.0% are called none." in told


THRESHOLDS = Thresholds(
    least_pair_probability=0.6,
    prepared_least_pair_probability=0.8,
    least_confidence=0.85,
    rejection_risk=0.0,
    prepared_rejection_risk=0.0,
    mistake_risk=0.0,
)


def sure(labels: npt.NDArray[np.uint8], confidence: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Right answers with these confidences."""
    answers = np.repeat(((1 - confidence) / 9)[:, None], 10, axis=1)
    answers[np.arange(len(labels)), labels] = confidence
    return answers.astype(np.float32)


def test_doubt_is_plotted_with_what_was_chosen(few_digits: Dataset) -> None:
    """Mistakes by coverage, false accepts by false rejects with the chosen thresholds, and reliability."""
    answers = sure(few_digits.test.labels, np.linspace(0.4, 1.0, 50))
    others = np.full((4, 10), 0.1, np.float32)
    others[0] = answers[-1]
    figure = doubt(few_digits.test, answers, others, THRESHOLDS)
    left, middle, right = figure.axes
    assert np.asarray(left.lines[0].get_ydata()).tolist() == [0.0] * 50
    certain = np.asarray(left.lines[1].get_xdata())
    assert certain == pytest.approx((np.linspace(0.4, 1.0, 50) >= 0.85).mean())
    for line, least in zip(middle.lines[1:], (0.6, 0.8), strict=True):
        rejected, accepted = (np.asarray(data).item() for data in line.get_data())
        assert (rejected, accepted) == pytest.approx(((pair_probability(answers) < least).mean(), 0.25))
    assert (np.asarray(right.lines[0].get_ydata()) == 1.0).all()
    plt.close(figure)


def test_doubt_without_others(few_digits: Dataset) -> None:
    """A model that was not asked about other pictures has no curve for them."""
    figure = doubt(few_digits.test, sure(few_digits.test.labels, np.linspace(0.4, 1.0, 50)), None, THRESHOLDS)
    assert not figure.axes[1].lines
    assert not figure.axes[1].axison
    plt.close(figure)


def test_equal_doubts_are_plotted(few_digits: Dataset) -> None:
    """Where many answers are as confident as one another, fewer points remain, every one of them a number."""
    confidence = np.full(50, 0.95)
    confidence[:6] = 0.5
    figure = doubt(few_digits.test, sure(few_digits.test.labels, confidence), None, THRESHOLDS)
    points = np.asarray(figure.axes[2].lines[0].get_xdata())
    assert len(points) < 7
    assert np.isfinite(points).all()
    plt.close(figure)
