"""Reads pictures in this process, without a server: the very road that the service takes."""

from app.answers import answer
from app.decoding import open_upload
from app.loading import load_model
from app.reading import read
from app.schemas import ModelName, Prediction
from app.settings import Settings


class LocalReader:
    """A loaded model; threads may share it. `app.client.Client` is its twin for a service elsewhere."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Load the model that the settings name, by default those of the environment.

        Raises:
            ArtifactError: no whole model is there; the message says what to do.
        """
        settings = settings if settings is not None else Settings()
        self._model = load_model(settings.model)
        self._max_pixels = settings.max_pixels

    def read(self, picture: bytes, *, explain: bool = False) -> Prediction:
        """Read the digit on an encoded picture.

        Args:
            picture: the bytes of a file in one of app.decoding.FORMATS.
            explain: whether to add what the answer rests on.

        Raises:
            PictureError: it is no picture, damaged, too large or blank.
        """
        reading = read(open_upload(picture, self._max_pixels), self._model.classifier, with_evidence=explain)
        metadata = self._model.metadata
        return answer(reading, metadata.thresholds, ModelName(name=metadata.name, version=metadata.version))
