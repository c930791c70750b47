"""Saved Keras model -> LiteRT twin: proven alike, and refused where it cannot be served safely."""

import importlib.util
import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.artifact import TrainingFacts, file_digest
from app.classifier import Classifier
from app.compilation import TWIN_TOLERANCE, Compiled, compile_model, load_network, multiply_adds, weights_digest
from app.contract import CONTRACT_VERSION, INPUT_SHAPE, LABELS
from app.errors import ArtifactError

if TYPE_CHECKING:
    import keras


@pytest.fixture(scope="module")
def compiled(tiny_keras: Path) -> Compiled:
    """The tiny network, compiled with pictures and facts of its own."""
    pictures = np.random.default_rng(2).integers(0, 256, (5, *INPUT_SHAPE), np.uint8)
    facts = TrainingFacts(recipe="r", purpose="p", seed=1, epochs=2, data="d", data_digest="0", packages={"keras": "3"})
    return compile_model(tiny_keras, "tiny", pictures, facts)


def saved(network: "keras.Model", folder: Path) -> Path:
    path = folder / "network.keras"
    network.save(path)
    return path


class TestTwin:
    def test_answers_as_the_network_does(self, compiled: Compiled, tiny_network: "keras.Model") -> None:
        """On pictures the compilation never saw, twin and network differ by rounding only."""
        pictures = np.random.default_rng(3).integers(0, 256, (64, *INPUT_SHAPE), np.uint8)
        expected = np.asarray(tiny_network(pictures))
        assert np.abs(Classifier(compiled.twin).classify(pictures) - expected).max() <= 1e-5

    def test_metadata(self, compiled: Compiled, tiny_keras: Path, tiny_network: "keras.Model") -> None:
        """The metadata names the model, its contract, its size, its digests and where it comes from."""
        metadata = compiled.metadata
        assert metadata.name == "tiny"
        assert metadata.version == f"{metadata.created:%Y%m%d}-{weights_digest(tiny_network)[:8]}"
        assert (metadata.contract_version, metadata.input_shape) == (CONTRACT_VERSION, INPUT_SHAPE)
        assert (metadata.input_dtype, metadata.labels) == ("uint8", LABELS)
        assert metadata.parameters == 28 * 28 * 10 + 10
        assert metadata.multiply_adds == 28 * 28 * 10
        assert metadata.model_digest == file_digest(tiny_keras)
        assert 0 <= metadata.twin_difference <= TWIN_TOLERANCE
        assert metadata.training is not None
        assert metadata.training.recipe == "r"

    def test_self_test_is_the_first_picture(self, compiled: Compiled) -> None:
        """The first picture given and its answer are recorded, and the twin passes with them."""
        self_test = compiled.metadata.self_test
        first = np.random.default_rng(2).integers(0, 256, (5, *INPUT_SHAPE), np.uint8)[0]
        assert np.array_equal(self_test.pixels(), first)
        Classifier(compiled.twin).self_test(self_test.pixels(), self_test.probabilities)

    def test_difference_is_refused(self, tiny_keras: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the two forms differ by more than the tolerance, there is no twin."""
        monkeypatch.setattr("app.compilation.TWIN_TOLERANCE", -1.0)
        with pytest.raises(ArtifactError, match="its compiled twin differ by"):
            compile_model(tiny_keras, "tiny")

    def test_answers_that_are_no_numbers_are_refused(self, tiny_keras: Path, tmp_path: Path) -> None:
        """A network whose weights are NaN is refused rather than found equal to its twin."""
        network = load_network(tiny_keras)
        network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
        with pytest.raises(ArtifactError, match="does not answer with probabilities"):
            compile_model(saved(network, tmp_path), "nan")


class TestRefusals:
    @pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "model", "model.pkl"])
    def test_other_formats(self, tiny_keras: Path, tmp_path: Path, name: str) -> None:
        """Only `.keras` files are opened: others can run code."""
        path = tmp_path / name
        shutil.copy(tiny_keras, path)
        with pytest.raises(ArtifactError, match=r"is not a \.keras file"):
            compile_model(path, "x")

    @pytest.mark.parametrize("content", [None, b"", b"nonsense", b"PK\x05\x06" + bytes(18), b"\x89HDF\r\n\x1a\n"])
    def test_no_keras_model(self, tmp_path: Path, content: bytes | None) -> None:
        """A missing file, or one that is no Keras model, is refused with a sentence that names it."""
        path = tmp_path / "model.keras"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"model\.keras cannot be opened as a Keras model: .") as caught:
            compile_model(path, "x")
        assert "\n" not in str(caught.value)

    def test_lambda_layer(self, tmp_path: Path) -> None:
        """Code inside a model file is not run: Keras's safe mode refuses it."""
        import keras

        network = keras.Sequential(
            [
                keras.Input(INPUT_SHAPE, dtype="uint8"),
                keras.layers.Lambda(lambda picture: picture / 255, output_shape=INPUT_SHAPE),
                keras.layers.Flatten(),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        with pytest.raises(ArtifactError, match=r"cannot be opened as a Keras model: .*[Ll]ambda"):
            compile_model(saved(network, tmp_path), "x")

    @pytest.mark.parametrize(
        ("shape", "dtype", "answers", "shown"),
        [
            ((28, 28), "uint8", 10, "uint8 (None, 28, 28) to (None, 10)"),
            ((32, 32, 1), "uint8", 10, "uint8 (None, 32, 32, 1) to (None, 10)"),
            (INPUT_SHAPE, "float32", 10, "float32 (None, 28, 28, 1) to (None, 10)"),
            (INPUT_SHAPE, "uint8", 11, "uint8 (None, 28, 28, 1) to (None, 11)"),
        ],
    )
    def test_other_arrays(self, tmp_path: Path, shape: tuple[int, ...], dtype: str, answers: int, shown: str) -> None:
        """A network that takes or returns other arrays is refused, and both sides are named."""
        import keras

        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(answers)]
        network = keras.Sequential([keras.Input(shape, dtype=dtype), *layers])
        with pytest.raises(ArtifactError, match="the service needs uint8") as caught:
            compile_model(saved(network, tmp_path), "x")
        assert shown in str(caught.value)

    @pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2)])
    def test_several_inputs_or_outputs(self, tmp_path: Path, inputs: int, outputs: int) -> None:
        """A network with more than one input or output is refused with a sentence."""
        import keras

        taken = [keras.Input(INPUT_SHAPE, dtype="uint8") for _ in range(inputs)]
        flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(taken[0]))
        given = [keras.layers.Dense(10, activation="softmax")(flat) for _ in range(outputs)]
        with pytest.raises(ArtifactError, match=r"network\.keras"):
            compile_model(saved(keras.Model(taken, given), tmp_path), "x")

    def test_answers_that_are_no_probabilities(self, tmp_path: Path) -> None:
        """A network that ends without softmax is refused: the service promises probabilities that sum to 1."""
        import keras

        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)]
        network = keras.Sequential([keras.Input(INPUT_SHAPE, dtype="uint8"), *layers])
        with pytest.raises(ArtifactError, match=r"network\.keras"):
            compile_model(saved(network, tmp_path), "x")

    def test_without_tensorflow(self, tiny_keras: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where TensorFlow is not installed, the sentence names the command that makes a twin elsewhere."""
        find = importlib.util.find_spec

        def find_all_but_tensorflow(name: str, package: str | None = None) -> ModuleSpec | None:
            return None if name == "tensorflow" else find(name, package)

        monkeypatch.setattr(importlib.util, "find_spec", find_all_but_tensorflow)
        with pytest.raises(ArtifactError, match="TensorFlow is not installed") as caught:
            compile_model(tiny_keras, "tiny")
        assert f"make compile MODEL={tiny_keras}" in str(caught.value)


class TestFigures:
    def test_weights_digest_survives_saving(
        self, tiny_keras: Path, tiny_network: "keras.Model", tmp_path: Path
    ) -> None:
        """The digest is the weights' own: the same after saving and loading, once and again."""
        once = load_network(tiny_keras)
        twice = load_network(saved(once, tmp_path))
        assert weights_digest(tiny_network) == weights_digest(once) == weights_digest(twice)

    def test_weights_digest_tells_models_apart(self, tiny_keras: Path) -> None:
        """The smallest change of one weight changes the digest."""
        network = load_network(tiny_keras)
        before = weights_digest(network)
        weights = network.get_weights()
        weights[0][0, 0] += 1e-6
        network.set_weights(weights)
        assert weights_digest(network) != before

    def test_multiply_adds_of_a_known_network(self) -> None:
        """Convolutions count once for each place of the kernel, dense layers once, all others not at all."""
        import keras

        network = keras.Sequential(
            [
                keras.Input(INPUT_SHAPE, dtype="uint8"),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Conv2D(4, 3),
                keras.layers.BatchNormalization(),
                keras.layers.Conv2D(6, 5, strides=2, padding="same"),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        first, second, last = 26 * 26 * 3 * 3 * 4, 13 * 13 * 5 * 5 * 4 * 6, 6 * 10
        assert multiply_adds(network) == first + second + last
