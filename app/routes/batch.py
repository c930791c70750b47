"""POST /predict/batch: many pictures in, what became of each out."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from app import errors
from app.documentation import request_body
from app.problems import WAITING_ERRORS, problem_documentation, problem_of
from app.routes.answering import prediction_of, read_file
from app.routes.state import Service, service_of
from app.schemas import Batch, BatchItem
from app.uploads import FIELD, read_pictures

router = APIRouter(tags=["reading"])

_FORM: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "required": [FIELD],
        "properties": {
            FIELD: {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "format": "binary"},
                "description": "The pictures, each a field of this name.",
            }
        },
    }
}


@router.post(
    "/predict/batch",
    summary="Read the handwritten digits in many pictures",
    response_model=Batch,
    openapi_extra=request_body({"multipart/form-data": _FORM}),
    responses=problem_documentation(
        errors.MalformedUploadError,
        errors.TooManyBytesError,
        errors.TooManyPicturesError,
        errors.UnsupportedUploadError,
        errors.MissingPictureError,
        *WAITING_ERRORS,
        parameters=True,
    ),
)
async def predict_batch(
    request: Request,
    explain: Annotated[bool, Query(description="`true` explains each answer, as /predict does.")] = False,
) -> Response:
    """Send each picture as a multipart field `file`; the answers come in the same order.

    A picture that cannot be read spoils no other: its place in the answer holds the problem that /predict would have
    answered with.
    """
    service = service_of(request)
    pictures = await read_pictures(request, service.max_bytes, service.max_batch, service.max_batch_bytes)
    with service.pool.place():
        items = await service.pool.turns([partial(_item, picture, service, explain=explain) for picture in pictures])
        # A thousand explained answers take milliseconds to write.
        content = await service.pool.turn(Batch(results=tuple(items)).model_dump_json)
    return Response(content, media_type="application/json")


def _item(picture: bytes | errors.UploadError, service: Service, *, explain: bool) -> BatchItem:
    if isinstance(picture, errors.UploadError):
        return BatchItem(prediction=None, problem=problem_of(picture))
    try:
        reading = read_file(picture, service, explain=explain)
    except errors.PictureError as error:
        return BatchItem(prediction=None, problem=problem_of(error))
    return BatchItem(prediction=prediction_of(reading, service), problem=None)
