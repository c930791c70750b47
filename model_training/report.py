"""What people look at: curves, confusion matrix, a sheet of the mistakes, and the model card."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from app.artifact import Evaluation, Metadata, Score
from app.contract import LABELS
from model_training.data import Digits

CURVES_FILE: Final = "curves.png"
CONFUSION_FILE: Final = "confusion.png"
MISTAKES_FILE: Final = "mistakes.png"
CARD_FILE: Final = "MODEL_CARD.md"

PAPER_RECIPE: Final = "paper"
PAPER_VALIDATION: Final = (0.9894, 0.9896, 0.9899, 0.9900, 0.9901)
"""val_accuracy after each of the five epochs of the paper's log; its loss shows that it began from trained weights."""

_MOST_MISTAKES: Final = 60
_DPI: Final = 80


def write_report(
    folder: Path,
    metadata: Metadata,
    evaluation: Evaluation,
    test: Digits,
    probabilities: npt.NDArray[np.float32],
) -> None:
    """Write the plots and the model card of a model into its folder.

    Args:
        folder: the version's folder.
        metadata: the model's.
        evaluation: the model's.
        test: the digits it was measured on.
        probabilities: what it said about them, float32 (n, 10).
    """
    _save(curves(evaluation), folder / CURVES_FILE)
    _save(confusion(evaluation), folder / CONFUSION_FILE)
    _save(mistakes(test, probabilities), folder / MISTAKES_FILE)
    (folder / CARD_FILE).write_text(model_card(metadata, evaluation))


