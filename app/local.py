"""Reads pictures in this process, without a server: the very road that the service takes."""

from app.answers import answer, answer_rows
from app.decoding import open_upload
from app.loading import load_model
from app.reading import read, read_rows
from app.schemas import ModelName, Numbers, Prediction
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
        metadata = self._model.metadata
        self.model = ModelName(name=metadata.name, version=metadata.version)
        """Which model answers."""
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
        return answer(reading, self._model.metadata.thresholds, self.model)

    def read_numbers(self, picture: bytes) -> Numbers:
        """Read all digits of an encoded picture, row by row.

        Args:
            picture: the bytes of a file in one of app.decoding.FORMATS.

        Raises:
            PictureError: it is no picture, damaged, too large, blank, or holds far more than numbers.
        """
        upload = open_upload(picture, self._max_pixels)
        reading = read_rows(upload, self._model.classifier, self._model.row_reader)
        return answer_rows(reading, self._model.metadata.thresholds, self.model)
