"""Which ink an answer rests on: the map is bright where a decisive stroke is, and dark where nothing is missed."""

import io
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app.classifier import Classifier
from app.contract import INPUT_SHAPE
from app.explanation import METHOD, PATCH, STRIDE, explain, occlusion_saliency
from app.loading import Model
from app.normalization import normalize
from tests import pictures

DIGIT = 3


class LinearClassifier:
    """A classifier whose log-odds of DIGIT are a weighted sum of the ink; the other digits share the rest evenly."""

    def __init__(self, weights: npt.NDArray[np.float64], bias: float = 0.0) -> None:
        self._weights = weights
        self._bias = bias
        self.classified = 0

    def classify(self, shown: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Answer."""
        self.classified += len(shown)
        log_odds = (shown[..., 0] * self._weights).sum(axis=(1, 2)) + self._bias
        answers = np.repeat((1 / (1 + np.exp(log_odds)) / 9)[:, None], 10, axis=1)
        answers[:, DIGIT] = 1 / (1 + np.exp(-log_odds))
        return answers.astype(np.float32)


def saliency_for(picture: npt.NDArray[np.uint8], classifier: LinearClassifier) -> npt.NDArray[np.float32]:
    return occlusion_saliency(picture, DIGIT, cast(Classifier, classifier))


def levels(png: bytes) -> pictures.Grey:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (28, 28))
        return np.asarray(image)


@pytest.fixture
def two_strokes() -> npt.NDArray[np.uint8]:
    """A bar at the top and a stem on the right, far enough apart that no square hides both."""
    picture = np.zeros(INPUT_SHAPE, np.uint8)
    picture[4:7, 4:16] = 200
    picture[12:24, 20:23] = 200
    return picture


@pytest.fixture
def stem_matters() -> npt.NDArray[np.float64]:
    """Weights of the ink: only the stem's counts."""
    weights = np.zeros((28, 28))
    weights[12:24, 20:23] = 1e-3
    return weights


class TestSaliency:
    def test_decisive_stroke_is_brightest(
        self, two_strokes: npt.NDArray[np.uint8], stem_matters: npt.NDArray[np.float64]
    ) -> None:
        """All that is bright lies on the stroke that decides, although there is more ink."""
        saliency = saliency_for(two_strokes, LinearClassifier(stem_matters))
        assert np.all(saliency[13:23, 20:23] > 0.2)
        assert saliency[:8] == pytest.approx(0.0, abs=1e-5)

    def test_unit_is_log_odds(self, stem_matters: npt.NDArray[np.float64]) -> None:
        """A dot that raises the log-odds by one, hidden by every square over it, costs one."""
        dot = np.zeros(INPUT_SHAPE, np.uint8)
        dot[15, 21] = 200
        weights = stem_matters * (1.0 / 0.2)
        saliency = saliency_for(dot, LinearClassifier(weights))
        assert saliency[15, 21] == pytest.approx(1.0, abs=1e-5)

    @pytest.mark.parametrize("bias", [-5.0, 3.0, 30.0])
    def test_sure_answers_have_a_map_too(
        self, two_strokes: npt.NDArray[np.uint8], stem_matters: npt.NDArray[np.float64], bias: float
    ) -> None:
        """However sure the answer is, the same ink is missed as much, even where float32 rounds it to 1."""
        plain = saliency_for(two_strokes, LinearClassifier(stem_matters))
        biased = saliency_for(two_strokes, LinearClassifier(stem_matters, bias))
        assert biased == pytest.approx(plain, abs=1e-4)

    def test_edges_count_as_the_middle_does(self) -> None:
        """Every pixel is covered by equally many squares, those in the corners too."""
        everywhere = np.full(INPUT_SHAPE, 255, np.uint8)
        saliency = saliency_for(everywhere, LinearClassifier(np.full((28, 28), 1e-4), bias=-10.0))
        assert saliency[3:-3, 3:-3] == pytest.approx(PATCH**2 * 255e-4, abs=1e-4)
        # Half of the squares in a corner lie outside by half, and those hide half as much.
        assert saliency[0, 0] == pytest.approx(PATCH**2 * 255e-4 * (3 / 4) ** 2, abs=1e-4)
        assert saliency[0, 0] == pytest.approx(saliency[-1, -1], abs=1e-5)

    def test_ink_that_speaks_against_the_digit_is_dark(
        self, two_strokes: npt.NDArray[np.uint8], stem_matters: npt.NDArray[np.float64]
    ) -> None:
        """Where hiding ink makes the answer surer, the map is zero and not negative."""
        saliency = saliency_for(two_strokes, LinearClassifier(-stem_matters))
        assert saliency.min() == 0.0
        assert saliency == pytest.approx(0.0, abs=1e-5)

    @pytest.mark.parametrize("seed", range(3))
    def test_any_picture(self, tiny_model: Model, seed: int) -> None:
        """A map is float32 (28, 28), finite, never negative, and zero wherever there is no ink."""
        generator = np.random.default_rng(seed)
        noise = generator.integers(0, 256, INPUT_SHAPE, np.uint8)
        noise[generator.random(INPUT_SHAPE) < 0.8] = 0
        saliency = occlusion_saliency(noise, DIGIT, tiny_model.classifier)
        assert saliency.shape == (28, 28)
        assert saliency.dtype == np.float32
        assert np.all(np.isfinite(saliency))
        assert saliency.min() == 0.0
        assert not saliency[noise[..., 0] == 0].any()

    def test_bare_ground_is_not_classified(self, stem_matters: npt.NDArray[np.float64]) -> None:
        """Only squares that hide ink cost a classification; of a blank picture there is only the picture itself."""
        classifier = LinearClassifier(stem_matters)
        blank = np.zeros(INPUT_SHAPE, np.uint8)
        assert not saliency_for(blank, classifier).any()
        assert classifier.classified == 1
        blank[15, 21] = 1
        saliency_for(blank, classifier)
        assert classifier.classified == 1 + 1 + (PATCH // STRIDE) ** 2

    def test_picture_is_only_read(
        self, two_strokes: npt.NDArray[np.uint8], stem_matters: npt.NDArray[np.float64]
    ) -> None:
        """What was sent is not painted over."""
        two_strokes.flags.writeable = False
        assert saliency_for(two_strokes, LinearClassifier(stem_matters)).any()

    def test_probabilities_of_zero(self, two_strokes: npt.NDArray[np.uint8]) -> None:
        """A model that rounds to certainty and back is explained in finite numbers."""
        certain = LinearClassifier(np.full((28, 28), 0.01), bias=-0.01 * 200 * 71)
        saliency = saliency_for(two_strokes, certain)
        assert np.all(np.isfinite(saliency))
        assert saliency.max() > 10


class TestExplain:
    def test_pictures(self, tiny_model: Model) -> None:
        """Both pictures are grey PNG files; the map is white exactly where the saliency has its peak."""
        pixels = normalize(pictures.pixels_of(pictures.seven())).pixels
        evidence = explain(pixels, 7, tiny_model.classifier)
        saliency = occlusion_saliency(pixels, 7, tiny_model.classifier)
        assert np.array_equal(levels(evidence.picture), pixels[..., 0])
        assert evidence.peak == pytest.approx(saliency.max())
        shown = levels(evidence.saliency)
        assert shown.max() == shown.flat[saliency.argmax()] == 255
        assert shown == pytest.approx(saliency * (255 / saliency.max()), abs=0.51)

    def test_nothing_is_missed(self, two_strokes: npt.NDArray[np.uint8]) -> None:
        """Where no ink speaks for the digit, the map is black and its peak zero."""
        contrary = cast(Classifier, LinearClassifier(np.full((28, 28), -1e-3)))
        evidence = explain(two_strokes, DIGIT, contrary)
        assert evidence.peak == 0.0
        assert not levels(evidence.saliency).any()
        assert np.array_equal(levels(evidence.picture), two_strokes[..., 0])

    def test_rounding_is_not_shown(self, two_strokes: npt.NDArray[np.uint8]) -> None:
        """Drops that rounding may have made are not stretched to white."""
        indifferent = cast(Classifier, LinearClassifier(np.full((28, 28), 1e-10)))
        evidence = explain(two_strokes, DIGIT, indifferent)
        assert evidence.peak < 1e-5
        assert not levels(evidence.saliency).any()

    def test_method_is_the_one_used(self) -> None:
        """The published name of the method tells the true sizes."""
        assert METHOD.endswith(f"patch {PATCH}x{PATCH}, stride {STRIDE}")
