"""What a published model is on disk: its files, their schema and digests, and how they are replaced atomically.

artifacts/NAME/CURRENT              the published version's name
artifacts/NAME/VERSION/model.keras  the saved Keras model
                       model.tflite its compiled twin for LiteRT
                       rows.keras, rows.tflite: the same of the network that reads whole rows, if there is one
                       metadata.json, evaluation.json, the model card and plots
                       PREVIOUS     the version that was published before it, if any: where a rollback goes
"""

import base64
import contextlib
import datetime as dt
import hashlib
import itertools
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from dataclasses import field as attribute
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.contract import CONTRACT_VERSION, INPUT_SHAPE, LABELS
from app.errors import ArtifactError

MODEL_FILE: Final = "model.keras"
TWIN_FILE: Final = "model.tflite"
ROWS_FILE: Final = "rows.keras"
ROWS_TWIN_FILE: Final = "rows.tflite"
METADATA_FILE: Final = "metadata.json"
EVALUATION_FILE: Final = "evaluation.json"
CURVES_FILE: Final = "curves.png"
CONFUSION_FILE: Final = "confusion.png"
MISTAKES_FILE: Final = "mistakes.png"
DOUBT_FILE: Final = "doubt.png"
POINTER_FILE: Final = "CURRENT"
PREVIOUS_FILE: Final = "PREVIOUS"
LOCK_FILE: Final = ".lock"

SHOWN_FILES: Final = (MISTAKES_FILE, DOUBT_FILE)
"""The plots whose figures are in no record, and all of a version's files that the service's page ever shows."""

KEPT_VERSIONS: Final = 3
"""The published version and those before it, if nothing else is said; older ones are removed."""

LOCK_SECONDS: Final = 60.0
"""How long a publication or rollback waits for another one, which takes a fraction of a second."""

DEBRIS_SECONDS: Final = 24 * 3600.0
"""What a publication that was killed left behind is removed by a later one after this time; none takes as long."""

INPUT_DTYPE: Final = "uint8"

_STAGING_PREFIX: Final = ".staging-"
_VERSION_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SelfTest(_Record):
    """A digit and what the model said about it when it was published."""

    picture: str
    """base64 of the 784 bytes of uint8 (28, 28, 1)."""
    probabilities: tuple[float, ...]

    @classmethod
    def of(cls, picture: npt.NDArray[np.uint8], probabilities: npt.NDArray[np.float32]) -> "SelfTest":
        """Record uint8 (28, 28, 1) and float32 (10,)."""
        return cls(
            picture=base64.b64encode(picture.tobytes()).decode(),
            probabilities=tuple(float(probability) for probability in probabilities),
        )

    def pixels(self) -> npt.NDArray[np.uint8]:
        """The picture, uint8 (28, 28, 1).

        Raises:
            ArtifactError: it is not one.
        """
        try:
            return np.frombuffer(base64.b64decode(self.picture, validate=True), np.uint8).reshape(INPUT_SHAPE)
        except ValueError as error:
            raise ArtifactError("The self-test's picture is damaged. Publish the model again: make train.") from error


class Thresholds(_Record):
    """Where doubt begins, chosen on validation digits for stated risks."""

    least_pair_probability: Annotated[
        float,
        Field(
            description="Pictures that had MNIST's geometry already are called no digit where their two most probable "
            "digits have less together."
        ),
    ]
    prepared_least_pair_probability: Annotated[
        float, Field(description="The same of pictures that had to be prepared: these show no digit more often.")
    ]
    least_confidence: Annotated[float, Field(description="Answers with less confidence are called uncertain.")]
    rejection_risk: Annotated[
        float, Field(description="Share of validation digits that may lie below least_pair_probability.")
    ]
    prepared_rejection_risk: Annotated[
        float, Field(description="Share of validation digits that may lie below prepared_least_pair_probability.")
    ]
    mistake_risk: Annotated[float, Field(description="Share of mistakes among validation answers called certain.")]


