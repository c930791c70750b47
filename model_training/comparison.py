"""The paper's argument in numbers: neighbours, a support vector machine and two networks read the same digits."""

import datetime as dt
import os
import pickle
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from app.artifact import Evaluation, Score, read_artifact
from app.classifier import Classifier
from app.errors import ArtifactError
from app.loading import load_model
from model_training.augmentation import deform
from model_training.data import Dataset, Digits, Pictures
from model_training.evaluation import score
from model_training.preparations import compare_preparations, preparation_chart, preparation_table
from model_training.report import PAPER_RECIPE, PAPER_TRAINING, PAPER_VALIDATION, save_figure

Answer = Callable[[Pictures], npt.NDArray[Any]]
"""Pictures, uint8 (n, 28, 28, 1) -> the digit read in each, integers (n,)."""

FOLDER: Final = "comparison"
"""Beside the published models; holds none itself."""
PAGE_FILE: Final = "README.md"
PLOT_FILE: Final = "comparison.png"
PREPARATIONS_FILE: Final = "preparations.md"
PREPARATIONS_PLOT_FILE: Final = "preparations.png"

ESTIMATORS: Final[Mapping[str, Callable[[], Any]]] = MappingProxyType(
    {
        "k-nearest neighbours (k = 3)": lambda: KNeighborsClassifier(n_neighbors=3, algorithm="brute"),
        # The cache's megabytes make it faster and change nothing else.
        "support vector machine (RBF, C = 10)": lambda: SVC(C=10.0, kernel="rbf", gamma="scale", cache_size=1000),
    }
)
"""The classical methods that the paper names, with customary parameters, not tuned."""

NETWORKS: Final[Mapping[str, str]] = MappingProxyType(
    {PAPER_RECIPE: "the paper's network (`paper`)", "default": "this service's network (`default`)"}
)
"""Published models, and what the table calls them."""

TIMED_DIGITS: Final = 200
"""How many digits are read one at a time for the time that one takes."""

_DEFORMATION_SEED: Final = 28


@dataclass(frozen=True, slots=True)
class Reader:
    """A method that has learnt to read digits."""

    name: str
    answer: Answer
    training_seconds: float
    recorded: dt.date | None
    """When it was trained and published, perhaps on another machine; None if it was fitted here and now."""
    size: int
    """Bytes on disk."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of a reader."""

    reader: Reader
    clean: Score
    """Test digits read right."""
    deformed: Score
    """The same digits, deformed."""
    single_milliseconds: float
    """Median time for one digit, one at a time."""
    digits_per_second: float
    """With all test digits given at once."""


def compare(dataset: Dataset, artifacts: Path) -> Iterator[Row]:
    """Fit the classical methods, open the published networks, and measure each on the same pictures in turn.

    Args:
        dataset: what to fit and measure on; the validation digits are not used.
        artifacts: folder of the published models, which must hold those of NETWORKS.

    Raises:
        ArtifactError: a network is not published, or was not trained on these digits; told before the first row.
    """
    networks = [open_published(artifacts / model, name, dataset) for model, name in NETWORKS.items()]
    deformed = deform_digits(dataset.test)
    for name, build in ESTIMATORS.items():
        yield measure(fit(name, build(), dataset.train), dataset.test, deformed)
    for network in networks:
        yield measure(network, dataset.test, deformed)


def fit(name: str, estimator: Any, train: Digits) -> Reader:
    """Fit one of scikit-learn's classifiers to the raw pixels; its size is that of its pickle."""
    began = time.perf_counter()
    estimator.fit(_features(train.pictures), train.labels)
    seconds = time.perf_counter() - began
    return Reader(
        name=name,
        answer=lambda pictures: np.asarray(estimator.predict(_features(pictures))),
        training_seconds=seconds,
        recorded=None,
        size=len(pickle.dumps(estimator)),
    )


