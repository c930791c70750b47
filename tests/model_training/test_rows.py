"""The network for rows learns, takes up where it was killed, and is published beside a model that stays as it is."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from app.artifact import ROWS_FILE, ROWS_TWIN_FILE, read_artifact
from app.contract import COLUMNS_SHAPE, STRIP_HEIGHT, STRIP_SHAPE, STRIP_STEP
from app.errors import ArtifactError
from app.loading import load_model
from app.row_reader import SEEN_AROUND, RowReader
from model_training import string_scores, strips
from model_training.checkpoints import Checkpoint
from model_training.data import Dataset
from model_training.network import build_row_network
from model_training.publishing import publish_rows, publish_trained
from model_training.recipe import Recipe, RowRecipe
from model_training.rows import TrainedRows, published_rows, train_rows
from model_training.training import train
from tests.model_training.test_strips import InProcess


@pytest.fixture(scope="module", autouse=True)
def _small() -> None:
    """Few strips at a time, in this process."""
    patch = pytest.MonkeyPatch()
    patch.setattr(strips, "CHUNK", 20)
    patch.setattr(strips, "POOL", 100)
    patch.setattr(strips, "ProcessPoolExecutor", InProcess)
    patch.setattr(string_scores, "STRINGS", 3)


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the checkpoints."""
    return tmp_path_factory.mktemp("rows")


@pytest.fixture(scope="module")
def trained(few_digits: Dataset, row_recipe: RowRecipe, home: Path) -> TrainedRows:
    """Killed in the second of three epochs, and called again."""
    begin = Checkpoint.on_epoch_begin

    def kill(self: Checkpoint, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch == 1:
            raise KilledError
        begin(self, epoch, logs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_begin", kill)
        with pytest.raises(KilledError):
            train_rows(row_recipe, few_digits, home)
    return train_rows(row_recipe, few_digits, home)


def test_it_learns_and_resumes(trained: TrainedRows) -> None:
    """The loss falls over the epochs, each of which is told once though the first call was killed."""
    assert [len(values) for values in trained.history.values()] == [3, 3, 3]
    assert set(trained.history) == {"loss", "val_loss", "seconds"}
    assert trained.history["loss"][2] < trained.history["loss"][0]


def test_finished_training_is_not_repeated(
    trained: TrainedRows, few_digits: Dataset, row_recipe: RowRecipe, home: Path
) -> None:
    """Called once more it gives the same network at once."""
    again = train_rows(row_recipe, few_digits, home)
    assert again.history == trained.history
    for one, other in zip(again.network.get_weights(), trained.network.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_network() -> None:
    """It maps windows of a strip to their columns, and has the size that the documents state."""
    network = build_row_network(STRIP_SHAPE[1])
    assert network.output.shape == (None, *COLUMNS_SHAPE)
    assert network.count_params() == 308_252
    answers = np.asarray(network(np.zeros((2, *STRIP_SHAPE), np.uint8)))
    assert answers.sum(axis=-1) == pytest.approx(1.0, abs=1e-5)


def test_it_sees_no_farther_than_windows_overlap() -> None:
    """A column of pixels changes the answers SEEN_AROUND pixels around it at most: long strips are read in windows."""
    network = build_row_network(512)
    strip = np.random.default_rng(1).integers(0, 256, (1, STRIP_HEIGHT, 512, 1), np.uint8)
    other = strip.copy()
    other[:, :, 256] = 255 - strip[:, :, 256]
    changed = np.flatnonzero((np.asarray(network(strip)) != np.asarray(network(other))).any(axis=(0, 2))) * STRIP_STEP
    assert changed.size
    assert 256 - changed[0] <= SEEN_AROUND
    assert changed[-1] + STRIP_STEP - 1 - 256 <= SEEN_AROUND


def test_without_an_evaluation(
    trained: TrainedRows, few_digits: Dataset, tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that nobody measured gets the network too; what the service would refuse is not published."""
    shutil.copytree(tiny_artifact, tmp_path / "tiny")
    first = read_artifact(tmp_path / "tiny")
    assert first.evaluation is None
    with monkeypatch.context() as patch:
        patch.setattr(RowReader, "self_test", refuse)
        with pytest.raises(ArtifactError, match="fails its self-test"):
            publish_rows("tiny", few_digits, trained, tmp_path)
    assert read_artifact(tmp_path / "tiny") == first
    publish_rows("tiny", few_digits, trained, tmp_path)
    assert load_model(tmp_path / "tiny").row_reader is not None


def refuse(*_: object) -> None:
    """A self-test that fails."""
    raise ArtifactError("The model fails its self-test.")


def test_published_with_a_model(
    trained: TrainedRows, few_digits: Dataset, quick_recipe: Recipe, tmp_path: Path
) -> None:
    """A model comes with its network for rows; another one replaces it, and all else stays."""
    model = train(quick_recipe, few_digits, tmp_path / "checkpoints")
    publish_trained(quick_recipe, few_digits, model, tmp_path, rows=trained)
    first = read_artifact(tmp_path / quick_recipe.name)
    assert first.metadata.rows is not None
    assert first.metadata.rows.twin_difference <= 1e-5
    digests = [first.metadata.weights_digest[:8], first.metadata.rows.weights_digest[:8]]
    assert first.metadata.version == "-".join([f"{first.metadata.created:%Y%m%d}", *digests])
    assert first.evaluation is not None
    assert [part.spacing for part in first.evaluation.strings] == ["wide", "normal", "tight", "touching"]
    assert load_model(first.folder).row_reader is not None
    publish_rows(quick_recipe.name, few_digits, trained, tmp_path)
    second = read_artifact(tmp_path / quick_recipe.name)
    assert second.folder != first.folder
    assert second.metadata.weights_digest == first.metadata.weights_digest
    assert second.metadata.thresholds == first.metadata.thresholds
    assert second.evaluation == first.evaluation
    for name in (path.name for path in first.folder.iterdir()):
        assert (second.folder / name).is_file()
    assert (second.folder / ROWS_TWIN_FILE).read_bytes() == (first.folder / ROWS_TWIN_FILE).read_bytes()
    assert "touching" in (second.folder / "MODEL_CARD.md").read_text()
    assert (second.folder / ROWS_FILE).stat().st_size < 1.2 * 4 * trained.network.count_params()


def test_published_network_goes_with_another_model(
    trained: TrainedRows,
    few_digits: Dataset,
    quick_recipe: Recipe,
    row_recipe: RowRecipe,
    tiny_artifact: Path,
    tmp_path: Path,
) -> None:
    """A new model takes over the network for rows of the one before it, weight for weight."""
    checkpoints, home = tmp_path / "checkpoints", tmp_path / quick_recipe.name
    shutil.copytree(tiny_artifact, home)
    with pytest.raises(ArtifactError, match="no network for rows"):
        published_rows(row_recipe, few_digits, home, checkpoints)
    publish_rows(quick_recipe.name, few_digits, trained, tmp_path)
    first = read_artifact(home)
    kept = published_rows(row_recipe, few_digits, home, checkpoints)
    assert np.array_equal(kept.probes, trained.probes)
    publish_trained(quick_recipe, few_digits, train(quick_recipe, few_digits, checkpoints), tmp_path, rows=kept)
    second = read_artifact(home)
    assert first.metadata.rows is not None
    assert second.metadata.rows is not None
    assert second.metadata.weights_digest != first.metadata.weights_digest
    assert second.metadata.rows.weights_digest == first.metadata.rows.weights_digest
    assert load_model(second.folder).row_reader is not None
