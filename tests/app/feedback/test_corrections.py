"""What a correction is, and which of them are never learnt from."""

from tests.app.feedback.databases import correction, learnt_and_held_out


def test_same_picture_and_label_are_the_same_correction() -> None:
    """Neither the model's answer nor the day makes it another one; the picture and the label do."""
    one = correction()
    assert one.id == correction(probabilities=(1.0, *[0.0] * 9), model_version="another").id
    assert len({one.id, correction(101).id, correction(label="1").id}) == 3
    assert len(one.id) == 32


def test_the_answer_is_the_most_probable_digit() -> None:
    """As everywhere."""
    assert correction().digit == 1


def test_a_fifth_is_held_out_by_the_picture_alone() -> None:
    """Whatever is said about a picture, it is always on the same side."""
    learnt, held_out = learnt_and_held_out()
    assert 30 < len(held_out) < 75
    for shade in (learnt[0], held_out[0]):
        assert correction(shade, "3").is_held_out == correction(shade, "not_a_digit").is_held_out