class TrainingFacts(_Record):
    """Where a trained model comes from."""

    recipe: Annotated[str, Field(description="Name of the recipe, as in `make train RECIPE=...`.")]
    purpose: Annotated[str, Field(description="What the recipe is for.")]
    seed: Annotated[int, Field(description="Seed of weights, order and variation.")]
    epochs: Annotated[int, Field(description="Passes over the training digits.")]
    data: Annotated[str, Field(description="Digits trained, chosen and measured on.")]
    data_digest: Annotated[str, Field(description="sha256 of all their pictures and labels.")]
    packages: Annotated[dict[str, str], Field(description="Versions that trained it.")]


class RowNetwork(_Record):
    """What identifies the network that reads whole rows, beside the model for single digits."""

    parameters: Annotated[int, Field(description="Number of weights.")]
    multiply_adds: Annotated[int, Field(description="Multiplications with a weight for one window of a row.")]
    weights_digest: Annotated[str, Field(description="sha256 of the weights in order.")]
    model_digest: Annotated[str, Field(description="sha256 of rows.keras.")]
    twin_digest: Annotated[str, Field(description="sha256 of rows.tflite.")]
    twin_difference: Annotated[
        float, Field(description="Largest difference of a probability between the two forms when published.")
    ]
    self_test: Annotated[
        tuple[float, ...],
        Field(description="Mean probability of each symbol in a row made of the model's self-test picture."),
    ]


class Metadata(_Record):
    """What identifies a model and what it expects."""

    name: Annotated[str, Field(description="The model's name: its recipe's, or that of the file it came from.")]
    version: Annotated[str, Field(description="Day of publication and beginning of each network's weights' digest.")]
    created: dt.datetime
    contract_version: Annotated[int, Field(description="Version of the input contract it was made for.")]
    input_shape: Annotated[tuple[int, ...], Field(description="Shape of one prepared picture.")]
    input_dtype: str
    labels: Annotated[tuple[int, ...], Field(description="The digit each probability belongs to.")]
    parameters: Annotated[int, Field(description="Number of weights.")]
    multiply_adds: Annotated[int, Field(description="Multiplications with a weight for one picture.")]
    weights_digest: Annotated[str, Field(description="sha256 of the weights in order; identifies the model.")]
    model_digest: Annotated[str, Field(description="sha256 of model.keras.")]
    twin_digest: Annotated[str, Field(description="sha256 of model.tflite.")]
    twin_difference: Annotated[
        float, Field(description="Largest difference of a probability between the two forms when published.")
    ]
    self_test: SelfTest
    rows: Annotated[
        RowNetwork | None,
        Field(description="The network that reads whole rows; without one, digits that touch are told apart worse."),
    ] = None
    thresholds: Annotated[
        Thresholds | None, Field(description="Missing for a model this project did not measure: it gives no verdicts.")
    ] = None
    training: TrainingFacts | None = None


class Score(_Record):
    """How many of how many, with the 95% Wilson interval of the share."""

    correct: int
    count: int
    share: float
    low: float
    high: float


class DigitScore(_Record):
    """One digit's figures on the test set."""

    digit: int
    count: int
    precision: float
    recall: float


class CorruptionScore(_Record):
    """Accuracy on test digits that something befell."""

    kind: Annotated[str, Field(description="What befell them.")]
    strength: Annotated[float, Field(description="0 barely visible, 1 hard but readable for a person.")]
    score: Score


class SceneScore(_Record):
    """Accuracy on test digits in something that people crop, scan, photograph or draw."""

    scene: Annotated[str, Field(description="Where the digits were put.")]
    score: Score


class StringsScore(_Record):
    """How composed strings of two to eight test digits are read."""

    spacing: Annotated[str, Field(description="`wide`, `normal`, `tight` or `touching`: half of the neighbours touch.")]
    strings: Annotated[Score, Field(description="Strings read right, every digit of them.")]
    digits: Annotated[Score, Field(description="Digits less those to change, insert or drop (Levenshtein, 1966).")]


class RealSetScore(_Record):
    """What was made of one folder of other people's pictures, sent through the whole input path."""

    name: Annotated[str, Field(description="Name of the folder.")]
    of_digits: Annotated[bool, Field(description="Whether each picture shows one digit; the others show none or many.")]
    right: Annotated[Score, Field(description="Digits read right; of pictures of other things, those refused.")]
    rejected: Annotated[Score, Field(description="Pictures called no digit, or refused as blank or damaged.")]


