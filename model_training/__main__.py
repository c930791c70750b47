"""The command line: python -m model_training train | evaluate | compile."""

from pathlib import Path
from typing import Annotated

import typer

from app.artifact import Score, read_artifact
from app.errors import ArtifactError
from app.loading import load_model
from model_training.data import DataError, load_dataset
from model_training.recipe import RECIPES, RecipeName

Mnist = Annotated[
    Path | None, typer.Option(help="mnist.npz, or a folder with MNIST's four IDX files; downloaded when not given.")
]
Artifacts = Annotated[Path, typer.Option(help="Folder of the published models.")]

ARTIFACTS = Path(__file__).parent.parent / "artifacts"
TRAINING_FOLDER = ".training"
"""Folder of the checkpoints, inside that of the published models."""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def train(
    recipe: Annotated[RecipeName, typer.Option(help="What to train.")] = "default",
    mnist: Mnist = None,
    artifacts: Artifacts = ARTIFACTS,
    force: Annotated[bool, typer.Option(help="Publish also what is worse than the published model.")] = False,
) -> None:
    """Train a recipe, measure the result and publish it; resumes where an interrupted training ended."""
    from model_training.evaluation import DisagreementError
    from model_training.publishing import GateError, publish_trained
    from model_training.training import train as fit

    chosen = RECIPES[recipe]
    try:
        dataset = load_dataset(chosen.source, mnist)
        trained = fit(chosen, dataset, artifacts / TRAINING_FOLDER / chosen.name)
        folder = publish_trained(chosen, dataset, trained, artifacts, force=force)
    except (DataError, GateError, ArtifactError, DisagreementError, FloatingPointError, PermissionError) as error:
        raise _failed(error) from error
    typer.echo(f"Published {folder}")
    evaluation = read_artifact(folder).evaluation
    assert evaluation is not None
    _print_scores({"test": evaluation.test, "validation": evaluation.validation})


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="A published model: artifacts/NAME.")] = ARTIFACTS / "default",
    mnist: Mnist = None,
    real: Annotated[Path | None, typer.Option(help="Folder of real pictures: SET/LABEL/FILE.")] = None,
) -> None:
    """Measure a published model again: on its own test digits, and on real pictures if given."""
    from model_training.evaluation import evaluate as measure
    from model_training.evaluation import evaluate_folder

    try:
        loaded = load_model(model)
        known = [recipe for recipe in RECIPES.values() if recipe.name == loaded.metadata.name]
        dataset = load_dataset(known[0].source if known else "mnist", mnist)
    except (DataError, ArtifactError) as error:
        raise _failed(error) from error
    evaluation, _ = measure(loaded, dataset, {})
    typer.echo(f"{loaded.metadata.name} {loaded.metadata.version}")
    _print_scores({"test": evaluation.test, "validation": evaluation.validation, "test as PNG alike": evaluation.png})
    if evaluation.rejected is not None and evaluation.certain is not None:
        _print_scores({"test called no digit": evaluation.rejected, "right among certain": evaluation.certain})
    typer.echo(f"expected calibration error on test: {evaluation.expected_calibration_error:.2%}")
    if real is not None:
        sets = evaluate_folder(loaded, real)
        typer.echo("real pictures: digits read right, others rejected")
        _print_scores({part.name: part.score for part in sets})
        typer.echo("real pictures called no digit")
        _print_scores({part.name: part.rejected for part in sets})
        for part in sets:
            for file, answer in part.mistakes:
                typer.echo(f"  {file}: {answer}")


@app.command(name="compile")
def compile_(
    model: Annotated[Path, typer.Argument(help="A saved Keras model: a .keras file.")],
    name: Annotated[str, typer.Option(help="Name to publish it under.")] = "custom",
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Compile a saved Keras model of your own and publish it with its twin."""
    from model_training.publishing import publish_compiled

    try:
        folder = publish_compiled(model, name, artifacts)
    except ArtifactError as error:
        raise _failed(error) from error
    typer.echo(f"Published {folder}. Serve it with: DIGITS_MODEL={artifacts / name} make serve")


def _print_scores(scores: dict[str, Score]) -> None:
    width = max(map(len, scores))
    for name, part in scores.items():
        typer.echo(
            f"{name:{width}}  {part.share:8.2%}  ({part.low:.2%} to {part.high:.2%})  "
            f"{part.correct:,} of {part.count:,}"
        )


def _failed(error: Exception) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    app()
