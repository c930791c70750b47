"""What a person says a picture shows, beside what the model said of it; knows no database."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from app.judgement import Verdict

Label = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "not_a_digit"]
"""What a picture shows."""

State = Literal["waiting", "accepted", "rejected"]
"""What became of a correction; only accepted ones are ever learnt from."""

NO_DIGIT: Final[Label] = "not_a_digit"

_HELD_OUT: Final = 51
"""Of 256: a fifth of all pictures."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One picture, as the model saw it, with its answer and the person's."""

    picture: npt.NDArray[np.uint8]
    """What the model saw, uint8 (28, 28, 1)."""
    label: Label
    probabilities: tuple[float, ...]
    """What the model answered, of 0 to 9 in this order."""
    verdict: Verdict | None
    model_name: str
    model_version: str

    @property
    def id(self) -> str:
        """The same for the same picture and label: who sends a correction twice has sent one."""
        return hashlib.sha256(self.picture.tobytes() + self.label.encode()).hexdigest()[:32]

    @property
    def digit(self) -> int:
        """The model's answer."""
        return int(np.argmax(self.probabilities))

    @property
    def is_held_out(self) -> bool:
        """Whether it is for measuring only and never learnt from.

        The picture alone decides: whatever is said about it, and whenever, it stays on its side.
        """
        return hashlib.sha256(self.picture.tobytes()).digest()[0] < _HELD_OUT


@dataclass(frozen=True, slots=True)
class KeptCorrection:
    """One that is in the database."""

    correction: Correction
    received: dt.date
    """In UTC. The day is enough to know when to forget it."""
    state: State