def open_published(path: Path, name: str, dataset: Dataset) -> Reader:
    """A published network, answering through the service's own classifier; its size is that of its compiled twin.

    Raises:
        ArtifactError: nothing whole is published there, or what is was not trained and measured on this dataset.
    """
    artifact = read_artifact(path)
    training, evaluation = artifact.metadata.training, artifact.evaluation
    seconds = evaluation.training_seconds if evaluation else None
    if training is None or training.data_digest != dataset.digest or seconds is None:
        raise ArtifactError(f"{path} was not trained on these digits. Train it first: make train RECIPE={path.name}")
    classifier = Classifier(artifact.twin_path)
    return Reader(
        name=name,
        answer=lambda pictures: classifier.classify(pictures).argmax(axis=1),
        training_seconds=seconds,
        recorded=artifact.metadata.created.date(),
        size=artifact.twin_path.stat().st_size,
    )


def deform_digits(digits: Digits) -> Digits:
    """Each picture once, deformed as training pictures are; the same for the same digits every time."""
    random = np.random.default_rng(_DEFORMATION_SEED)
    return Digits(np.stack([deform(picture[..., 0], random) for picture in digits.pictures])[..., None], digits.labels)


def measure(reader: Reader, test: Digits, deformed: Digits) -> Row:
    """Score a reader on test digits and their deformed copies, and time it on this machine."""
    # Whatever is set up at first use is no part of the times.
    reader.answer(test.pictures[:1])
    answers, seconds = _timed(reader.answer, test.pictures)
    singles = [_timed(reader.answer, picture[None])[1] for picture in test.pictures[:TIMED_DIGITS]]
    return Row(
        reader=reader,
        clean=_score(answers, test),
        deformed=_score(reader.answer(deformed.pictures), deformed),
        single_milliseconds=1000 * float(np.median(singles)),
        digits_per_second=len(test) / seconds,
    )


def write_comparison(rows: Sequence[Row], artifacts: Path) -> Path:
    """Write the page and its plot into `artifacts/comparison`, and return this folder.

    Args:
        rows: what `compare` measured.
        artifacts: folder of the published models, the same as there.
    """
    paper = read_artifact(artifacts / PAPER_RECIPE).evaluation
    assert paper is not None
    folder = artifacts / FOLDER
    folder.mkdir(exist_ok=True)
    save_figure(error_plot(rows), folder / PLOT_FILE)
    (folder / PAGE_FILE).write_text(page(rows, paper))
    return folder


def write_preparations(real: Path, artifacts: Path) -> Path:
    """Compare the usual preparation with this one on real pictures; adds a table and a chart to `artifacts/comparison`.

    Args:
        real: folder of pictures, SET/LABEL/FILE.
        artifacts: folder of the published models, which must hold those of NETWORKS.

    Raises:
        ArtifactError: a network is not published.
    """
    bars = compare_preparations({name: load_model(artifacts / name) for name in NETWORKS}, real)
    folder = artifacts / FOLDER
    folder.mkdir(exist_ok=True)
    save_figure(preparation_chart(bars), folder / PREPARATIONS_PLOT_FILE)
    (folder / PREPARATIONS_FILE).write_text(preparation_table(bars) + "\n")
    return folder