class FeatureReference(_Record):
    """How one feature of the prepared pictures was distributed when the model was measured."""

    name: Annotated[str, Field(description="`ink_share`, `stroke_width`, `confidence` or `verdict`.")]
    edges: Annotated[
        tuple[float, ...],
        Field(description="Where one bin ends and the next begins, rising; the first and the last bin are open."),
    ]
    shares: Annotated[tuple[float, ...], Field(description="Share of the pictures in each bin: one more than edges.")]


class CorrectionScores(_Record):
    """What users' reviewed corrections changed.

    A digit counts as right if it is read right, anything else if it is called no digit.
    """

    learnt: Annotated[int, Field(description="Corrections learnt from.")]
    before: Annotated[
        Score | None, Field(description="Held-out corrections that the model published before reads right.")
    ]
    after: Annotated[Score | None, Field(description="The same of this model; null where none was held out.")]


class Evaluation(_Record):
    """How well a published model reads, measured through the service's own classifier."""

    test: Score
    validation: Score
    digits: tuple[DigitScore, ...]
    confusion: Annotated[
        tuple[tuple[int, ...], ...], Field(description="Test digits by true label (row) and answer (column).")
    ]
    expected_calibration_error: Annotated[
        float, Field(description="Mean distance of confidence and accuracy over 15 bins of confidence, test set.")
    ]
    rejected: Annotated[Score | None, Field(description="Test digits called no digit.")] = None
    certain: Annotated[Score | None, Field(description="Right answers among the test digits called certain.")] = None
    refused_others: Annotated[
        Score | None, Field(description="Pictures made in code that show no digit, called no digit.")
    ] = None
    corrupted: Annotated[
        tuple[CorruptionScore, ...], Field(description="Corrupted test digits read right; empty if not measured.")
    ] = ()
    scenes: Annotated[
        tuple[SceneScore, ...],
        Field(description="Test digits read right in pictures such as people send; empty if not measured."),
    ] = ()
    strings: Annotated[
        tuple[StringsScore, ...],
        Field(description="Composed strings of test digits read right; empty if not measured."),
    ] = ()
    real: Annotated[
        tuple[RealSetScore, ...],
        Field(description="Other people's pictures, by set; empty until `make evaluate REAL=... RECORD=1`."),
    ] = ()
    inputs: Annotated[
        tuple[FeatureReference, ...],
        Field(
            description="What prepared pictures were like, validation digits as they are and corrupted: what the "
            "service measures its input's drift against. Empty until `make evaluate RECORD=1` in older versions."
        ),
    ] = ()
    corrections: Annotated[
        CorrectionScores | None, Field(description="Missing unless trained with `make train FEEDBACK=...`.")
    ] = None
    peers: Annotated[
        tuple[Score, ...],
        Field(description="Validation accuracy of each network trained; the best of them was published."),
    ] = ()
    temperature: Annotated[
        float | None, Field(description="What the published network's logits were divided by, fitted on validation.")
    ] = None
    png: Annotated[Score, Field(description="Test digits whose PNG, sent through the whole input path, reads alike.")]
    history: Annotated[dict[str, tuple[float, ...]], Field(description="Training figures, one an epoch.")]
    training_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A published model whose files have been checked against its metadata."""

    folder: Path
    metadata: Metadata
    evaluation: Evaluation | None
    twin: bytes | None = attribute(repr=False)
    """The very bytes that were checked: what becomes of the file no longer matters to who serves it."""
    rows_twin: bytes | None = attribute(repr=False)
    """The same of the network for rows; None where there is none."""

    @property
    def model_path(self) -> Path:
        """The saved Keras model."""
        return self.folder / MODEL_FILE

    def plots(self) -> dict[str, bytes]:
        """Those of SHOWN_FILES that are there, by name: PNG files."""
        paths = [self.folder / name for name in SHOWN_FILES]
        return {path.name: path.read_bytes() for path in paths if path.is_file()}

    @property
    def twin_path(self) -> Path:
        """The compiled twin."""
        return self.folder / TWIN_FILE


def current_folder(path: Path) -> Path:
    """The folder of the published version.

    Args:
        path: `artifacts/NAME`, or a version's own folder.

    Raises:
        ArtifactError: nothing is published there.
    """
    pointer = path / POINTER_FILE
    if pointer.is_file():
        name = pointer.read_bytes().strip().decode("ascii", errors="replace")
        if not _VERSION_NAME.fullmatch(name):
            raise ArtifactError(
                f"{pointer} is damaged: it does not name a version. Publish the model again: make train"
            )
        return path / name
    if (path / METADATA_FILE).is_file():
        return path
    raise ArtifactError(f"{path} holds no published model. Train one with: make train")


def read_artifact(path: Path) -> Artifact:
    """Read what is published at `artifacts/NAME` or in a version's folder, and check every digest.

    Raises:
        ArtifactError: nothing is published there, a file is missing or damaged, or the model was made for another
            input contract.
    """
    folder = current_folder(path)
    try:
        metadata = Metadata.model_validate_json((folder / METADATA_FILE).read_bytes())
        evaluation_path = folder / EVALUATION_FILE
        evaluation = Evaluation.model_validate_json(evaluation_path.read_bytes()) if evaluation_path.is_file() else None
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be read ({error}). Publish the model again: make train") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ArtifactError(
            f"{folder}: metadata or evaluation is not as it should be ({place}: {first['msg']}). "
            "Publish the model again: make train"
        ) from error
    _check_contract(folder, metadata)
    _checked(folder / MODEL_FILE, metadata.model_digest)
    twin = folder / TWIN_FILE
    checked_twin = _checked(twin, metadata.twin_digest) if twin.exists() else None
    rows_twin = None
    if metadata.rows is not None:
        _checked(folder / ROWS_FILE, metadata.rows.model_digest)
        rows_twin = _checked(folder / ROWS_TWIN_FILE, metadata.rows.twin_digest)
    return Artifact(folder, metadata, evaluation, checked_twin, rows_twin)


def glimpse(path: Path) -> Hashable:
    """What changes when something else is published at `artifacts/NAME`, or the published files are changed: cheap.

    It is CURRENT's content, and the names, sizes and times of the files it leads to: a version whose files arrive after
    CURRENT, as on a volume that is synchronised file by file, looks different when it is whole.
    """
    try:
        content = (path / POINTER_FILE).read_bytes()
    except OSError as error:
        return error.errno
    with contextlib.suppress(OSError, ArtifactError), os.scandir(current_folder(path)) as entries:
        stats = [(entry.name, entry.stat()) for entry in entries]
        return (content, *sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
    return content


def publish(root: Path, name: str, write: Callable[[Path], Metadata], keep: int = KEPT_VERSIONS) -> Path:
    """Publish a new version; whatever happens, `root/name` names a whole model before, meanwhile and after.

    Args:
        root: the folder of all published models.
        name: the model's name.
        write: fills an empty folder with the version's files and returns its metadata; when it raises, nothing is
            published.
        keep: how many versions to keep, this one included: those that were published before it, the last ones first.

    Returns:
        The new version's folder.

    Raises:
        ArtifactError: another publication under the same name does not end.
    """
    home = root / name
    home.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=home))
    try:
        metadata = write(staging)
        with _changing(home):
            before = _named_in(home / POINTER_FILE)
            if before is not None:
                (staging / PREVIOUS_FILE).write_text(f"{before}\n")
            for path in staging.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            staging.chmod(0o755)
            folder = _unused(home / metadata.version)
            staging.rename(folder)
            write_atomically(home / POINTER_FILE, f"{folder.name}\n".encode())
            _remove_old(home, folder.name, keep)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def roll_back(home: Path, check: Callable[[Path], object], version: str | None = None) -> Path:
    """Let an earlier version be the published one again.

    Args:
        home: `artifacts/NAME`.
        check: loads a version's folder as the service does; what it raises leaves everything as it is.
        version: which one; by default the one that was published before the present one.

    Returns:
        Its folder.

    Raises:
        ArtifactError: there is none, or another program is publishing and does not end.
    """
    if not home.is_dir():
        raise ArtifactError(f"{home} holds no published model. Train one with: make train")
    with _changing(home):
        there = ", ".join(_versions(home)) or "none"
        present = _named_in(home / POINTER_FILE)
        if version is None:
            version = None if present is None else _named_in(home / present / PREVIOUS_FILE)
            if version is None:
                raise ArtifactError(
                    f"{home / POINTER_FILE} names {present}, and nothing says what was published before it. "
                    f"Name one of the versions that are there: {there}."
                )
        if version not in _versions(home):
            raise ArtifactError(f"{home} has no version {version}. These are there: {there}.")
        check(home / version)
        write_atomically(home / POINTER_FILE, f"{version}\n".encode())
    return home / version


@contextlib.contextmanager
def alone(folder: Path, seconds: float, complaint: str) -> Iterator[None]:
    """Let one process at a time do something in a folder; the system releases the lock of one that is killed.

    Args:
        folder: it gets a file LOCK_FILE meanwhile.
        seconds: how long to wait for another process.
        complaint: what to say when that was not enough.

    Raises:
        ArtifactError: another process is at it.
    """
    from filelock import FileLock, Timeout  # the programs of the comparison with other servers do without

    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise ArtifactError(complaint) from error
    try:
        yield
    finally:
        lock.release()


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one step: readers see the old content or the new, also after a crash."""
    descriptor, temporary = tempfile.mkstemp(prefix=_STAGING_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def file_digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_contract(folder: Path, metadata: Metadata) -> None:
    expected = {
        "contract_version": CONTRACT_VERSION,
        "input_shape": INPUT_SHAPE,
        "input_dtype": INPUT_DTYPE,
        "labels": LABELS,
    }
    for field, value in expected.items():
        found = getattr(metadata, field)
        if found != value:
            raise ArtifactError(
                f"{folder} was made for {field} {found}; this service has {field} {value}. "
                "Train it again with this version: make train"
            )


def _checked(path: Path, expected: str) -> bytes:
    """A file's content, which has this digest."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error}). Publish the model again: make train") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ArtifactError(
            f"{path} is not the file that was published: its sha256 is {found}, its metadata names {expected}. "
            "Publish the model again: make train"
        )
    return content


def _changing(home: Path) -> contextlib.AbstractContextManager[None]:
    return alone(home, LOCK_SECONDS, f"Another program is changing {home} and does not end. Try again when it has.")


def _named_in(pointer: Path) -> str | None:
    """The version that CURRENT or PREVIOUS names; None where it is missing or damaged."""
    try:
        name = pointer.read_bytes().strip().decode("ascii", errors="replace")
    except OSError:
        return None
    return name if _VERSION_NAME.fullmatch(name) else None


def _unused(folder: Path) -> Path:
    """The folder, or where the same version has been published before, one with a number behind its name."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([folder], numbered) if not candidate.exists())


def _versions(home: Path) -> list[str]:
    """The versions that are there, the newest first."""
    folders = [
        folder
        for folder in home.iterdir()
        if _VERSION_NAME.fullmatch(folder.name) and (folder / METADATA_FILE).is_file()
    ]
    folders.sort(key=lambda folder: (folder / METADATA_FILE).stat().st_mtime, reverse=True)
    return [folder.name for folder in folders]


def _line(home: Path, current: str) -> Iterator[str]:
    """The current version, the one it replaced, the one that replaced, and so on."""
    seen: set[str] = set()
    name: str | None = current
    while name is not None and name not in seen:
        seen.add(name)
        yield name
        name = _named_in(home / name / PREVIOUS_FILE)


def _remove_old(home: Path, current: str, keep: int) -> None:
    """Keep the current version and those it can be rolled back to before any that was rolled back from."""
    there = _versions(home)
    line = [name for name in _line(home, current) if name in there]
    others = [name for name in there if name not in line]
    for name in [*line, *others][max(1, keep) :]:
        # In one step for whoever looks at the versions, however long the files take.
        doomed = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=home))
        (home / name).rename(doomed / name)
        shutil.rmtree(doomed, ignore_errors=True)
    for debris in home.glob(f"{_STAGING_PREFIX}*"):
        with contextlib.suppress(OSError):
            if debris.stat().st_mtime < time.time() - DEBRIS_SECONDS:
                shutil.rmtree(debris) if debris.is_dir() else debris.unlink()
