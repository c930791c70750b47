"""Saved Keras model -> LiteRT twin. The only module of the service that imports Keras, and only when called."""

import datetime as dt
import hashlib
import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from app.artifact import INPUT_DTYPE, TWIN_FILE, Metadata, RowNetwork, SelfTest, TrainingFacts, file_digest
from app.classifier import Classifier
from app.contract import CONTRACT_VERSION, INPUT_SHAPE, LABELS
from app.errors import ArtifactError
from app.row_reader import RowReader

if TYPE_CHECKING:
    import keras

TWIN_TOLERANCE: Final = 1e-5
"""Largest difference of a probability between the two forms of one model."""

_SUM_TOLERANCE: Final = 1e-3
"""Largest distance of the probabilities' sum to 1."""

_PROBES: Final = 32
"""Pictures of noise that the two forms of a model without test set are compared on."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A twin and the metadata that ties it to its model."""

    twin: bytes
    metadata: Metadata


def compile_model(
    path: Path, name: str, pictures: npt.NDArray[np.uint8] | None = None, training: TrainingFacts | None = None
) -> Compiled:
    """Compile a saved Keras model and prove that the twin answers as it does.

    Args:
        path: a `.keras` file; opened in Keras's safe mode, nothing in it is run as code.
        name: the model's name in its metadata.
        pictures: uint8 (n, 28, 28, 1) to compare the two forms on; the first becomes the self-test. Noise by default.
        training: where it comes from, if known.

    Raises:
        ArtifactError: TensorFlow is not installed, the file is not a Keras model of this input contract, or the two
            forms differ by more than TWIN_TOLERANCE.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise ArtifactError(
            f"{path} has no compiled twin and TensorFlow is not installed here to make one. "
            f"Make it with: make compile MODEL={path}"
        )
    network = load_network(path)
    twin = _export(network)
    if pictures is None:
        pictures = np.random.default_rng(0).integers(0, 256, (_PROBES, *INPUT_SHAPE), np.uint8)
    answers = Classifier(twin).classify(pictures)
    difference = _checked_difference(path, answers, network.predict(pictures, batch_size=500, verbose=0))
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    digest = weights_digest(network)
    metadata = Metadata(
        name=name,
        version=f"{now:%Y%m%d}-{digest[:8]}",
        created=now,
        contract_version=CONTRACT_VERSION,
        input_shape=INPUT_SHAPE,
        input_dtype=INPUT_DTYPE,
        labels=LABELS,
        parameters=network.count_params(),
        multiply_adds=multiply_adds(network),
        weights_digest=digest,
        model_digest=file_digest(path),
        twin_digest=hashlib.sha256(twin).hexdigest(),
        twin_difference=difference,
        self_test=SelfTest.of(pictures[0], answers[0]),
        training=training,
    )
    return Compiled(twin, metadata)


def compile_rows(path: Path, strips: npt.NDArray[np.uint8], picture: npt.NDArray[np.uint8]) -> tuple[bytes, RowNetwork]:
    """Compile a saved network for rows and prove that the twin answers as it does.

    Args:
        path: the `.keras` file that training has written.
        strips: uint8 (n, *STRIP_SHAPE) to compare the two forms on.
        picture: the model's self-test, uint8 (28, 28, 1).

    Returns:
        The twin, and what ties it to the network.

    Raises:
        ArtifactError: the two forms differ by more than TWIN_TOLERANCE.
    """
    import keras

    network = keras.models.load_model(path, compile=False, safe_mode=True)
    twin = _export(network)
    reader = RowReader(twin)
    answers = np.stack([reader.read(strip[..., 0]) for strip in strips])
    difference = _checked_difference(path, answers, network.predict(strips, batch_size=50, verbose=0))
    return twin, RowNetwork(
        parameters=network.count_params(),
        multiply_adds=multiply_adds(network),
        weights_digest=weights_digest(network),
        model_digest=file_digest(path),
        twin_digest=hashlib.sha256(twin).hexdigest(),
        twin_difference=difference,
        self_test=reader.answer_test(picture),
    )


def _checked_difference(path: Path, answers: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """Largest difference of a probability between the two forms of a model, which must be probabilities and equal."""
    if not np.allclose(answers.sum(axis=-1), 1.0, atol=_SUM_TOLERANCE) or answers.min() < 0.0:
        raise ArtifactError(f"{path} does not answer with probabilities. Let its last layer be a softmax.")
    difference = float(np.abs(answers - expected).max())
    if not difference <= TWIN_TOLERANCE:
        raise ArtifactError(f"{path} and its compiled twin differ by {difference:.1e}, more than {TWIN_TOLERANCE:.0e}.")
    return difference


def load_network(path: Path) -> "keras.Model":
    """Open a saved Keras model in safe mode.

    Raises:
        ArtifactError: it is not a `.keras` file, cannot be opened safely, or takes or returns something else than
            this service's arrays.
    """
    import keras

    if path.suffix != ".keras":
        raise ArtifactError(f"{path} is not a .keras file; other formats can run code while they are opened.")
    try:
        network = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its layers raise.
        summary = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ArtifactError(f"{path} cannot be opened as a Keras model: {summary}") from error
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ArtifactError(
            f"{path} has {len(network.inputs)} inputs and {len(network.outputs)} outputs; the service needs one each."
        )
    [taken], [given] = network.inputs, network.outputs
    if (tuple(taken.shape[1:]), taken.dtype, tuple(given.shape[1:])) != (INPUT_SHAPE, INPUT_DTYPE, (len(LABELS),)):
        raise ArtifactError(
            f"{path} maps {taken.dtype} {tuple(taken.shape)} to {tuple(given.shape)}; "
            f"the service needs {INPUT_DTYPE} {(None, *INPUT_SHAPE)} to {(None, len(LABELS))}."
        )
    return network


def weights_digest(network: "keras.Model") -> str:
    """sha256 over all weights in order: the same for the same model, whenever it was saved."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def multiply_adds(network: "keras.Model") -> int:
    """Multiplications with a weight for one picture: those of the convolutions and dense layers."""
    import keras

    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def _export(network: "keras.Model") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / TWIN_FILE
        network.export(path, format="litert", verbose=False)
        return path.read_bytes()
