"""The commands behind make train, make evaluate, make compare and make compile."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.artifact import read_artifact
from model_training import __main__ as command_line
from model_training.data import Dataset
from model_training.recipe import RECIPES, Recipe


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, quick_recipe: Recipe, few_digits: Dataset) -> None:
    """The smoke recipe becomes a quicker one on fewer digits."""
    monkeypatch.setattr(command_line, "RECIPES", {**RECIPES, "smoke": quick_recipe})
    monkeypatch.setattr(command_line, "load_dataset", lambda *_: few_digits)


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
def test_evaluate_lists_real_mistakes(tmp_path: Path, tiny_artifact: Path) -> None:
    """Real pictures get a line a set and a line a mistake."""
    home = tmp_path / "photos" / "3"
    home.mkdir(parents=True)
    (home / "broken.png").write_bytes(b"no picture")
    status, output, _ = run("evaluate", "--model", tiny_artifact, "--real", tmp_path)
    assert status == 0
    assert f"{home}/broken.png: refused" in output
    assert "0 of 1" in output


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
