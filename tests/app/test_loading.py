"""A path -> a model that is ready to answer, in every form it may lie there."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.artifact import METADATA_FILE, ROWS_FILE, ROWS_TWIN_FILE, TWIN_FILE, SelfTest, current_folder
from app.contract import INPUT_SHAPE, STRIP_HEIGHT, SYMBOLS
from app.errors import ArtifactError
from app.loading import Model, load_model


@pytest.fixture
def artifact(tiny_artifact: Path, tmp_path: Path) -> Path:
    """A copy of the published tiny network that a test may spoil."""
    return Path(shutil.copytree(tiny_artifact, tmp_path / "tiny"))


def answer(model: Model) -> np.ndarray:
    pictures = np.random.default_rng(4).integers(0, 256, (3, *INPUT_SHAPE), np.uint8)
    return model.classifier.classify(pictures)


class TestForms:
    def test_published_model(self, tiny_artifact: Path) -> None:
        """A published model is loaded with its metadata, by its name's folder as by its version's."""
        model = load_model(tiny_artifact)
        assert model.metadata.name == "tiny"
        assert model.evaluation is None
        assert np.array_equal(answer(load_model(current_folder(tiny_artifact))), answer(model))

    def test_without_twin(self, artifact: Path, tiny_model: Model) -> None:
        """A model whose twin is missing is compiled when it is loaded, and keeps its published metadata."""
        (current_folder(artifact) / TWIN_FILE).unlink()
        model = load_model(artifact)
        assert model.metadata == tiny_model.metadata
        assert answer(model) == pytest.approx(answer(tiny_model), abs=1e-5)

    def test_lone_keras_file(self, tiny_keras: Path, tiny_model: Model) -> None:
        """A `.keras` file is compiled and served under its own name, unmeasured."""
        model = load_model(tiny_keras)
        assert (model.metadata.name, model.evaluation, model.metadata.training) == ("tiny", None, None)
        assert model.metadata.weights_digest == tiny_model.metadata.weights_digest
        assert answer(model) == pytest.approx(answer(tiny_model), abs=1e-5)


class TestRows:
    def test_network_for_rows(self, rows_artifact: Path, tiny_artifact: Path) -> None:
        """A model with a network for rows brings a reader of rows, one without brings none."""
        reader = load_model(rows_artifact).row_reader
        assert reader is not None
        assert reader.read(np.zeros((STRIP_HEIGHT, 40), np.uint8)).shape == (20, SYMBOLS)
        assert load_model(tiny_artifact).row_reader is None

    @pytest.mark.parametrize("name", [ROWS_FILE, ROWS_TWIN_FILE])
    def test_missing_file(self, rows_artifact: Path, tmp_path: Path, name: str) -> None:
        """Where one of its files is missing or another, the model is refused with the file's name and the remedy."""
        home = Path(shutil.copytree(rows_artifact, tmp_path / "rows"))
        path = current_folder(home) / name
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ArtifactError, match=rf"{name} is not the file that was published.*make train"):
            load_model(home)
        path.unlink()
        with pytest.raises(ArtifactError, match=rf"{name} cannot be read.*make train"):
            load_model(home)

    def test_tampered_answer(self, rows_artifact: Path, tmp_path: Path) -> None:
        """A network for rows that does not answer as recorded is not served."""
        home = Path(shutil.copytree(rows_artifact, tmp_path / "rows"))
        path = current_folder(home) / METADATA_FILE
        content = json.loads(path.read_text())
        content["rows"]["self_test"][0] += 0.01
        path.write_text(json.dumps(content))
        with pytest.raises(ArtifactError, match="fails its self-test"):
            load_model(home)


class TestRefusals:
    def test_nothing_there(self, tmp_path: Path) -> None:
        """A path that does not exist is told with the remedy."""
        with pytest.raises(ArtifactError, match="holds no published model"):
            load_model(tmp_path / "missing.keras")

    def test_file_of_another_kind(self, tmp_path: Path) -> None:
        """A file that is no `.keras` file is refused."""
        path = tmp_path / "picture.png"
        path.write_bytes(b"x")
        with pytest.raises(ArtifactError, match=r"not a \.keras file"):
            load_model(path)

    def test_tampered_answer(self, artifact: Path) -> None:
        """A model that does not answer as recorded is not served."""
        self.change_self_test(artifact, probabilities=[1.0] + [0.0] * 9)
        with pytest.raises(ArtifactError, match="fails its self-test"):
            load_model(artifact)

    def test_tampered_picture(self, artifact: Path) -> None:
        """Another self-test picture is found out by its answer."""
        noise = np.random.default_rng(9).integers(0, 256, INPUT_SHAPE, np.uint8)
        self.change_self_test(artifact, picture=SelfTest.of(noise, np.zeros(10, np.float32)).picture)
        with pytest.raises(ArtifactError, match="fails its self-test"):
            load_model(artifact)

    def test_damaged_picture(self, artifact: Path) -> None:
        """A self-test whose picture is cut short is refused."""
        self.change_self_test(artifact, picture="AAAA")
        with pytest.raises(ArtifactError, match="self-test's picture is damaged"):
            load_model(artifact)

    @staticmethod
    def change_self_test(artifact: Path, **changes: object) -> None:
        path = current_folder(artifact) / METADATA_FILE
        content = json.loads(path.read_text())
        content["self_test"] |= changes
        path.write_text(json.dumps(content))
