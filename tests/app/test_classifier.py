"""Prepared pictures -> probabilities: threads share a model, and what is no such model is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.classifier import SELF_TEST_TOLERANCE, Classifier
from app.contract import INPUT_SHAPE
from app.errors import ArtifactError


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """Sixteen pictures of noise."""
    return np.random.default_rng(1).integers(0, 256, (16, *INPUT_SHAPE), np.uint8)


@pytest.fixture(scope="session")
def foreign_twins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """LiteRT models that take or return something else."""
    import keras

    folder = tmp_path_factory.mktemp("foreign")
    layers = keras.layers
    networks = {
        "shape": keras.Sequential([keras.Input((4,), dtype="uint8"), layers.Rescaling(1.0), layers.Dense(10)]),
        "count": keras.Sequential(
            [keras.Input(INPUT_SHAPE, dtype="uint8"), layers.Rescaling(1.0), layers.Flatten(), layers.Dense(3)]
        ),
        "type": keras.Sequential([keras.Input(INPUT_SHAPE), layers.Flatten(), layers.Dense(10)]),
    }
    for name, network in networks.items():
        network.export(folder / f"{name}.tflite", format="litert", verbose=False)
    return {name: (folder / f"{name}.tflite").read_bytes() for name in networks}


class TestClassify:
    def test_answers_are_distributions(self, tiny_twin: Path, noise: np.ndarray) -> None:
        """Each picture is answered with ten float32 probabilities that sum to one."""
        answers = Classifier(tiny_twin).classify(noise)
        assert answers.shape == (16, 10)
        assert answers.dtype == np.float32
        assert np.all(answers >= 0)
        assert answers.sum(axis=1) == pytest.approx(np.ones(16), abs=1e-5)

    def test_pictures_do_not_touch_each_other(self, tiny_twin: Path, noise: np.ndarray) -> None:
        """Each picture is answered the same alone, among others, and again; answers are not overwritten later."""
        classifier = Classifier(tiny_twin)
        together = classifier.classify(noise)
        kept = together.copy()
        for index in reversed(range(len(noise))):
            assert np.array_equal(classifier.classify(noise[index : index + 1])[0], kept[index])
        assert np.array_equal(together, kept)
        assert len({answer.tobytes() for answer in together}) == len(noise)

    def test_no_pictures(self, tiny_twin: Path) -> None:
        """No pictures are answered with no probabilities."""
        assert Classifier(tiny_twin).classify(np.empty((0, *INPUT_SHAPE), np.uint8)).shape == (0, 10)

    def test_file_and_memory_are_alike(self, tiny_twin: Path, noise: np.ndarray) -> None:
        """A model in memory answers as the same model in a file does."""
        from_memory = Classifier(tiny_twin.read_bytes()).classify(noise)
        assert np.array_equal(from_memory, Classifier(tiny_twin).classify(noise))

    def test_threads_share_it(self, tiny_twin: Path, noise: np.ndarray) -> None:
        """Several threads at once get the answers that one alone gets."""
        classifier = Classifier(tiny_twin)
        expected = classifier.classify(noise)
        start = threading.Barrier(4)

        def work(_: int) -> bool:
            start.wait()
            return all(np.array_equal(classifier.classify(noise), expected) for _ in range(20))

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(work, range(4)))

    def test_read_only_pictures(self, tiny_twin: Path, noise: np.ndarray) -> None:
        """Pictures are only read."""
        frozen = noise.copy()
        frozen.flags.writeable = False
        assert np.array_equal(Classifier(tiny_twin).classify(frozen), Classifier(tiny_twin).classify(noise))


class TestRefusals:
    @pytest.mark.parametrize("content", [b"", b"nonsense", bytes(1000)], ids=["empty", "text", "zeros"])
    def test_no_model(self, tmp_path: Path, content: bytes) -> None:
        """A file that is no LiteRT model is refused with a sentence, from disk and from memory."""
        path = tmp_path / "model.tflite"
        path.write_bytes(content)
        for twin in (path, content):
            with pytest.raises(ArtifactError, match=r"cannot be loaded .*make train"):
                Classifier(twin)

    def test_missing_file(self, tmp_path: Path) -> None:
        """A missing file is refused with a sentence."""
        with pytest.raises(ArtifactError, match="make train"):
            Classifier(tmp_path / "missing.tflite")

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
    def test_truncated_model(self, tiny_twin: Path, share: float) -> None:
        """A model that ends early is refused instead of read beyond its end."""
        whole = tiny_twin.read_bytes()
        with pytest.raises(ArtifactError, match="make train"):
            Classifier(whole[: int(len(whole) * share)])

    @pytest.mark.parametrize(
        ("kind", "shown"), [("shape", "(1, 4)"), ("count", "(1, 3)"), ("type", "float32 (1, 28, 28, 1)")]
    )
    def test_other_arrays(self, foreign_twins: dict[str, bytes], kind: str, shown: str) -> None:
        """A model with another input or output is refused, and both sides are named."""
        with pytest.raises(ArtifactError, match="the service needs uint8") as caught:
            Classifier(foreign_twins[kind])
        assert shown in str(caught.value)
        assert "(1, 28, 28, 1) to float32 (1, 10)" in str(caught.value)


class TestSelfTest:
    def test_recorded_answer_passes(self, tiny_twin: Path, noise: np.ndarray) -> None:
        """The model passes with its own answer, and with one that rounding explains."""
        classifier = Classifier(tiny_twin)
        answer = classifier.classify(noise[:1])[0]
        classifier.self_test(noise[0], tuple(answer.tolist()))
        classifier.self_test(noise[0], tuple((answer + SELF_TEST_TOLERANCE / 2).tolist()))

    @pytest.mark.parametrize(
        "expected",
        [(), (0.1,) * 9, (0.1,) * 11, (1.0,) + (0.0,) * 9, (float("nan"),) * 10],
        ids=["none", "nine", "eleven", "other", "nan"],
    )
    def test_other_answer_fails(self, tiny_twin: Path, noise: np.ndarray, expected: tuple[float, ...]) -> None:
        """Any other recorded answer fails, and the sentence shows both."""
        with pytest.raises(ArtifactError, match=r"fails its self-test: it answers \[.*\], recorded was \[.*make train"):
            Classifier(tiny_twin).self_test(noise[0], expected)

    def test_difference_beyond_rounding_fails(self, tiny_twin: Path, noise: np.ndarray) -> None:
        """A single probability off by more than the tolerance is enough."""
        classifier = Classifier(tiny_twin)
        answer = classifier.classify(noise[:1])[0]
        answer[4] += 2 * SELF_TEST_TOLERANCE
        with pytest.raises(ArtifactError, match="self-test"):
            classifier.self_test(noise[0], tuple(answer.tolist()))
