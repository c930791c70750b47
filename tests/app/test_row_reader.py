"""Strips -> probabilities of their columns: any length, shared by threads, and refused where it is another network."""

from pathlib import Path

import keras
import numpy as np
import pytest

from app.compilation import compile_rows
from app.contract import COLUMNS_SHAPE, NOTHING, STRIP_HEIGHT, STRIP_SHAPE, STRIP_STEP, STRIP_WINDOW, SYMBOLS
from app.errors import ArtifactError
from app.interpreter import Runner
from app.loading import load_model
from app.row_reader import SEEN_AROUND, RowReader
from app.settings import PROJECT_FOLDER


@pytest.fixture(scope="module")
def reader(rows_keras: Path) -> RowReader:
    """The tiny network's."""
    twin, _ = compile_rows(rows_keras, noise(3), np.zeros((28, 28, 1), np.uint8))
    return RowReader(twin)


def noise(count: int, width: int = STRIP_WINDOW) -> np.ndarray:
    """Strips of noise."""
    return np.random.default_rng(2).integers(0, 256, (count, STRIP_HEIGHT, width, 1), np.uint8)


class TestRead:
    @pytest.mark.parametrize("width", [1, 2, 31, 255, 256, 257, 416, 417, 1000])
    def test_any_length(self, reader: RowReader, width: int) -> None:
        """Each STRIP_STEP pixels have a column of probabilities, however long the strip."""
        found = reader.read(noise(1, width)[0, ..., 0])
        assert found.shape == (-(-width // STRIP_STEP), SYMBOLS)
        assert found.dtype == np.float32
        assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-5)

    def test_windows_do_not_show(self, reader: RowReader, rows_keras: Path) -> None:
        """A long strip is read as the network would read it at once, since it sees no farther than windows overlap."""
        strip = noise(1, 700)
        small = keras.models.load_model(rows_keras, compile=False)
        assert SEEN_AROUND >= 2
        found = reader.read(strip[0, ..., 0])
        for start in (0, 100, 300, 700 - STRIP_WINDOW):
            expected = np.asarray(small(strip[:, :, start : start + STRIP_WINDOW]))[0]
            assert found[start // 2 : start // 2 + COLUMNS_SHAPE[0]] == pytest.approx(expected, abs=1e-5)

    def test_gaps_cost_nothing(self, reader: RowReader, monkeypatch: pytest.MonkeyPatch) -> None:
        """However wide a gap, only windows with ink are shown to the network; nothing stands in the others."""
        strip = np.zeros((STRIP_HEIGHT, 50_000), np.uint8)
        ends = [np.s_[:, 4:40], np.s_[:, -40:-4]]
        for end in ends:
            strip[end] = noise(1, 36)[0, ..., 0]
        alone = reader.read(strip[:, :STRIP_WINDOW])
        shown = 0
        run = Runner.__call__

        def counted(self: Runner, array: np.ndarray) -> np.ndarray:
            nonlocal shown
            shown += 1
            return run(self, array)

        monkeypatch.setattr(Runner, "__call__", counted)
        found = reader.read(strip)
        assert shown <= 4
        assert np.array_equal(found[:20], alone[:20])
        assert (found[-20:, NOTHING] < 1.0).any()
        assert (found[SEEN_AROUND + 100 : -SEEN_AROUND - 100, NOTHING] == 1.0).all()
        assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-5)

    def test_committed_network_says_the_same_of_gaps(self) -> None:
        """Where there is no ink the network that is served finds nothing."""
        served = load_model(PROJECT_FOLDER / "artifacts" / "default").row_reader
        assert served is not None
        strip = np.zeros((STRIP_HEIGHT, STRIP_WINDOW), np.uint8)
        strip[8:28, 4:24] = noise(1, 20)[0, 8:28, :, 0]
        assert (served.read(strip)[(24 + SEEN_AROUND) // STRIP_STEP :, NOTHING] > 0.95).all()

    def test_answers_are_kept(self, reader: RowReader) -> None:
        """The next strip does not change what was answered for the one before."""
        first = reader.read(noise(1)[0, ..., 0])
        kept = first.copy()
        reader.read(255 - noise(1)[0, ..., 0])
        assert np.array_equal(first, kept)


class TestSelfTest:
    def test_recorded_answer_passes(self, reader: RowReader) -> None:
        """The network passes with its own answer."""
        picture = noise(1, 28)[0, :28]
        answer = reader.answer_test(picture)
        assert len(answer) == SYMBOLS
        reader.self_test(picture, answer)

    def test_other_answer_fails(self, reader: RowReader) -> None:
        """Any other fails."""
        picture = noise(1, 28)[0, :28]
        first, *rest = reader.answer_test(picture)
        with pytest.raises(ArtifactError, match="fails its self-test"):
            reader.self_test(picture, (first + 0.01, *rest))
        with pytest.raises(ArtifactError, match="fails its self-test"):
            reader.self_test(picture, tuple(rest))


class TestRefusals:
    def test_classifier(self, tiny_twin: Path) -> None:
        """The model for single digits is none for rows, and both sides are named."""
        with pytest.raises(ArtifactError, match="the service needs uint8") as caught:
            RowReader(tiny_twin)
        assert str((1, *STRIP_SHAPE)) in str(caught.value)
        assert "(1, 28, 28, 1)" in str(caught.value)

    def test_no_probabilities(self, tmp_path: Path) -> None:
        """A network whose columns do not sum to one is not compiled."""
        path = tmp_path / "rows.keras"
        keras.Sequential(
            [
                keras.Input(STRIP_SHAPE, dtype="uint8"),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Conv2D(SYMBOLS, (STRIP_HEIGHT, STRIP_STEP), strides=STRIP_STEP),
                keras.layers.Reshape(COLUMNS_SHAPE),
            ]
        ).save(path)
        with pytest.raises(ArtifactError, match="does not answer with probabilities"):
            compile_rows(path, noise(1), np.zeros((28, 28, 1), np.uint8))
