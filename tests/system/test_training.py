"""The training program as its users run it."""

from pathlib import Path

from app.artifact import read_artifact
from app.settings import PROJECT_FOLDER
from model_training.recipe import RECIPES


def test_killed_training_ends_with_its_whole_history(smoke_artifacts: Path) -> None:
    """SIGKILL costs the epoch under way and nothing else: the history is as long as the recipe says."""
    evaluation = read_artifact(smoke_artifacts / "smoke").evaluation
    assert evaluation is not None
    assert {len(values) for values in evaluation.history.values()} == {RECIPES["smoke"].epochs}


def test_smoke_training_learns(smoke_artifacts: Path) -> None:
    """Three epochs on 4,000 digits read 95 of 100 unseen ones, arrays and PNG files alike."""
    evaluation = read_artifact(smoke_artifacts / "smoke").evaluation
    assert evaluation is not None
    assert evaluation.test.share >= 0.95
    assert evaluation.png.correct == evaluation.png.count


def test_committed_models_are_whole() -> None:
    """The models that come with the repository pass every check, and hold little but each network's weights, twice."""
    for name in ("default", "paper"):
        artifact = read_artifact(PROJECT_FOLDER / "artifacts" / name)
        metadata = artifact.metadata
        assert artifact.twin is not None
        assert metadata.twin_difference <= 1e-5
        assert artifact.evaluation is not None
        assert artifact.evaluation.png.correct == artifact.evaluation.png.count == 10_000
        weights = metadata.parameters + (metadata.rows.parameters if metadata.rows is not None else 0)
        total = sum(path.stat().st_size for path in artifact.folder.iterdir())
        assert total <= 1.1 * 2 * 4 * weights + 400_000


def test_committed_default_reads_rows() -> None:
    """It brings a network for rows, whose two forms are equal, and which tells touching digits apart."""
    artifact = read_artifact(PROJECT_FOLDER / "artifacts" / "default")
    assert artifact.metadata.rows is not None
    assert artifact.metadata.rows.twin_difference <= 1e-5
    assert artifact.evaluation is not None
    strings = {part.spacing: part.strings for part in artifact.evaluation.strings}
    assert strings["touching"].share >= 0.90
    apart = [strings[spacing] for spacing in ("wide", "normal", "tight")]
    assert sum(part.correct for part in apart) >= 0.95 * sum(part.count for part in apart)


def test_committed_default_keeps_its_promise() -> None:
    """At least 99.60% of MNIST's test digits, and better than the paper's network."""
    default, paper = (read_artifact(PROJECT_FOLDER / "artifacts" / name).evaluation for name in ("default", "paper"))
    assert default is not None
    assert paper is not None
    assert default.test.share >= 0.9960
    assert default.test.low > paper.test.high
