"""The answers' documentation is true."""

import pytest
from pydantic import ValidationError

from app.schemas import Prediction, Problem


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


def test_every_field_of_a_problem_is_explained() -> None:
    """The reference says of each field of a problem what it means."""
    assert all(field.get("description") for field in Problem.model_json_schema()["properties"].values())
