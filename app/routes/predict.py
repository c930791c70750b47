"""POST /predict: one picture in, its digit out."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.decoding import FORMATS
from app.documentation import BINARY, reference, request_body
from app.problems import WAITING_ERRORS, domain_problem, problem_documentation
from app.requests import PictureInJson
from app.routes.answering import answer_file, answer_json, prediction_of
from app.routes.state import service_of
from app.schemas import Prediction
from app.uploads import BINARY_TYPE, FIELD, JSON_TYPE, JsonBody, read_picture

router = APIRouter(tags=["reading"])

PATH: Final = "/predict"

_FORM: Final[dict[str, Any]] = {
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
}


@router.post(
    PATH,
    summary="Read the handwritten digit in a picture",
    response_model=Prediction,
    openapi_extra=request_body(
        {"multipart/form-data": _FORM, "image/*": BINARY, BINARY_TYPE: BINARY, JSON_TYPE: reference(PictureInJson)}
    ),
    responses=problem_documentation(
        errors.MalformedUploadError,
        errors.MalformedJsonError,
        errors.TooManyBytesError,
        errors.UnsupportedFormatError,
        errors.UnsupportedUploadError,
        errors.MissingPictureError,
        errors.TooManyPixelsError,
        errors.DamagedPictureError,
        errors.NoInkError,
        errors.InvalidRequestError,
        *WAITING_ERRORS,
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
    """Send the picture as the multipart field `file`, as the body itself with its content type, or in JSON.

    Ink may be dark or light, the ground uneven, the digit anywhere: it is found, evened out and brought into MNIST's
    geometry before it is classified. The answer says what was done.
    """
    service = service_of(request)
    body = await read_picture(request, service.max_bytes)
    if isinstance(body, JsonBody):
        reading = await answer_json(body.text, service, explain=explain)
    else:
        reading = await answer_file(body, service, explain=explain)
    return Response(prediction_of(reading, service).model_dump_json(), media_type="application/json")


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
