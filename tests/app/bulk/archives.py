"""Archives that the tests write themselves."""

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.pictures import encode, seven

SEVEN = encode(seven(28, 28, ink=255, ground=0), "PNG")
BLANK = encode(seven(ink=255), "PNG")


def tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    """A tar file with these members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def table(path: Path, rows: list[dict[str, object]], row_group_size: int = 2) -> Path:
    """A Parquet file with these rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=row_group_size)
    return path
