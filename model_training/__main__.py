"""The command line: python -m model_training train | rows | evaluate | compare | compile."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app.artifact import KEPT_VERSIONS, RealSetScore, Score, StringsScore, alone, current_folder, read_artifact
from app.errors import ArtifactError
from app.loading import Model, load_model
from model_training.data import DataError, load_dataset
from model_training.recipe import RECIPES, RecipeName

Mnist = Annotated[
    Path | None, typer.Option(help="mnist.npz, or a folder with MNIST's four IDX files; downloaded when not given.")
]
Real = Annotated[
    Path | None, typer.Option(exists=True, file_okay=False, help="Folder of real pictures: SET/LABEL/FILE.")
]
Artifacts = Annotated[Path, typer.Option(help="Folder of the published models.")]

ARTIFACTS = Path(__file__).parent.parent / "artifacts"
TRAINING_FOLDER = ".training"
"""Folder of the checkpoints, inside that of the published models."""
ROWS_FOLDER = "rows"
"""Folder of the checkpoints of the network for rows, inside that of its recipe's."""
EVALUATION_FOLDER = ".evaluation"
"""Folder of the contact sheets, inside that of the published models; they show other people's pictures."""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def train(
    recipe: Annotated[RecipeName, typer.Option(help="What to train.")] = "default",
    mnist: Mnist = None,
    feedback: Annotated[
        str | None,
        typer.Option(help="Database of users' corrections: the accepted ones are learnt from, a fifth is held out."),
    ] = None,
    artifacts: Artifacts = ARTIFACTS,
    force: Annotated[bool, typer.Option(help="Publish also what is worse than the published model.")] = False,
    keep: Annotated[int, typer.Option(min=1, help="How many versions to keep, the new one included.")] = KEPT_VERSIONS,
    keep_rows: Annotated[
        bool, typer.Option("--keep-rows", help="Take over the published network for rows instead of training one.")
    ] = False,
) -> None:
    """Train a recipe, measure the result and publish it; resumes where an interrupted training ended."""
    from model_training.evaluation import DisagreementError
    from model_training.publishing import GateError, publish_trained
    from model_training.rows import published_rows, train_rows
    from model_training.tracking import TrackingError, check_tracking, record
    from model_training.training import train as fit

    chosen = RECIPES[recipe]
    checkpoints = artifacts / TRAINING_FOLDER / chosen.name
    try:
        check_tracking()
        with _alone(checkpoints):
            dataset = load_dataset(chosen.source, mnist)
            if feedback is not None:
                from model_training.corrections import with_corrections

                dataset = with_corrections(dataset, feedback)
            rows = None
            if chosen.rows is not None and keep_rows:
                # Where there is none, that is told before anything is trained.
                rows = published_rows(chosen.rows, dataset, artifacts / chosen.name, checkpoints / ROWS_FOLDER)
            trained = fit(chosen, dataset, checkpoints)
            if chosen.rows is not None and rows is None:
                rows = train_rows(chosen.rows, dataset, checkpoints / ROWS_FOLDER)
            keep_record = partial(record, chosen, dataset, trained.history, checkpoints)
            try:
                published = read_artifact(
                    publish_trained(chosen, dataset, trained, artifacts, force=force, keep=keep, rows=rows)
                )
            except GateError:
                _attempt(lambda: keep_record(None))
                raise
    except (
        DataError,
        GateError,
        ArtifactError,
        DisagreementError,
        FloatingPointError,
        PermissionError,
        TrackingError,
    ) as error:
        raise _failed(error) from error
    _attempt(lambda: keep_record(published))
    typer.echo(f"Published {published.folder}")
    assert published.evaluation is not None
    _print_scores({"test": published.evaluation.test, "validation": published.evaluation.validation})
    if (corrections := published.evaluation.corrections) is not None:
        typer.echo(f"learnt from {corrections.learnt:,} corrections; held-out ones read right:")
        scores = {"before": corrections.before, "after": corrections.after}
        _print_scores({name: score for name, score in scores.items() if score is not None})