def curves(evaluation: Evaluation) -> Figure:
    """Loss and accuracy by epoch, as the paper plots them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = np.arange(1, len(evaluation.history["loss"]) + 1)
    for axes, measure in ((left, "loss"), (right, "accuracy")):
        axes.plot(epochs, evaluation.history[measure], marker=".", label=f"training {measure}")
        axes.plot(epochs, evaluation.history[f"val_{measure}"], marker=".", label=f"validation {measure}")
        axes.set(xlabel="Epoch", title=measure.capitalize())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def confusion(evaluation: Evaluation) -> Figure:
    """The confusion matrix of the test digits; colour shows the mistakes, the diagonal would drown them."""
    figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
    matrix = np.array(evaluation.confusion)
    wrong = matrix * (1 - np.eye(len(LABELS), dtype=int))
    axes.imshow(wrong, cmap="Reds", vmax=max(1, int(wrong.max())))
    for row in LABELS:
        for column in LABELS:
            if matrix[row, column]:
                colour = "white" if wrong[row, column] > 0.6 * wrong.max() > 0 else "black"
                axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour)
    axes.set(xticks=LABELS, yticks=LABELS, xlabel="Answer", ylabel="Label", title="Test digits")
    return figure


def mistakes(test: Digits, probabilities: npt.NDArray[np.float32]) -> Figure:
    """Test digits read wrongly, the most confident first."""
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != test.labels)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1))]
    shown = wrong[:_MOST_MISTAKES]
    columns = 10
    rows = max(1, -(-len(shown) // columns))
    figure, grid = plt.subplots(
        rows, columns, figsize=(columns, 1.35 * rows + 0.4), layout="constrained", squeeze=False
    )
    for axes in grid.flat:
        axes.axis("off")
    for axes, index in zip(grid.flat, shown, strict=False):
        axes.imshow(test.pictures[index, ..., 0], cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            f"{test.labels[index]} read {answers[index]}\n{probabilities[index].max():.0%}  #{index}", fontsize=7
        )
    figure.suptitle(f"{len(wrong)} of {len(test)} test digits read wrongly", fontsize=10)
    return figure


def model_card(metadata: Metadata, evaluation: Evaluation) -> str:
    """The model card (Mitchell et al., 2019), as Markdown."""
    training = metadata.training
    seconds = evaluation.training_seconds
    lines = [
        f"# Model card: {metadata.name} {metadata.version}",
        "",
        training.purpose if training else "A model that was not trained by this project.",
        "",
        "## Figures",
        "",
        "| measured on | accuracy | 95% interval | right |",
        "|---|---|---|---|",
        _row("test digits", evaluation.test),
        _row("validation digits", evaluation.validation),
        "",
        *_verdicts(metadata, evaluation),
        f"Expected calibration error on the test digits: {evaluation.expected_calibration_error:.2%}. "
        f"As PNG files through the whole input path {evaluation.png.correct:,} of {evaluation.png.count:,} test digits "
        "get the same answer as their arrays.",
        "",
    ]
    if metadata.name == PAPER_RECIPE:
        lines += _paper_comparison(evaluation)
    lines += [
        "| digit | count | precision | recall |",
        "|---|---|---|---|",
        *(f"| {row.digit} | {row.count} | {row.precision:.4f} | {row.recall:.4f} |" for row in evaluation.digits),
        "",
        f"![Loss and accuracy by epoch]({CURVES_FILE})",
        f"![Confusion matrix]({CONFUSION_FILE})",
        f"![Mistakes]({MISTAKES_FILE})",
        "",
        "## The model",
        "",
        f"{metadata.parameters:,} parameters, {metadata.multiply_adds:,} multiply-adds a picture. Takes uint8 pictures "
        f"of {metadata.input_shape[0]}x{metadata.input_shape[1]} pixels, white ink on black, in MNIST's geometry "
        f"(input contract {metadata.contract_version}); returns softmax probabilities of the digits 0 to 9.",
        "",
        f"Weights sha256 `{metadata.weights_digest}`. The compiled twin's probabilities differ by at most "
        f"{metadata.twin_difference:.1e} on the test digits.",
        "",
    ]
    if training:
        packages = ", ".join(f"{name} {version}" for name, version in training.packages.items())
        lines += [
            "## Training",
            "",
            f"Recipe `{training.recipe}`, seed {training.seed}, {training.epochs} epochs"
            + (f", {seconds / 60:.1f} minutes" if seconds is not None else "")
            + f", with {packages}.",
            "",
            f"Data: {training.data} (sha256 `{training.data_digest}`).",
            "",
        ]
    lines += [
        "## Use and limits",
        "",
        "Made to read one handwritten digit in a picture. Shown something else it still names the digit that resembles "
        "it most: mind the verdict and the confidence.",
        "",
    ]
    return "\n".join(lines)


def _verdicts(metadata: Metadata, evaluation: Evaluation) -> list[str]:
    if metadata.thresholds is None or evaluation.rejected is None or evaluation.certain is None:
        return []
    return [
        f"Of the test digits {evaluation.rejected.share:.2%} are called no digit "
        f"({metadata.thresholds.rejection_risk:.2%} was chosen on the validation digits) and "
        f"{evaluation.certain.count / evaluation.test.count:.2%} certain; of the certain ones "
        f"{evaluation.certain.share:.3%} are right.",
        "",
    ]


def _paper_comparison(evaluation: Evaluation) -> list[str]:
    ours = evaluation.history["val_accuracy"]
    return [
        "## Beside the paper's own figures",
        "",
        "| validation accuracy after epoch | paper's log | this training |",
        "|---|---|---|",
        *(
            f"| {epoch} | {paper:.4f} | {mine:.4f} |"
            for epoch, (paper, mine) in enumerate(zip(PAPER_VALIDATION, ours, strict=False), start=1)
        ),
        "",
        "The paper's log begins with a training loss of 0.0008 and a training accuracy of 0.9999 in its first epoch: "
        "it shows a network that had been trained before. This training begins from random weights.",
        "",
    ]


def _row(name: str, score: Score) -> str:
    return (
        f"| {name} | {score.share:.2%} | {score.low:.2%} to {score.high:.2%} | {score.correct:,} of {score.count:,} |"
    )


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    plt.close(figure)
