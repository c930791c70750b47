"""Target: a published version of which somebody has changed a file."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from app.artifact import (
    EVALUATION_FILE,
    METADATA_FILE,
    MISTAKES_FILE,
    MODEL_FILE,
    POINTER_FILE,
    PREVIOUS_FILE,
    ROWS_FILE,
    ROWS_TWIN_FILE,
    TWIN_FILE,
    Metadata,
    current_folder,
    glimpse,
)
from app.errors import ArtifactError
from app.loading import load_model
from app.settings import PROJECT_FOLDER
from tests.fuzz.cases import READ, Read, Target

_FILES: Final = (
    POINTER_FILE,
    METADATA_FILE,
    EVALUATION_FILE,
    MODEL_FILE,
    TWIN_FILE,
    PREVIOUS_FILE,
    MISTAKES_FILE,
    ROWS_FILE,
    ROWS_TWIN_FILE,
)

_KERAS: Final = b"keras"


_SHIPPED: Final = current_folder(PROJECT_FOLDER / "artifacts" / "default")


@contextmanager
def _version() -> Iterator[Read]:
    """A version that loads, with small files in place of the saved Keras models, which are only compared."""
    with tempfile.TemporaryDirectory(prefix="digits-fuzz-") as folder:
        home = Path(folder)
        version = home / "version"
        version.mkdir()
        for name in (EVALUATION_FILE, TWIN_FILE, ROWS_TWIN_FILE, MISTAKES_FILE):
            shutil.copy(_SHIPPED / name, version / name)
        for name in (MODEL_FILE, ROWS_FILE):
            (version / name).write_bytes(_KERAS)
        (version / METADATA_FILE).write_bytes(_metadata())
        (home / POINTER_FILE).write_text("version\n")
        yield partial(_read_version, home)


def _metadata() -> bytes:
    metadata = Metadata.model_validate_json((_SHIPPED / METADATA_FILE).read_bytes())
    digest = hashlib.sha256(_KERAS).hexdigest()
    rows = metadata.rows.model_copy(update={"model_digest": digest}) if metadata.rows is not None else None
    return metadata.model_copy(update={"model_digest": digest, "rows": rows}).model_dump_json().encode()


def _seeds() -> list[bytes]:
    return [
        b"0version\n",
        b"0../version\n",
        b"1" + _metadata(),
        b"2" + (_SHIPPED / EVALUATION_FILE).read_bytes(),
        b"3" + _KERAS,
        b"4" + (_SHIPPED / TWIN_FILE).read_bytes()[:1000],
        b"5version\n",
        b"6" + (_SHIPPED / MISTAKES_FILE).read_bytes()[:100],
        b"7" + _KERAS,
        b"8" + (_SHIPPED / ROWS_TWIN_FILE).read_bytes()[:1000],
    ]


def _read_version(home: Path, case: bytes) -> str:
    """A case's first byte says which file has been changed, the others are its content."""
    name = _FILES[((case[0] if case else 0) - ord("0")) % len(_FILES)]
    path = (home if name == POINTER_FILE else home / "version") / name
    before = path.read_bytes() if path.exists() else None
    try:
        path.write_bytes(case[1:])
        glimpse(home)
        load_model(home)
    except ArtifactError as error:
        told = str(error)
    else:
        return READ
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
    # A sentence that says what to do.
    assert told.endswith("make train"), told
    return ArtifactError.__name__


TARGETS: Final[dict[str, Target]] = {
    "artifact": Target(
        _seeds,
        _version,
        (
            b'"contract_version":',
            b'"input_shape":',
            b'"labels":',
            b'"self_test":',
            b'"probabilities":',
            b"null",
            b"1e999",
        ),
        cases=100,
    ),
}
"""By name."""
