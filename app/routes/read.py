"""POST /read: one picture in, all its digits out, row by row."""

from fastapi import APIRouter, Request, Response

from app import errors
from app.problems import problem_documentation
from app.routes.answering import PICTURE_BODY, PICTURE_ERRORS, numbers_of, read_numbers
from app.routes.state import service_of
from app.schemas import Numbers
from app.uploads import read_picture

router = APIRouter(tags=["reading"])


@router.post(
    "/read",
    summary="Read whole numbers in a picture",
    response_model=Numbers,
    openapi_extra=PICTURE_BODY,
    responses=problem_documentation(*PICTURE_ERRORS, errors.TooMuchWritingError),
)
async def read(request: Request) -> Response:
    """Send a picture of any count of digits, in one row or several, as to /predict.

    Digits that touch are cut apart and broken ones put together; lines to write on, specks and dots are left out. What
    is no digit, a letter for example, has the verdict `not_a_digit` and is a `?` in the text.
    """
    service = service_of(request)
    reading = await read_numbers(await read_picture(request, service.max_bytes), service)
    return Response(numbers_of(reading, service).model_dump_json(), media_type="application/json")
