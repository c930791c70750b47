"""The commands behind make train, make evaluate, make compare and make compile."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.artifact import EVALUATION_FILE, LOCK_FILE, Artifact, CorruptionScore, Thresholds, alone, read_artifact
from model_training import __main__ as command_line
from model_training import doubt, publishing, robustness, string_scores, tracking, training
from model_training.comparison import NETWORKS
from model_training.corruption import CORRUPTIONS
from model_training.data import Dataset
from model_training.preparations import OURS, USUAL
from model_training.publishing import GateError
from model_training.recipe import RECIPES, Recipe, RowRecipe
from model_training.scenes import SCENES
from model_training.tracking import TrackingError


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, quick_recipe: Recipe, few_digits: Dataset) -> None:
    """The smoke recipe becomes a quicker one on fewer digits, measured on fewer pictures."""
    monkeypatch.setattr(command_line, "RECIPES", {**RECIPES, "smoke": quick_recipe})
    monkeypatch.setattr(command_line, "load_dataset", lambda *_: few_digits)
    monkeypatch.setattr(doubt, "OTHERS", 10)
    monkeypatch.setattr(robustness, "MOST_DIGITS", 2)
    monkeypatch.setattr(robustness, "STRENGTHS", (0.5,))
    monkeypatch.setattr(robustness, "MOST_DIGITS_IN_SCENES", 4)
    monkeypatch.setattr(string_scores, "STRINGS", 3)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    result = CliRunner().invoke(command_line.app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.usefixtures("quick")
def test_train_publishes_and_evaluate_measures_it(tmp_path: Path) -> None:
    """Training ends with the published folder and its figures; evaluating it gives the same ones."""
    status, output, _ = run("train", "--recipe", "smoke", "--artifacts", tmp_path)
    assert status == 0
    folder = read_artifact(tmp_path / "smoke").folder
    assert f"Published {folder}" in output
    figures = [line.split()[1] for line in output.splitlines() if line.startswith("test ")]
    status, output, _ = run("evaluate", "--model", tmp_path / "smoke")
    assert status == 0
    assert [line.split()[1] for line in output.splitlines() if line.startswith("test  ")] == figures


@pytest.mark.usefixtures("quick")
def test_train_that_is_worse_exits_with_1(tmp_path: Path) -> None:
    """The gate's sentence goes to standard error, without a stack trace; force publishes all the same."""
    run("train", "--recipe", "smoke", "--artifacts", tmp_path)
    published = read_artifact(tmp_path / "smoke")
    evaluation = published.evaluation
    assert evaluation is not None
    perfect = evaluation.model_copy(update={"validation": evaluation.validation.model_copy(update={"share": 1.0})})
    (published.folder / "evaluation.json").write_text(perfect.model_dump_json())
    status, _, error = run("train", "--recipe", "smoke", "--artifacts", tmp_path)
    assert status == 1
    assert error.startswith("Not published:")
    assert len(error.splitlines()) == 1
    status, _, _ = run("train", "--recipe", "smoke", "--artifacts", tmp_path, "--force")
    assert status == 0


@pytest.mark.usefixtures("quick")
def test_versions_are_kept_as_asked(tmp_path: Path) -> None:
    """--keep says how many versions stay, the new one included; less than one makes no sense."""
    for _ in range(2):
        assert run("train", "--recipe", "smoke", "--artifacts", tmp_path, "--keep", "1")[0] == 0
    assert len(list((tmp_path / "smoke").glob("2*"))) == 1
    assert run("train", "--recipe", "smoke", "--artifacts", tmp_path, "--keep", "0")[0] == 2


