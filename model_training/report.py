"""What people look at: curves, confusion matrix, a sheet of the mistakes, and the model card."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from app.artifact import (
    CONFUSION_FILE,
    CURVES_FILE,
    DOUBT_FILE,
    EVALUATION_FILE,
    MISTAKES_FILE,
    Artifact,
    CorruptionScore,
    Evaluation,
    FeatureReference,
    Metadata,
    RealSetScore,
    SceneScore,
    Score,
    StringsScore,
    Thresholds,
    write_atomically,
)
from app.contract import LABELS, STRIP_HEIGHT, STRIP_WINDOW
from app.errors import ArtifactError
from app.judgement import pair_probability
from model_training.data import Digits
from model_training.doubt import coverage_curve, rejection_curve
from model_training.robustness import mean_accuracy

CARD_FILE: Final = "MODEL_CARD.md"

PAPER_RECIPE: Final = "paper"
PAPER_TRAINING: Final = (0.9999, 1.0000, 1.0000, 1.0000, 1.0000)
"""accuracy on the training digits after each of the five epochs of the paper's log."""
PAPER_VALIDATION: Final = (0.9894, 0.9896, 0.9899, 0.9900, 0.9901)
"""val_accuracy after each of the five epochs of the paper's log; its loss shows that it began from trained weights."""

_LIMITS: Final = (
    "Not made for: several digits at once, digits crossed out, lines through a digit that are as thick as its strokes, "
    "scripts whose digits are not 0 to 9. Letters that are some digit in somebody's hand (O, l, S, Z, b, q, ...) are "
    "read as that digit. Most of the handwriting it learnt from is American, of the 1990s; the shapes of other "
    "countries come from digits drawn in code and from free fonts, not from people.",
    "",
)

_MOST_MISTAKES: Final = 60
_DPI: Final = 80


def write_report(
    folder: Path,
    metadata: Metadata,
    evaluation: Evaluation,
    test: Digits,
    probabilities: npt.NDArray[np.float32],
    others: npt.NDArray[np.float32] | None,
) -> None:
    """Write the plots and the model card of a model into its folder.

    Args:
        folder: the version's folder.
        metadata: the model's.
        evaluation: the model's.
        test: the digits it was measured on.
        probabilities: what it said about them, float32 (n, 10).
        others: what it said about pictures of no digits, float32 (m, 10), if it was asked.
    """
    save_figure(curves(evaluation), folder / CURVES_FILE)
    save_figure(confusion(evaluation), folder / CONFUSION_FILE)
    save_figure(mistakes(test, probabilities), folder / MISTAKES_FILE)
    if metadata.thresholds is not None:
        save_figure(doubt(test, probabilities, others, metadata.thresholds), folder / DOUBT_FILE)
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


