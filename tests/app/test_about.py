"""A model's record as a page for people."""

import re

import pytest

from app.about import Plot, about_sections
from app.artifact import DOUBT_FILE, MISTAKES_FILE, Evaluation, RealSetScore, Score, read_artifact
from app.loading import Model
from app.settings import PROJECT_FOLDER

PLOTS = {name: Plot(f"static/x/{name}", 80, 40) for name in (MISTAKES_FILE, DOUBT_FILE)}


@pytest.fixture(scope="module", params=["default", "paper"])
def committed(request: pytest.FixtureRequest) -> Model:
    """The committed models' records; the classifier is not looked at."""
    artifact = read_artifact(PROJECT_FOLDER / "artifacts" / request.param)
    return Model(artifact.metadata, artifact.evaluation, None, artifact.plots())  # type: ignore[arg-type]


def evaluation_of(model: Model) -> Evaluation:
    """Its evaluation, which it has."""
    assert model.evaluation is not None
    return model.evaluation


def test_figures_are_those_of_the_record(committed: Model) -> None:
    """The page says how many digits were read right, digit by digit and in all, and which were mixed up."""
    evaluation = evaluation_of(committed)
    figures = about_sections(committed.metadata, evaluation, PLOTS)["figures"]
    assert f"read {evaluation.test.correct:,} of them right" in figures
    assert f"{evaluation.test.share:.2%}" in figures
    for score in evaluation.digits:
        assert f'<th scope="row">{score.digit}</th><td>{score.count:,}</td>' in figures
    for digit, row in enumerate(evaluation.confusion):
        assert f'<td class="right">{row[digit]:,}</td>' in figures
    wrong = sum(
        count > 0 for digit, row in enumerate(evaluation.confusion) for other, count in enumerate(row) if digit != other
    )
    assert len(re.findall(r'<td class="wrong-[1-4]">\d', figures)) == wrong
    assert f"It went {len(evaluation.history['val_accuracy'])} times" in figures
    assert ("When the picture is bad" in figures) == bool(evaluation.corrupted)
    assert ("In pictures such as people send" in figures) == bool(evaluation.scenes)
    for part in evaluation.scenes:
        assert f'<th scope="row">{part.scene}</th>' in figures


def test_plots_are_shown_where_there_are_any(committed: Model) -> None:
    """Each plot is shown with words for who cannot see it; without plots the page is whole all the same."""
    evaluation = evaluation_of(committed)
    figures = about_sections(committed.metadata, evaluation, PLOTS)["figures"]
    for name in PLOTS:
        assert re.search(rf'<img src="static/x/{name}" loading="lazy" width="80" height="40" alt="[^"]+"', figures)
    assert "<img" not in about_sections(committed.metadata, evaluation, {})["figures"]


def test_real_pictures_are_told_set_by_set(committed: Model) -> None:
    """Digits with how many were read right, other things with how many were refused; folder names are only text."""
    share = {
        "three": Score(correct=3, count=4, share=0.75, low=0.3, high=0.95),
        "one": Score(correct=1, count=4, share=0.25, low=0.05, high=0.7),
    }
    real = (
        RealSetScore(name="tablet_<b>", of_digits=True, right=share["three"], rejected=share["one"]),
        RealSetScore(name="letters", of_digits=False, right=share["one"], rejected=share["one"]),
    )
    evaluation = evaluation_of(committed)
    figures = about_sections(committed.metadata, evaluation.model_copy(update={"real": real}), {})["figures"]
    assert "On average over the kinds of pictures it reads 75.0% right." in figures
    assert '<th scope="row">tablet &lt;b&gt;</th><td><meter value="0.7500" ' in figures
    assert "<span>75.0%</span></td><td>3 of 4</td><td>30.0% to 95.0%</td>" in figures
    assert "<td>3 of 4</td><td>30.0% to 95.0%</td>" in figures
    assert '<th scope="row">letters</th><td><meter value="0.2500" ' in figures
    assert (
        "other people"
        not in about_sections(committed.metadata, evaluation.model_copy(update={"real": ()}), {})["figures"].lower()
    )


def test_committed_model_tells_how_it_reads_real_pictures() -> None:
    """Whoever publishes a new default model measures it on other people's pictures too, and records that."""
    evaluation = read_artifact(PROJECT_FOLDER / "artifacts" / "default").evaluation
    assert evaluation is not None
    assert sum(part.of_digits for part in evaluation.real) >= 5
    assert not all(part.of_digits for part in evaluation.real)


def test_model_without_a_record(tiny_model: Model) -> None:
    """Somebody's own model is described as far as it is known, and nothing is claimed for it."""
    sections = about_sections(tiny_model.metadata, None, {})
    assert "without a record" in sections["figures"]
    assert "brought" in sections["purpose"]
    assert "American" not in sections["limits"]
    assert tiny_model.metadata.weights_digest in sections["technical"]


def test_limits_are_those_of_the_service(committed: Model) -> None:
    """The page does not deny that whole numbers are read."""
    limits = about_sections(committed.metadata, committed.evaluation, PLOTS)["limits"]
    assert "whole numbers are cut into their digits" in limits
    assert "several digits" not in limits


def test_record_of_little(committed: Model) -> None:
    """A record that lacks what older models lacked is shown without it, and perfect answers are no error."""
    perfect = tuple(tuple(10 * (row == column) for column in range(10)) for row in range(10))
    evaluation = evaluation_of(committed).model_copy(
        update={
            "confusion": perfect,
            "corrupted": (),
            "certain": None,
            "rejected": None,
            "refused_others": None,
            "history": {},
            "training_seconds": None,
        }
    )
    figures = about_sections(committed.metadata, evaluation, {})["figures"]
    assert "wrong-" not in figures
    for heading in ("When the picture is bad", "How it learnt"):
        assert heading not in figures


def test_corruptions_of_other_strengths(committed: Model) -> None:
    """However many strengths were measured, and where one is missing, the table is whole."""
    evaluation = evaluation_of(committed)
    if not evaluation.corrupted:
        pytest.skip("not measured under corruptions")
    figures = about_sections(
        committed.metadata, evaluation.model_copy(update={"corrupted": evaluation.corrupted[:2]}), {}
    )["figures"]
    assert "strength 0.2</th>" in figures
    other = evaluation.corrupted[1].model_copy(update={"kind": "other"})
    lacking = evaluation.model_copy(update={"corrupted": (*evaluation.corrupted[:2], other)})
    assert "<td></td>" in about_sections(committed.metadata, lacking, {})["figures"]


def test_names_cannot_write_markup(tiny_model: Model) -> None:
    """What a model's record says is text, whatever it looks like."""
    metadata = tiny_model.metadata.model_copy(update={"name": "<script>", "version": '"&'})
    sections = about_sections(metadata, None, {})
    assert (sections["model_name"], sections["model_version"]) == ("&lt;script&gt;", "&quot;&amp;")
