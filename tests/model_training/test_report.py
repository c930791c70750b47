"""Plots and the model card."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from app.artifact import Evaluation
from app.loading import Model, load_model
from model_training.data import Dataset
from model_training.evaluation import evaluate
from model_training.report import confusion, curves, mistakes, model_card

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