def doubt(
    test: Digits,
    probabilities: npt.NDArray[np.float32],
    others: npt.NDArray[np.float32] | None,
    thresholds: Thresholds,
) -> Figure:
    """How honest the answers are: mistakes against coverage, false accepts against false rejects, reliability."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    coverage, mistaken = coverage_curve(probabilities, test.labels)
    left.plot(coverage, mistaken)
    certain = float((probabilities.max(axis=1) >= thresholds.least_confidence).mean())
    left.axvline(certain, color="gray", linestyle=":", label="called certain")
    left.set(xlabel="Share answered, most confident first", ylabel="Share of mistakes", title="Mistakes by coverage")
    left.yaxis.set_major_formatter(PercentFormatter(1.0))
    left.legend()
    if others is None:
        middle.axis("off")
    else:
        digits, strangers = pair_probability(probabilities), pair_probability(others)
        rejected, accepted = rejection_curve(digits, strangers)
        middle.plot(rejected, accepted)
        for least, colour, name in (
            (thresholds.least_pair_probability, "gray", "in MNIST's geometry"),
            (thresholds.prepared_least_pair_probability, "black", "had to be prepared"),
        ):
            chosen = float((digits < least).mean()), float((strangers >= least).mean())
            middle.plot(*chosen, "o", color=colour, label=f"{name}: {chosen[0]:.2%} and {chosen[1]:.2%}")
        middle.set(xscale="symlog", xlim=(0, 0.1), ylim=(0, 0.5), title="Digits and pictures of no digits")
        middle.set_xscale("symlog", linthresh=0.001)
        middle.set(xlabel="False rejects: digits called none", ylabel="False accepts: others taken for digits")
        middle.xaxis.set_major_formatter(PercentFormatter(1.0))
        middle.yaxis.set_major_formatter(PercentFormatter(1.0))
        middle.legend()
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == test.labels
    edges = np.quantile(confidence, np.linspace(0.0, 0.2, 7)[1:])
    bins = np.searchsorted(edges, confidence)
    count = np.bincount(bins)
    # Where many are as confident as one another, a bin may hold none.
    filled = np.flatnonzero(count)
    right.plot(
        np.bincount(bins, confidence)[filled] / count[filled],
        np.bincount(bins, is_right)[filled] / count[filled],
        marker="o",
    )
    right.plot([0, 1], [0, 1], color="gray", linestyle=":")
    right.set(xlim=(0.3, 1.01), ylim=(0.3, 1.01), xlabel="Mean confidence", ylabel="Share right")
    right.set(title="Reliability of the least confident fifth")
    for axes in (left, middle, right):
        axes.grid(alpha=0.3)
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
        *_table(
            "measured on", {"test digits": evaluation.test, "validation digits": evaluation.validation}, "accuracy"
        ),
        *_peers(evaluation),
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
        *([f"![Doubt]({DOUBT_FILE})"] if metadata.thresholds is not None else []),
        "",
        *_real(evaluation),
        *_strings(evaluation),
        *_corrections(evaluation),
        *_scenes(evaluation),
        *_robustness(evaluation),
        "## The model",
        "",
        f"{metadata.parameters:,} parameters, {metadata.multiply_adds:,} multiply-adds a picture. Takes uint8 pictures "
        f"of {metadata.input_shape[0]}x{metadata.input_shape[1]} pixels, white ink on black, in MNIST's geometry "
        f"(input contract {metadata.contract_version}); returns softmax probabilities of the digits 0 to 9.",
        "",
        f"Weights sha256 `{metadata.weights_digest}`. The compiled twin's probabilities differ by at most "
        f"{metadata.twin_difference:.1e} on the test digits.",
        "",
        *_row_network(metadata),
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
        *(_LIMITS if metadata.thresholds is not None else ()),
    ]
    return "\n".join(lines)


def record(
    artifact: Artifact,
    inputs: tuple[FeatureReference, ...],
    corrupted: tuple[CorruptionScore, ...],
    scenes: tuple[SceneScore, ...],
    strings: tuple[StringsScore, ...],
    real: tuple[RealSetScore, ...] | None,
) -> None:
    """Put what was measured later into a published model's evaluation and model card.

    Args:
        artifact: the model.
        inputs: the reference that the service measures its input's drift against.
        corrupted: the scores of corrupted digits, for an evaluation that has such.
        scenes: those of digits in scenes, likewise.
        strings: those of strings of digits, for an evaluation that has such.
        real: what was measured on real pictures; without them those of the evaluation stay.

    Raises:
        ArtifactError: the model has no evaluation that it could become part of.
    """
    if artifact.evaluation is None:
        raise ArtifactError(f"{artifact.folder} has no evaluation to record this in: only `make train` writes one.")
    before = artifact.evaluation
    update = {
        "inputs": inputs,
        "corrupted": corrupted if before.corrupted else (),
        "scenes": scenes if before.corrupted else (),
        "strings": strings if before.strings else (),
        "real": before.real if real is None else real,
    }
    evaluation = before.model_copy(update=update)
    write_atomically(artifact.folder / EVALUATION_FILE, evaluation.model_dump_json(indent=1).encode())
    write_atomically(artifact.folder / CARD_FILE, model_card(artifact.metadata, evaluation).encode())


def save_figure(figure: Figure, path: Path) -> None:
    """Write a plot as a PNG file and close it."""
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    plt.close(figure)


def _peers(evaluation: Evaluation) -> list[str]:
    if len(evaluation.peers) < 2:
        return []
    shares = [peer.share for peer in evaluation.peers]
    return [
        f"{len(shares)} networks were trained side by side, each from its own random weights; on the validation digits "
        f"they read {statistics.mean(shares):.3%} right on average, with a standard deviation of "
        f"{statistics.stdev(shares):.3%}. The best of them on the validation digits is published.",
        "",
    ]


def _row_network(metadata: Metadata) -> list[str]:
    rows = metadata.rows
    if rows is None:
        return []
    return [
        f"Rows in which digits may touch are read by a second network as well: {rows.parameters:,} parameters, "
        f"{rows.multiply_adds:,} multiply-adds for a window of {STRIP_WINDOW}x{STRIP_HEIGHT} pixels. Weights sha256 "
        f"`{rows.weights_digest}`; its twin's probabilities differ by at most {rows.twin_difference:.1e}.",
        "",
    ]


def _real(evaluation: Evaluation) -> list[str]:
    if not evaluation.real:
        return []
    return [
        "## Other people's pictures",
        "",
        "Sent through the whole input path, as to the service. None of them was learnt from.",
        "",
        *_table("set of digits", {part.name: part.right for part in evaluation.real if part.of_digits}, "read right"),
        *_table(
            "set of other things",
            {part.name: part.rejected for part in evaluation.real if not part.of_digits},
            "refused",
            "refused",
        ),
    ]


def _strings(evaluation: Evaluation) -> list[str]:
    if not evaluation.strings:
        return []
    return [
        "## Whole numbers",
        "",
        "Strings of two to eight test digits, on five grounds, in many sizes and slants; where they touch, half of the "
        "neighbours do.",
        "",
        "| spacing | strings right | 95% interval | strings | digits right |",
        "|---|---|---|---|---|",
        *(f"{_row(part.spacing, part.strings)} {part.digits.share:.2%} |" for part in evaluation.strings),
        "",
    ]


def _corrections(evaluation: Evaluation) -> list[str]:
    found = evaluation.corrections
    if found is None:
        return []
    held_out = {"the model published before": found.before, "this model": found.after}
    scores = {name: part for name, part in held_out.items() if part is not None}
    return [
        "## Users' corrections",
        "",
        f"{found.learnt:,} corrections, each of them accepted by the operator, were learnt from."
        + (" Others were held out:" if scores else " None was held out."),
        "",
        *(_table("held-out corrections", scores, "right") if scores else []),
    ]


def _scenes(evaluation: Evaluation) -> list[str]:
    if not evaluation.scenes:
        return []
    return [
        "## Digits in pictures such as people send",
        "",
        f"{evaluation.scenes[0].score.count:,} test digits, each put by code where people write and crop theirs (among "
        "the stretched ones also sticks, of which a crop leaves nothing else), and "
        f"then prepared as the service prepares any picture. Mean: {mean_accuracy(evaluation.scenes):.2%}. None of it "
        "was part of the training.",
        "",
        *_table("test digits", {part.scene: part.score for part in evaluation.scenes}, "read right"),
    ]


def _robustness(evaluation: Evaluation) -> list[str]:
    if not evaluation.corrupted:
        return []
    strengths = sorted({part.strength for part in evaluation.corrupted})
    kinds = list(dict.fromkeys(part.kind for part in evaluation.corrupted))
    share = {(part.kind, part.strength): f"{part.score.share:.1%}" for part in evaluation.corrupted}
    return [
        "## Corrupted digits",
        "",
        f"The first {evaluation.corrupted[0].score.count:,} test digits, corrupted and then prepared as the service "
        f"prepares any picture. Mean: {mean_accuracy(evaluation.corrupted):.2%}. Training digits corrupted like this "
        "were part of the training.",
        "",
        "| corruption | " + " | ".join(f"strength {strength}" for strength in strengths) + " |",
        "|---|" + "---|" * len(strengths),
        *(f"| {kind} | " + " | ".join(share[kind, strength] for strength in strengths) + " |" for kind in kinds),
        "",
    ]


def _verdicts(metadata: Metadata, evaluation: Evaluation) -> list[str]:
    if metadata.thresholds is None or evaluation.rejected is None:
        return []
    certain = "none certain."
    if evaluation.certain is not None:
        certain = (
            f"{evaluation.certain.count / evaluation.test.count:.2%} certain; of the certain ones "
            f"{evaluation.certain.share:.3%} are right."
        )
    return [
        f"Of the test digits {evaluation.rejected.share:.2%} are called no digit "
        f"({metadata.thresholds.rejection_risk:.2%} was chosen on the validation digits) and {certain} Pictures that "
        "had to be prepared are judged more strictly, by a threshold that "
        f"{metadata.thresholds.prepared_rejection_risk:.2%} of the validation digits do not reach."
        + (
            f" Of {evaluation.refused_others.count:,} such pictures made in code that show no digit "
            f"{evaluation.refused_others.share:.1%} are called none."
            if evaluation.refused_others is not None
            else ""
        ),
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


def _table(rows: str, scores: Mapping[str, Score], share: str, counted: str = "right") -> list[str]:
    """A table of scores, by what each was measured on, and an empty line.

    Args:
        rows: what the names of the scores are.
        scores: by name.
        share: what their shares are called.
        counted: what their counts are called.
    """
    return [
        f"| {rows} | {share} | 95% interval | {counted} |",
        "|---|---|---|---|",
        *(_row(name, score) for name, score in scores.items()),
        "",
    ]


def _row(name: str, score: Score) -> str:
    return (
        f"| {name} | {score.share:.2%} | {score.low:.2%} to {score.high:.2%} | {score.correct:,} of {score.count:,} |"
    )
