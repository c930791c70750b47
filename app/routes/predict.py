"""POST /predict: one picture in, its digit out."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.admission import QUICK_BYTES, is_quick
from app.answers import answer
from app.decoding import FORMATS, open_upload
from app.problems import domain_problem, problem_documentation
from app.reading import Reading, read
from app.routes.state import Service, service_of
from app.schemas import Prediction
from app.uploads import BINARY_TYPE, FIELD, read_picture

router = APIRouter(tags=["reading"])

PATH: Final = "/predict"

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {
                        FIELD: {
                            "type": "string",
                            "format": "binary",
                            "description": f"The picture: {', '.join(FORMATS)}. Its content decides, not its name.",
                        }
                    },
                }
            },
            "image/*": _BINARY,
            BINARY_TYPE: _BINARY,
        },
    }
}


@router.post(
    PATH,
    summary="Read the handwritten digit in a picture",
    response_model=Prediction,
    openapi_extra=_BODY,
    responses=problem_documentation(
        errors.MalformedUploadError,
        errors.TooManyBytesError,
        errors.UnsupportedFormatError,
        errors.UnsupportedUploadError,
        errors.MissingPictureError,
        errors.TooManyPixelsError,
        errors.DamagedPictureError,
        errors.NoInkError,
        errors.OverloadedError,
        parameters=True,
    ),
)
async def predict(
    request: Request,
    explain: Annotated[
        bool,
        Query(
            description="`true` adds `explanation` to the answer: the picture the model saw, and a map of the ink that "
            "the digit rests on. It takes some 10 ms more."
        ),
    ] = False,
) -> Response:
    """Send the picture as the multipart field `file`, or as the body itself with its content type.

    Ink may be dark or light, the ground uneven, the digit anywhere: it is found, evened out and brought into MNIST's
    geometry before it is classified. The answer says what was done.
    """
    service = service_of(request)
    body = await read_picture(request, service.max_bytes)
    reading = await _admit(body, service, explain=explain)
    prediction = answer(reading, service.model.metadata.thresholds, service.model_name)
    return Response(prediction.model_dump_json(), media_type="application/json")


class Shortcut:
    """Answers `POST /predict` without parameters before it gets to FastAPI.

    The route above does the same in the same words and is what the API reference shows; finding it, its parameters and
    its exception handlers takes a sixth of the time of a small picture's request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what is another request."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        try:
            response = await predict(Request(scope, receive))
        except errors.DigitsError as error:
            response = domain_problem(error)
        await response(scope, receive, send)


async def _admit(body: bytes, service: Service, *, explain: bool) -> Reading:
    classifier = service.model.classifier
    if explain or len(body) > QUICK_BYTES:
        return await service.pool.run(
            lambda: read(open_upload(body, service.max_pixels), classifier, with_evidence=explain)
        )
    upload = open_upload(body, service.max_pixels)
    work = partial(read, upload, classifier)
    return work() if is_quick(upload) else await service.pool.run(work)
