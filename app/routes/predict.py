"""POST /predict: one picture in, its digit out."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.problems import error_response, problem_documentation
from app.routes.answering import PICTURE_BODY, PICTURE_ERRORS, answer_picture, prediction_of
from app.routes.state import service_of
from app.schemas import Prediction
from app.uploads import read_picture

router = APIRouter(tags=["reading"])

PATH: Final = "/predict"


@router.post(
    PATH,
    summary="Read the handwritten digit in a picture",
    response_model=Prediction,
    openapi_extra=PICTURE_BODY,
    responses=problem_documentation(*PICTURE_ERRORS),
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
    reading = await answer_picture(await read_picture(request, service.max_bytes), service, explain=explain)
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
            response = error_response(PATH, error)
        await response(scope, receive, send)
