"""The usual preparation against this service's, on real pictures: what most of the difference is."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from app.artifact import Score
from app.contract import INPUT_SHAPE, SIDE
from app.loading import Model
from model_training.data import DataError
from model_training.evaluation import score
from model_training.real_pictures import read_sets

USUAL: Final = "usual preparation"
OURS: Final = "this preparation"


@dataclass(frozen=True, slots=True)
class Bar:
    """Accuracy of one model on one set after one preparation."""

    part: str
    """The set of pictures."""
    model: str
    preparation: str
    score: Score


def usual_preparation(body: bytes) -> npt.NDArray[np.uint8]:
    """What tutorials do to an upload: grey, resized to 28x28, inverted where the picture is light; uint8 (28, 28, 1).

    Kinder than most, which never turn phone pictures upright or always invert.
    """
    with Image.open(BytesIO(body)) as picture:
        upright = ImageOps.exif_transpose(picture)
        if "A" in upright.getbands():
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
        small = np.asarray(upright.convert("L").resize((SIDE, SIDE)), np.uint8)
    return (255 - small if small.mean() > 127 else small).reshape(INPUT_SHAPE)


def compare_preparations(models: Mapping[str, Model], folder: Path) -> list[Bar]:
    """Read every set of digits in folder/SET/LABEL/FILE with each model after each preparation.

    Raises:
        DataError: there is none.
    """
    bars = []
    for name, model in models.items():
        for part in read_sets(model, folder):
            if not part.is_of_digits:
                continue
            right = sum(_read_usually(model, picture.path.read_bytes()) == picture.label for picture in part.pictures)
            bars += [
                Bar(part.name, name, USUAL, score(right, len(part.pictures))),
                Bar(part.name, name, OURS, part.right),
            ]
    if not bars:
        raise DataError(f"{folder} holds no set of digits. Put them into folders: SET/LABEL/FILE, labels from 0 to 9.")
    return bars


def _read_usually(model: Model, body: bytes) -> str | None:
    """What the model answers after the usual preparation; None where the file is damaged."""
    try:
        prepared = usual_preparation(body)
    except (OSError, SyntaxError, ValueError):
        return None
    return str(model.classifier.classify(prepared[None])[0].argmax())


def preparation_chart(bars: list[Bar]) -> Figure:
    """Accuracy by set, a bar for each model and preparation."""
    parts = sorted({bar.part for bar in bars})
    groups = list(dict.fromkeys((bar.model, bar.preparation) for bar in bars))
    figure, axes = plt.subplots(figsize=(10, 4.2), layout="constrained")
    width = 0.8 / len(groups)
    colours = plt.get_cmap("Paired")
    for index, group in enumerate(groups):
        shares = {bar.part: bar.score.share for bar in bars if (bar.model, bar.preparation) == group}
        places = np.arange(len(parts)) + (index - (len(groups) - 1) / 2) * width
        heights = [100 * shares[part] for part in parts]
        drawn = axes.bar(places, heights, width, label=", ".join(group), color=colours(index))
        axes.bar_label(drawn, fmt="%.1f", fontsize=6)
    counts = {bar.part: bar.score.count for bar in bars}
    axes.set(xticks=range(len(parts)), xticklabels=[f"{part}\n{counts[part]} pictures" for part in parts])
    axes.set(ylim=(0, 118), yticks=range(0, 101, 20), ylabel="Digits read right, %", title="Other people's pictures")
    axes.legend(loc="upper center", ncols=len(groups), fontsize=8)
    axes.grid(axis="y", alpha=0.3)
    return figure


def preparation_table(bars: list[Bar]) -> str:
    """The same as Markdown."""
    parts = sorted({bar.part for bar in bars})
    groups = list(dict.fromkeys((bar.model, bar.preparation) for bar in bars))
    cell = {(bar.part, bar.model, bar.preparation): f"{bar.score.share:.1%}" for bar in bars}
    lines = [
        "| pictures | " + " | ".join(", ".join(group) for group in groups) + " |",
        "|---|" + "---|" * len(groups),
        *(f"| {part} | " + " | ".join(cell[part, *group] for group in groups) + " |" for part in parts),
    ]
    return "\n".join(lines)