def error_plot(rows: Sequence[Row]) -> Figure:
    """Test errors in per cent with their 95% intervals, logarithmic; beside them the paper's own validation error."""
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.65 * len(rows)), layout="constrained")
    places = np.arange(len(rows))
    sets = {"test digits": [row.clean for row in rows], "the same, deformed": [row.deformed for row in rows]}
    for (label, scores), offset in zip(sets.items(), (-0.13, 0.13), strict=True):
        share, low, high = np.array([(part.share, part.low, part.high) for part in scores]).T
        reach = 100 * np.stack([high - share, share - low])
        axes.errorbar(100 * (1 - share), places + offset, xerr=reach, fmt="o", capsize=3, label=label)
        for error, place in zip(100 * (1 - share), places + offset, strict=True):
            axes.annotate(f"{error:.2f}%", (error, place), (0, 5), textcoords="offset points", ha="center", fontsize=8)
    paper = 100 * (1 - PAPER_VALIDATION[-1])
    axes.axvline(paper, color="grey", linestyle="--", label=f"the paper's log, validation digits: {paper:.2f}%")
    axes.set_xscale("log", nonpositive="clip")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}%"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(places, [row.reader.name.replace("`", "").replace(" (", "\n(") for row in rows])
    axes.set(xlabel="Digits read wrongly, with the 95% interval", ylim=(len(rows) - 0.5, -0.6))
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def page(rows: Sequence[Row], paper: Evaluation) -> str:
    """The whole comparison, as Markdown.

    Args:
        rows: what `compare` measured.
        paper: the evaluation of the published model of the paper's network.
    """
    count = rows[0].clean.count
    packages = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "ai-edge-litert"))
    lines = [
        "# The paper's argument in numbers",
        "",
        "Written by `make compare`.",
        "",
        *table(rows),
        "",
        f"![Errors of each method]({PLOT_FILE})",
        "",
        "## How it was measured",
        "",
        "- All learnt from the same training digits (`default` also from pictures made of them or drawn in code) and "
        f"read the same {count:,} test digits. The intervals are Wilson's.",
        "- *Deformed* are the test digits after random changes of shape, pen, ink, lens and paper "
        "(`model_training.augmentation.deform`, fixed seed), the same pictures for all. Of the four only `default` "
        "was trained with such changes, on training digits: the column shows what that is worth, and flatters it.",
        "- The classical methods get the pixels as float32 from 0 to 1 and were fitted on this machine, with customary "
        "parameters. The networks are the published models; their training times were recorded then, perhaps on "
        "another machine.",
        f"- One digit: median of {min(count, TIMED_DIGITS)}, one at a time. Batch: all test digits at once; the "
        "neighbours then use every processor, the others one.",
        "- Size: the pickle of a classical method, the compiled twin (`model.tflite`) of a network.",
        f"- This machine: {os.cpu_count()} processors ({platform.machine()}), on {dt.datetime.now(dt.UTC):%Y-%m-%d}, "
        f"with {packages}.",
        "",
        "## What the paper calls approximately 100%",
        "",
        *_beside_the_paper(paper),
        "",
    ]
    return "\n".join(lines)


def table(rows: Sequence[Row]) -> list[str]:
    """The figures, as lines of a Markdown table."""
    return [
        "| method | test accuracy | 95% interval | deformed | training | one digit | batch | size |",
        "|---|---|---|---|---|---|---|---|",
        *map(_table_row, rows),
    ]


def _table_row(row: Row) -> str:
    reader = row.reader
    training = _duration(reader.training_seconds) + (f" (recorded {reader.recorded})" if reader.recorded else "")
    return (
        f"| {reader.name} | {row.clean.share:.2%} | {row.clean.low:.2%} to {row.clean.high:.2%} "
        f"| {row.deformed.share:.2%} | {training} | {row.single_milliseconds:.2g} ms "
        f"| {row.digits_per_second:,.0f}/s | {reader.size / 1e6:.1f} MB |"
    )


def _beside_the_paper(paper: Evaluation) -> list[str]:
    return [
        "| accuracy on | the paper's log | our training of its network |",
        "|---|---|---|",
        f"| training digits, first epoch | {PAPER_TRAINING[0]:.4f} | {paper.history['accuracy'][0]:.4f} |",
        f"| training digits, last epoch | {PAPER_TRAINING[-1]:.4f} | {paper.history['accuracy'][-1]:.4f} |",
        f"| validation digits | {PAPER_VALIDATION[-1]:.4f} | {paper.validation.share:.4f} |",
        f"| test digits | not told | {paper.test.share:.4f} |",
        "",
        "The 100% are the accuracy on the digits the network learns from; of the validation digits, which it does not "
        f"learn from, it reads {PAPER_VALIDATION[-1]:.2%} in the paper's own log. The log begins with a training loss "
        "of 0.0008 and a training accuracy of 0.9999 in the first epoch, so it shows a network that had been trained "
        "before; ours begins from random weights.",
    ]


def _duration(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _features(pictures: Pictures) -> npt.NDArray[np.float32]:
    """uint8 (n, 28, 28, 1) -> float32 (n, 784), 0 to 1."""
    return pictures.reshape(len(pictures), -1).astype(np.float32) / np.float32(255)


def _timed(answer: Answer, pictures: Pictures) -> tuple[npt.NDArray[Any], float]:
    """Answers and the seconds they took."""
    began = time.perf_counter()
    answers = answer(pictures)
    return answers, time.perf_counter() - began


def _score(answers: npt.NDArray[Any], digits: Digits) -> Score:
    return score(int((answers == digits.labels).sum()), len(digits))