@pytest.mark.usefixtures("quick")
def test_second_training_of_a_recipe_is_refused(tmp_path: Path) -> None:
    """While a recipe is being trained, a second training of it ends in a sentence before it touches a checkpoint."""
    checkpoints = tmp_path / ".training" / "smoke"
    checkpoints.mkdir(parents=True)
    with alone(checkpoints, 0, ""):
        status, output, error = run("train", "--recipe", "smoke", "--artifacts", tmp_path)
    assert (status, output) == (1, "")
    assert error.startswith("Another training of the recipe smoke is under way")
    assert len(error.splitlines()) == 1
    assert {path.name for path in checkpoints.iterdir()} == {LOCK_FILE}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("refused", [False, True])
def test_trainings_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refused: bool) -> None:
    """Each training is recorded with what it published, refused ones too; a store that fails spoils nothing."""
    told: list[Artifact | None] = []

    def failing(*arguments: Any) -> None:
        told.append(arguments[-1])
        raise TrackingError("MLflow did not record the training: it is tired.")

    def gate(*_: object, **__: object) -> Path:
        raise GateError("Not published: it is worse.")

    monkeypatch.setattr(tracking, "record", failing)
    if refused:
        monkeypatch.setattr(publishing, "publish_trained", gate)
    status, output, error = run("train", "--recipe", "smoke", "--artifacts", tmp_path)
    assert error.startswith("MLflow did not record the training: it is tired.\n")
    assert (status, "Published " in output, "Not published" in error) == (int(refused), not refused, refused)
    assert told == [None if refused else read_artifact(tmp_path / "smoke")]


def test_missing_tracking_exits_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow that is asked for and not there is told before anything is trained."""

    def check() -> None:
        raise TrackingError("MLflow is not installed here.")

    monkeypatch.setattr(tracking, "check_tracking", check)
    status, output, error = run("train", "--recipe", "smoke", "--artifacts", tmp_path)
    assert (status, output, error) == (1, "", "MLflow is not installed here.\n")


def test_wrong_data_exits_with_1(tmp_path: Path) -> None:
    """A missing file is one sentence."""
    status, _, error = run("train", "--recipe", "paper", "--mnist", tmp_path / "no.npz", "--artifacts", tmp_path)
    assert status == 1
    assert error == f"{tmp_path}/no.npz does not exist. Pass MNIST=path/to/mnist.npz, or nothing to download it.\n"


def test_evaluating_nothing_exits_with_1(tmp_path: Path) -> None:
    """So is a folder without a model."""
    status, _, error = run("evaluate", "--model", tmp_path)
    assert status == 1
    assert "holds no published model" in error


@pytest.mark.usefixtures("quick")
def test_rows_of_nothing_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_recipe: Recipe, row_recipe: RowRecipe
) -> None:
    """Where no model is published for its network for rows to go with, that is told before it is trained."""
    monkeypatch.setattr(command_line, "RECIPES", {"smoke": replace(quick_recipe, rows=row_recipe)})
    status, output, error = run("rows", "--recipe", "smoke", "--artifacts", tmp_path)
    assert (status, output) == (1, "")
    assert error == f"{tmp_path}/smoke holds no published model. Train one with: make train\n"
    assert not (tmp_path / ".training" / "smoke" / command_line.ROWS_FOLDER).exists()


@pytest.mark.usefixtures("quick")
def test_keeping_rows_of_nothing_exits_with_1(
    tmp_path: Path, quick_recipe: Recipe, row_recipe: RowRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network for rows that is to be kept and is not there is told of before anything is trained."""
    monkeypatch.setattr(command_line, "RECIPES", {"smoke": replace(quick_recipe, rows=row_recipe)})
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("A training began."))
    status, _, error = run("train", "--recipe", "smoke", "--keep-rows", "--artifacts", tmp_path)
    assert status == 1
    assert "make train" in error


def test_rows_of_a_recipe_without(tmp_path: Path) -> None:
    """A recipe that has no network for rows is named."""
    status, _, error = run("rows", "--recipe", "paper", "--artifacts", tmp_path)
    assert status == 2
    assert "paper has no network for rows" in " ".join(error.replace("│", " ").split())


