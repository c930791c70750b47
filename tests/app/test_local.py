"""Reading in this process is the service's own road: the same answers, the same refusals."""

from pathlib import Path

import pytest

from app.errors import ArtifactError, NoInkError, TooManyPixelsError, UnsupportedFormatError
from app.local import LocalReader
from app.schemas import Numbers, Prediction
from app.settings import Settings
from tests.app.service import Client
from tests.pictures import encode, png_claiming, seven


@pytest.fixture(scope="module")
def reader(tiny_artifact: Path) -> LocalReader:
    """A reader with the tiny model."""
    return LocalReader(Settings(model=tiny_artifact))


@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_answers_are_those_of_the_service(
    client: Client, reader: LocalReader, image_format: str, explain: bool
) -> None:
    """Small and large pictures alike, with and without explanation."""
    for picture in (seven(28, 28), seven(640, 480)):
        body = encode(picture, image_format)
        answer = client.predict(body, explain=str(explain).lower())
        assert reader.read(body, explain=explain) == Prediction.model_validate_json(answer.content)


def test_whole_numbers(client: Client, reader: LocalReader) -> None:
    """They too are those of the service."""
    body = encode(seven(640, 480), "PNG")
    answer = client.request("POST", "/read", content=body, headers={"content-type": "image/png"})
    assert reader.read_numbers(body) == Numbers.model_validate_json(answer.content)


def test_refusals(reader: LocalReader) -> None:
    """What the service does not read is not read here."""
    with pytest.raises(UnsupportedFormatError):
        reader.read(b"no picture")
    with pytest.raises(TooManyPixelsError):
        reader.read(png_claiming(50_000, 50_000))
    with pytest.raises(NoInkError):
        reader.read(encode(seven(ink=255), "PNG"))


def test_settings_of_the_environment(tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings of its own it takes those of the environment; a missing model is told of at once."""
    monkeypatch.setenv("DIGITS_MODEL", str(tiny_artifact))
    assert LocalReader().read(encode(seven(), "PNG")).model.name == "tiny"
    monkeypatch.setenv("DIGITS_MODEL", str(tmp_path))
    with pytest.raises(ArtifactError):
        LocalReader()