@app.command()
def rows(
    recipe: Annotated[RecipeName, typer.Option(help="Which published model.")] = "default",
    mnist: Mnist = None,
    artifacts: Artifacts = ARTIFACTS,
    keep: Annotated[int, typer.Option(min=1, help="How many versions to keep, the new one included.")] = KEPT_VERSIONS,
) -> None:
    """Train the network for whole rows alone, and publish the published model anew with it."""
    from model_training.publishing import publish_rows
    from model_training.rows import train_rows

    chosen = RECIPES[recipe]
    if chosen.rows is None:
        raise typer.BadParameter(f"The recipe {chosen.name} has no network for rows.", param_hint="--recipe")
    checkpoints = artifacts / TRAINING_FOLDER / chosen.name
    try:
        with _alone(checkpoints):
            # Without a model to go with it the network could not be published.
            read_artifact(artifacts / chosen.name)
            dataset = load_dataset(chosen.source, mnist)
            trained = train_rows(chosen.rows, dataset, checkpoints / ROWS_FOLDER)
            published = read_artifact(publish_rows(chosen.name, dataset, trained, artifacts, keep))
    except (DataError, ArtifactError, FloatingPointError, PermissionError) as error:
        raise _failed(error) from error
    typer.echo(f"Published {published.folder}")
    if published.evaluation is not None:
        _print_strings(published.evaluation.strings)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="A published model: artifacts/NAME.")] = ARTIFACTS / "default",
    mnist: Mnist = None,
    real: Real = None,
    artifacts: Artifacts = ARTIFACTS,
    record: Annotated[
        bool,
        typer.Option(
            help="Keep what the preparation decides in the model's evaluation: the figures of corrupted digits, of "
            "scenes, of strings and of real pictures, and the reference for drift."
        ),
    ] = False,
) -> None:
    """Measure a published model again: on its own test digits, and on real pictures if given."""
    from model_training.doubt import classify_others, refused_others
    from model_training.evaluation import DisagreementError
    from model_training.evaluation import evaluate as measure
    from model_training.inputs import measure_inputs
    from model_training.report import record as keep
    from model_training.robustness import mean_accuracy, measure_robustness, measure_scenes
    from model_training.string_scores import measure_strings

    try:
        loaded = load_model(model)
        known = [recipe for recipe in RECIPES.values() if recipe.name == loaded.metadata.name]
        dataset = load_dataset(known[0].source if known else "mnist", mnist)
        evaluation, _ = measure(loaded, dataset, {})
        typer.echo(f"{loaded.metadata.name} {loaded.metadata.version}")
        _print_scores(
            {"test": evaluation.test, "validation": evaluation.validation, "test as PNG alike": evaluation.png}
        )
        if loaded.metadata.thresholds is not None:
            verdicts = {
                "test called no digit": evaluation.rejected,
                "right among certain": evaluation.certain,
                "made in code, called no digit": refused_others(
                    classify_others(loaded, dataset.test), loaded.metadata.thresholds
                ),
            }
            _print_scores({name: part for name, part in verdicts.items() if part is not None})
        typer.echo(f"expected calibration error on test: {evaluation.expected_calibration_error:.2%}")
        corrupted = measure_robustness(loaded.classifier, dataset.test)
        typer.echo(f"corrupted test digits, mean: {mean_accuracy(corrupted):.2%}")
        _print_scores({f"{part.kind} {part.strength}": part.score for part in corrupted})
        scenes = measure_scenes(loaded.classifier, dataset.test)
        typer.echo(f"test digits in scenes, mean: {mean_accuracy(scenes):.2%}")
        _print_scores({part.scene: part.score for part in scenes})
        strings = measure_strings(loaded, dataset.test)
        _print_strings(strings)
        scores = None
        if real is not None:
            sheets = artifacts / EVALUATION_FOLDER / f"{loaded.metadata.name}-{loaded.metadata.version}"
            scores = _evaluate_real(loaded, real, sheets)
        if record:
            inputs = measure_inputs(loaded.classifier, loaded.metadata.thresholds, dataset.validation)
            keep(read_artifact(model), inputs, corrupted, scenes, strings, scores)
            typer.echo(f"The figures are kept in {current_folder(model)}")
    except (DataError, ArtifactError, DisagreementError, PermissionError) as error:
        raise _failed(error) from error