@pytest.mark.usefixtures("quick")
def test_evaluate_measures_doubt_and_corruption(tmp_path: Path, published_networks: Path) -> None:
    """After the test digits come pictures of no digits and each corruption; no sheets without real pictures."""
    status, output, _ = run("evaluate", "--model", published_networks / "default", "--artifacts", tmp_path)
    assert status == 0
    assert " of 10" in next(line for line in output.splitlines() if line.startswith("made in code, called no digit"))
    assert "corrupted test digits, mean: " in output
    assert "test digits in scenes, mean: " in output
    for kind in CORRUPTIONS:
        [line] = [line for line in output.splitlines() if line.startswith(f"{kind} 0.5 ")]
        assert line.endswith(" of 2")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("least", "certain"), [(0.0, 1), (1.1, 0)])
def test_evaluate_tells_what_the_verdicts_are_worth(
    tmp_path: Path, published_networks: Path, least: float, certain: int
) -> None:
    """How many digits are called none is told in any case, how many certain ones are right only if there are any."""
    shutil.copytree(published_networks / "default", tmp_path / "default")
    artifact = read_artifact(tmp_path / "default")
    thresholds = Thresholds(
        least_pair_probability=0.0,
        prepared_least_pair_probability=0.0,
        least_confidence=least,
        rejection_risk=0.0,
        prepared_rejection_risk=0.0,
        mistake_risk=0.0,
    )
    metadata = artifact.metadata.model_copy(update={"thresholds": thresholds})
    (artifact.folder / "metadata.json").write_text(metadata.model_dump_json())
    status, output, _ = run("evaluate", "--model", tmp_path / "default")
    assert status == 0
    [rejected] = [line for line in output.splitlines() if line.startswith("test called no digit ")]
    assert rejected.endswith(" 0 of 50")
    told = [line for line in output.splitlines() if line.startswith("right among certain ")]
    assert len(told) == certain
    assert all(line.endswith(" of 50") for line in told)


@pytest.mark.usefixtures("quick")
def test_evaluate_reads_real_pictures(tmp_path: Path, published_networks: Path, real_folder: Path) -> None:
    """Real digits get a line a set, other pictures a line a label, and people get three sheets to look at."""
    model = published_networks / "default"
    status, output, _ = run("evaluate", "--model", model, "--real", real_folder, "--artifacts", tmp_path)
    assert status == 0
    lines = output.splitlines()
    assert "real digits read right, mean of the sets: 60.00%" in lines
    photos = [line for line in lines if line.startswith("photos ")]
    assert [line.split("  ")[-1] for line in photos] == ["3 of 5", "1 of 5"]
    assert any(line.startswith("expected calibration error on real digits: ") for line in lines)
    letters = lines.index("letters, called no digit")
    assert [line.split("  ")[-1] for line in lines[letters + 1 : letters + 3]] == ["1 of 2", "1 of 2"]
    assert [line.split()[0] for line in lines[letters + 1 : letters + 3]] == ["all", "alpha"]
    metadata = read_artifact(model).metadata
    folder = tmp_path / ".evaluation" / f"{metadata.name}-{metadata.version}"
    assert lines[-1] == f"Contact sheets are in {folder}"
    assert {path.name for path in folder.iterdir()} == {"mistakes.png", "uncertain.png", "preparation.png"}
    for path in folder.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("quick")
