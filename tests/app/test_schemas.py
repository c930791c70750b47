"""The answers' documentation is true."""

import pytest
from pydantic import BaseModel, ValidationError

from app.schemas import Explanation, Prediction, Problem


def test_example_is_an_answer() -> None:
    """The example in the API reference is a valid answer that agrees with itself."""
    [example] = Prediction.model_json_schema()["examples"]
    prediction = Prediction.model_validate(example)
    assert prediction.confidence == prediction.probabilities[prediction.digit] == max(prediction.probabilities)
    assert sum(prediction.probabilities) == pytest.approx(1.0)


@pytest.mark.parametrize("change", [{"digit": 10}, {"probabilities": [0.1] * 9}, {"confidence": 1.5}])
def test_impossible_answers_are_refused(change: dict[str, object]) -> None:
    """Neither an eleventh digit, nor a missing probability, nor more than certainty can be answered."""
    [example] = Prediction.model_json_schema()["examples"]
    with pytest.raises(ValidationError):
        Prediction.model_validate(example | change)


@pytest.mark.parametrize("kind", [Problem, Explanation])
def test_every_field_is_explained(kind: type[BaseModel]) -> None:
    """The reference says of each field of a problem and of an explanation what it means."""
    assert all(field.get("description") for field in kind.model_json_schema()["properties"].values())


def test_pictures_in_an_explanation_are_declared() -> None:
    """The reference says of both pictures that they are PNG files in base64."""
    fields = Explanation.model_json_schema()["properties"]
    for name in ("picture", "saliency"):
        assert (fields[name]["contentEncoding"], fields[name]["contentMediaType"]) == ("base64", "image/png")