def _evaluate_real(model: Model, real: Path, folder: Path) -> tuple[RealSetScore, ...]:
    from model_training.real_pictures import read_sets, real_calibration_error, rejected_by_label
    from model_training.report import save_figure
    from model_training.sheets import contact_sheet, most_uncertain, preparation_steps, worst_mistakes

    sets = read_sets(model, real)
    digits = [part for part in sets if part.is_of_digits]
    others = [part for part in sets if not part.is_of_digits]
    if digits:
        typer.echo(f"real digits read right, mean of the sets: {sum(s.right.share for s in digits) / len(digits):.2%}")
        _print_scores({part.name: part.right for part in digits})
        typer.echo("real digits called no digit")
        _print_scores({part.name: part.rejected for part in digits})
        if (error := real_calibration_error(digits)) is not None:
            typer.echo(f"expected calibration error on real digits: {error:.2%}")
    for part in others:
        typer.echo(f"{part.name}, called no digit")
        _print_scores({"all": part.rejected, **rejected_by_label(part)})
    folder.mkdir(parents=True, exist_ok=True)
    save_figure(contact_sheet(worst_mistakes(sets), "Worst mistakes"), folder / "mistakes.png")
    save_figure(contact_sheet(most_uncertain(sets), "Least confident"), folder / "uncertain.png")
    save_figure(preparation_steps(sets), folder / "preparation.png")
    typer.echo(f"Contact sheets are in {folder}")
    return tuple(part.record for part in sets)


@app.command()
def compare(mnist: Mnist = None, real: Real = None, artifacts: Artifacts = ARTIFACTS) -> None:
    """Compare the published networks with classical methods, and on real pictures both preparations; takes minutes."""
    from model_training.comparison import compare as measure
    from model_training.comparison import write_comparison, write_preparations

    rows = []
    try:
        for row in measure(load_dataset("mnist", mnist), artifacts):
            _print_scores({row.reader.name: row.clean, "  deformed": row.deformed})
            rows.append(row)
        folder = write_comparison(rows, artifacts)
        if real is not None:
            write_preparations(real, artifacts)
    except (DataError, ArtifactError, PermissionError) as error:
        raise _failed(error) from error
    typer.echo(f"Written to {folder}")


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
    except (ArtifactError, PermissionError) as error:
        raise _failed(error) from error
    typer.echo(f"Published {folder}. Serve it with: DIGITS_MODEL={artifacts / name} make serve")


def _print_strings(scores: tuple[StringsScore, ...]) -> None:
    typer.echo("strings of test digits read right, and their digits")
    _print_scores(
        {
            f"{part.spacing}, {what}": found
            for part in scores
            for what, found in (("strings", part.strings), ("digits", part.digits))
        }
    )


def _alone(checkpoints: Path) -> AbstractContextManager[None]:
    """Let no other training of the same recipe run meanwhile."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    under_way = (
        f"Another training of the recipe {checkpoints.name} is under way in {checkpoints.parent.parent}. "
        "Wait until it has ended, or choose another folder with --artifacts."
    )
    return alone(checkpoints, 0, under_way)


def _print_scores(scores: dict[str, Score]) -> None:
    width = max(map(len, scores), default=0)
    for name, part in scores.items():
        typer.echo(
            f"{name:{width}}  {part.share:8.2%}  ({part.low:.2%} to {part.high:.2%})  "
            f"{part.correct:,} of {part.count:,}"
        )


def _attempt(keep_record: Callable[[], None]) -> None:
    """Keep a record of a training; where that fails the training counts all the same."""
    from model_training.tracking import TrackingError

    try:
        keep_record()
    except TrackingError as error:
        typer.echo(str(error), err=True)


def _failed(error: Exception) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    app()