def test_evaluate_records_real_pictures_when_told(tmp_path: Path, published_networks: Path, real_folder: Path) -> None:
    """The model's evaluation and card get them, and nothing else of the model changes; the next ones replace them."""
    home = tmp_path / "default"
    shutil.copytree(published_networks / "default", home)
    before = read_artifact(home)
    arguments = ("evaluate", "--model", home, "--real", real_folder, "--artifacts", tmp_path)
    assert run(*arguments)[0] == 0
    assert read_artifact(home) == before
    for _ in range(2):
        status, output, _ = run(*arguments, "--record")
        assert status == 0
        assert output.splitlines()[-1] == f"The figures are kept in {before.folder}"
        after = read_artifact(home)
        assert after.evaluation is not None
        letters, photos = after.evaluation.real
        assert (letters.name, letters.of_digits, letters.rejected.correct) == ("letters", False, 1)
        assert (photos.name, photos.of_digits, photos.right.correct, photos.right.count) == ("photos", True, 3, 5)
        assert len(after.evaluation.inputs) == 4
        assert after.evaluation.model_copy(update={"inputs": (), "real": ()}) == before.evaluation
        assert after.metadata == before.metadata
        card = (after.folder / "MODEL_CARD.md").read_text()
        assert "| photos | 60.00% |" in card
        assert "| letters | 50.00% |" in card


@pytest.mark.usefixtures("quick")
def test_evaluate_records_only_where_there_is_a_record(tmp_path: Path, tiny_artifact: Path, real_folder: Path) -> None:
    """Somebody's own model has no evaluation that figures could become part of."""
    status, _, error = run(
        "evaluate", "--model", tiny_artifact, "--real", real_folder, "--artifacts", tmp_path, "--record"
    )
    assert status == 1
    assert error.endswith("has no evaluation to record this in: only `make train` writes one.\n")


@pytest.mark.usefixtures("quick")
def test_evaluate_records_the_reference_for_drift(tmp_path: Path, published_networks: Path, real_folder: Path) -> None:
    """It needs no real pictures, and leaves the figures of earlier ones."""
    home = tmp_path / "default"
    shutil.copytree(published_networks / "default", home)
    arguments = ("evaluate", "--model", home, "--artifacts", tmp_path, "--record")
    assert run(*arguments, "--real", real_folder)[0] == 0
    first = read_artifact(home)
    assert first.evaluation is not None
    assert first.evaluation.real
    assert run(*arguments)[0] == 0
    assert read_artifact(home) == first


@pytest.mark.usefixtures("quick")
def test_evaluate_records_what_the_preparation_changes(tmp_path: Path, published_networks: Path) -> None:
    """Scores of corrupted digits, of scenes and of strings replace earlier ones, and only those."""
    home = tmp_path / "default"
    shutil.copytree(published_networks / "default", home)
    before = read_artifact(home)
    assert before.evaluation is not None
    earlier = CorruptionScore(kind="hail", strength=0.5, score=before.evaluation.test)
    measured = before.evaluation.model_copy(update={"corrupted": (earlier,)})
    (before.folder / EVALUATION_FILE).write_text(measured.model_dump_json())
    assert run("evaluate", "--model", home, "--artifacts", tmp_path, "--record")[0] == 0
    after = read_artifact(home).evaluation
    assert after is not None
    assert {part.kind for part in after.corrupted} == set(CORRUPTIONS)
    assert [part.scene for part in after.scenes] == list(SCENES)
    assert after.strings == ()


@pytest.mark.usefixtures("quick")
def test_evaluate_of_nothing_but_refused_pictures(tmp_path: Path, tiny_artifact: Path) -> None:
    """Files that are no pictures count as read wrongly, and there is no calibration error; sheets are replaced."""
    home = tmp_path / "real" / "photos" / "3"
    home.mkdir(parents=True)
    (home / "broken.png").write_bytes(b"no picture")
    for _ in range(2):
        status, output, _ = run(
            "evaluate", "--model", tiny_artifact, "--real", tmp_path / "real", "--artifacts", tmp_path
        )
        assert status == 0
        assert "0 of 1" in output
        assert "calibration error on real digits" not in output
        assert "made in code" not in output
        assert len(list((tmp_path / ".evaluation").glob("tiny-*/*.png"))) == 3


