"""What can go wrong while reading a picture or loading a model; knows nothing of HTTP.

Every message is a sentence for the person who has to act on it.
"""


class DigitsError(Exception):
    """Base of every error this service raises on purpose."""


class ArtifactError(DigitsError):
    """A published model is missing, damaged, or made for another input contract."""


class PictureError(DigitsError):
    """An upload cannot be read as a picture of a digit."""


class UnsupportedFormatError(PictureError):
    """The bytes are not a picture in one of the accepted formats."""


class DamagedPictureError(PictureError):
    """The bytes begin as a picture but cannot be decoded to the end."""


class TooManyPixelsError(PictureError):
    """The picture's header announces more pixels than the service decodes."""


class NoInkError(PictureError):
    """The picture is blank: nothing on it stands out from its ground."""


class TooMuchWritingError(PictureError):
    """The picture holds far more writing than a few rows of digits."""


class UploadError(DigitsError):
    """The request does not carry its pictures in a way the service understands."""


class TooManyBytesError(UploadError):
    """The request body is larger than the service accepts."""


class MissingPictureError(UploadError):
    """The request holds no picture: no `file` field, or an empty body."""


class MalformedUploadError(UploadError):
    """The body is not well formed multipart, or ended because the client left."""


class UnsupportedUploadError(UploadError):
    """The request's content type is neither multipart/form-data nor that of a picture, or its body is compressed."""


class TooManyPicturesError(UploadError):
    """The request holds more pictures than the service reads at once."""


class MalformedJsonError(UploadError):
    """The body is not JSON, or nested deeper than anything the service takes."""


class InvalidRequestError(UploadError):
    """The request is well formed, but does not say what it has to."""


class UnknownModelError(DigitsError):
    """The request names a model, or a version, that is not served."""


class OverloadedError(DigitsError):
    """As much work as the service takes on is under way already."""


class DoorError(DigitsError):
    """The request is turned away before it is read."""


class UnauthorizedError(DoorError):
    """The service asks for an API key, and the request brings none that it knows."""


class UnknownHostError(DoorError):
    """The request asks for a host name that is not the service's."""


class TooManyRequestsError(DoorError):
    """The client has used up what it may ask."""

    def __init__(self, detail: str, seconds: int = 1) -> None:
        super().__init__(detail)
        self.seconds = seconds
        """After which it may ask again."""


class ShuttingDownError(DigitsError):
    """The process was told to end."""


class DeadlineExceededError(DigitsError):
    """Nobody would have any use for the answer: it comes too late, or its caller has left."""


class UploadTimeoutError(UploadError):
    """The request arrives too slowly, or not at all."""


class FeedbackError(DigitsError):
    """A correction is not kept."""


class FeedbackOffError(FeedbackError):
    """The service takes no corrections."""


class FeedbackUnavailableError(FeedbackError):
    """The database of the corrections does not answer, or has no room."""


class BulkError(DigitsError):
    """An archive of pictures is not read."""


class PlaceError(BulkError):
    """A place to read from, or to write to, is none."""


class OtherJobError(BulkError):
    """What is in the output belongs to another job."""


class EngineError(BulkError):
    """There is no Ray to work with."""


class StoreError(BulkError):
    """What is kept elsewhere cannot be fetched now; it says nothing about the picture."""


class ServiceError(DigitsError):
    """A service elsewhere was asked and gave no reading."""


class RefusedError(ServiceError):
    """It does not read this picture; others it may."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        """Which problem it is, for programs; never changes its meaning."""


class UnavailableError(ServiceError):
    """There is no such service at the address, or it stayed busy or silent however often it was asked."""
