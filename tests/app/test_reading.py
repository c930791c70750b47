"""The one road every picture takes: what is read is told in terms of the upright original."""

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app.decoding import open_upload
from app.errors import DamagedPictureError, NoInkError
from app.explanation import explain
from app.loading import Model
from app.normalization import normalize
from app.reading import Reading, read
from tests import pictures


def read_bytes(body: bytes, model: Model) -> Reading:
    return read(open_upload(body, 50_000_000), model.classifier)


def test_answer_is_the_classifiers(tiny_model: Model) -> None:
    """The probabilities are those of the prepared picture; the digit is the most probable one."""
    reading = read_bytes(pictures.encode(pictures.seven(), "PNG"), tiny_model)
    assert reading.probabilities.shape == (10,)
    assert reading.probabilities[reading.digit] == reading.probabilities.max()
    assert (reading.format, reading.width, reading.height, reading.inverted) == ("PNG", 120, 80, True)


def test_pictures_in_mnists_geometry_are_told_apart(tiny_model: Model, mnist_digits: npt.NDArray[np.uint8]) -> None:
    """A digit of MNIST passes unchanged; its negative has to be prepared."""
    for picture, unchanged in ((mnist_digits[0], True), (255 - mnist_digits[0], False)):
        assert read_bytes(pictures.encode(Image.fromarray(picture), "PNG"), tiny_model).unchanged is unchanged


def test_evidence_is_gathered_on_request(tiny_model: Model) -> None:
    """What the answer rests on is told where it was asked for, and changes nothing else."""
    upload = open_upload(pictures.encode(pictures.seven(), "PNG"), 50_000_000)
    plain = read(upload, tiny_model.classifier)
    assert plain.evidence is None
    upload = open_upload(pictures.encode(pictures.seven(), "PNG"), 50_000_000)
    explained = read(upload, tiny_model.classifier, with_evidence=True)
    pixels = normalize(pictures.pixels_of(pictures.seven())).pixels
    assert explained.evidence == explain(pixels, plain.digit, tiny_model.classifier)
    assert np.array_equal(explained.probabilities, plain.probabilities)


def test_box_lies_in_the_upright_original(tiny_model: Model) -> None:
    """For a large sideways photo the crop box is in pixels of the upright original, round the ink."""
    scene = pictures.seven(2400, 1600)
    reading = read_bytes(pictures.oriented(scene, 6, "JPEG"), tiny_model)
    assert (reading.width, reading.height) == (2400, 1600)
    rows, columns = (pictures.pixels_of(scene) < 128).nonzero()
    box = reading.crop_box
    assert box.left == pytest.approx(columns.min(), abs=25)
    assert box.right == pytest.approx(columns.max(), abs=25)
    assert box.top == pytest.approx(rows.min(), abs=25)
    assert box.bottom == pytest.approx(rows.max(), abs=25)


def test_size_and_format_do_not_change_the_answer(tiny_model: Model) -> None:
    """The same seven in another size and format is prepared much alike, and so answered much alike."""
    small = read_bytes(pictures.encode(pictures.seven(300, 200), "PNG"), tiny_model)
    large = read_bytes(pictures.encode(pictures.seven(1500, 1000), "JPEG"), tiny_model)
    assert small.digit == large.digit
    assert small.probabilities == pytest.approx(large.probabilities, abs=0.1)


def test_transparent_drawing_without_visible_ink_is_blank(tiny_model: Model) -> None:
    """What cannot be seen is not read."""
    hidden = pictures.seven().convert("RGBA")
    hidden.putalpha(0)
    with pytest.raises(NoInkError):
        read_bytes(pictures.encode(hidden, "PNG"), tiny_model)


def test_damage_shows_while_reading(tiny_model: Model) -> None:
    """A picture whose header is whole and whose pixels are not opens, and is called damaged when it is read."""
    body = pictures.encode(pictures.seven(), "BMP")
    with pytest.raises(DamagedPictureError):
        read_bytes(body[: len(body) // 2], tiny_model)