@pytest.mark.usefixtures("quick")
def test_evaluate_of_other_things_only(tmp_path: Path, tiny_artifact: Path, real_folder: Path) -> None:
    """Without a set of digits nothing is said of digits."""
    shutil.copytree(real_folder / "letters", tmp_path / "real" / "letters")
    status, output, _ = run("evaluate", "--model", tiny_artifact, "--real", tmp_path / "real", "--artifacts", tmp_path)
    assert status == 0
    assert "real digits" not in output
    assert "letters, called no digit" in output


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_missing_real_pictures_are_told_at_once(tmp_path: Path, command: str) -> None:
    """A mistyped folder costs nobody the minutes before it would be read."""
    status, output, error = run(command, "--real", tmp_path / "nowhere", "--artifacts", tmp_path)
    assert status == 2
    assert output == ""
    assert "'--real'" in error


@pytest.mark.usefixtures("quick")
def test_compare_writes_its_page_beside_the_models(tmp_path: Path, published_networks: Path) -> None:
    """Each method's figures are told as they are measured, then the folder with the page."""
    shutil.copytree(published_networks, tmp_path, dirs_exist_ok=True)
    status, output, _ = run("compare", "--artifacts", tmp_path)
    assert status == 0
    assert [line.split()[0] for line in output.splitlines()[0::2]] == ["k-nearest", "support", "the", "this", "Written"]
    assert output.count("  deformed") == 4
    assert f"Written to {tmp_path}/comparison" in output
    assert (tmp_path / "comparison" / "README.md").is_file()


@pytest.mark.usefixtures("quick")
def test_compare_reads_real_pictures_after_both_preparations(
    tmp_path: Path, published_networks: Path, real_folder: Path
) -> None:
    """A table and a chart lie beside the page; real pictures without digits are refused in one sentence."""
    artifacts = tmp_path / "artifacts"
    shutil.copytree(published_networks, artifacts)
    status, _, _ = run("compare", "--real", real_folder, "--artifacts", artifacts)
    assert status == 0
    header, _, photos = (artifacts / "comparison" / "preparations.md").read_text().splitlines()
    assert [cell.strip() for cell in header.split("|")[2:-1]] == [
        f"{name}, {preparation}" for name in NETWORKS for preparation in (USUAL, OURS)
    ]
    assert photos.startswith("| photos | ")
    assert photos.split("|")[3].strip() == "60.0%"
    assert (artifacts / "comparison" / "preparations.png").read_bytes().startswith(b"\x89PNG")
    shutil.copytree(real_folder / "letters", tmp_path / "real" / "letters")
    status, _, error = run("compare", "--real", tmp_path / "real", "--artifacts", artifacts)
    assert status == 1
    assert error.startswith(f"{tmp_path}/real holds no set of digits.")
    assert len(error.splitlines()) == 1


@pytest.mark.usefixtures("quick")
def test_comparing_nothing_exits_with_1(tmp_path: Path) -> None:
    """Without published models there is nothing to compare: one sentence, before anything is fitted."""
    status, output, error = run("compare", "--artifacts", tmp_path)
    assert status == 1
    assert output == ""
    assert "holds no published model" in error


def test_compile_publishes_under_a_name(tmp_path: Path, tiny_keras: Path) -> None:
    """A model of one's own is published and the way to serve it is told."""
    status, output, _ = run("compile", tiny_keras, "--name", "mine", "--artifacts", tmp_path)
    assert status == 0
    assert f"DIGITS_MODEL={tmp_path}/mine make serve" in output
    assert read_artifact(tmp_path / "mine").metadata.name == "mine"


def test_compile_of_something_else_exits_with_1(tmp_path: Path) -> None:
    """What is not a Keras model is refused in one sentence."""
    (tmp_path / "fake.keras").write_bytes(b"zip?")
    status, _, error = run("compile", tmp_path / "fake.keras", "--artifacts", tmp_path)
    assert status == 1
    assert "cannot be opened as a Keras model" in error
