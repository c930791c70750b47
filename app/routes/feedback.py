"""POST /feedback: a picture and what it really shows, kept with what the model said of it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app import errors
from app.answers import answer
from app.feedback.corrections import Correction, Label
from app.feedback.intake import Intake
from app.problems import problem_documentation
from app.routes.answering import PICTURE_BODY, PICTURE_ERRORS, answer_picture
from app.routes.state import service_of
from app.schemas import CorrectionReceipt
from app.uploads import read_picture

router = APIRouter(tags=["reading"])


def intake_of(request: Request) -> Intake:
    """What keeps corrections; asked before anything of the request is looked at.

    Raises:
        FeedbackOffError: nothing does.
    """
    intake = service_of(request).intake
    if intake is None:
        raise errors.FeedbackOffError("This service takes no corrections: its operator has set no DIGITS_DATABASE.")
    return intake


@router.post(
    "/feedback",
    summary="Say what a picture really shows",
    status_code=HTTPStatus.CREATED,
    response_model=CorrectionReceipt,
    openapi_extra=PICTURE_BODY,
    responses=problem_documentation(*PICTURE_ERRORS, errors.FeedbackOffError, errors.FeedbackUnavailableError),
)
async def feedback(
    request: Request,
    intake: Annotated[Intake, Depends(intake_of)],
    label: Annotated[Label, Query(description="What the picture shows: a digit, or `not_a_digit`.")],
) -> Response:
    """Send the picture again as to /predict, or the 28x28 `picture` of its `explanation`, and what it shows.

    The service reads it anew and keeps the 28x28 pixels that the model saw, the model's probabilities and verdict, its
    name and version, the label and the day. Nothing else is kept, and that for a while only. Off unless the operator
    has set a database.
    """
    service = service_of(request)
    reading = await answer_picture(await read_picture(request, service.max_bytes), service)
    told = answer(reading, service.model.metadata.thresholds, service.model_name)
    correction = Correction(
        picture=reading.pixels,
        label=label,
        probabilities=told.probabilities,
        verdict=told.verdict,
        model_name=told.model.name,
        model_version=told.model.version,
    )
    await intake.take(correction)
    receipt = CorrectionReceipt(
        id=correction.id,
        label=label,
        probabilities=told.probabilities,
        verdict=told.verdict,
        model=told.model,
        days=intake.days,
    )
    return Response(receipt.model_dump_json(), HTTPStatus.CREATED, media_type="application/json")
