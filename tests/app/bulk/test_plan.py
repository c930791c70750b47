"""The plan and the manifest: what is written down is what is read back, and every change is noticed."""

from pathlib import Path

import pytest

from app.bulk.listing import Columns, Item
from app.bulk.plan import MANIFEST_FILE, Manifest, part, planned, write_plan
from app.errors import OtherJobError
from app.schemas import ModelName

SHARDS = [[Item("/a.png"), Item("/\udcff.png")], [Item("s3://b/s.tar", extent=7)], [Item("/t.parquet", 3, 20)]]

MANIFEST = Manifest(
    sources=("/a", "/b"),
    shard_size=10,
    column="image",
    key=None,
    model=ModelName(name="default", version="1"),
    max_bytes=100,
    max_pixels=200,
    shards=3,
    plan="abc",
)


def test_shards_are_read_back(tmp_path: Path) -> None:
    """Each shard alone, names that are not UTF-8 too."""
    path = tmp_path / "plan"
    count, _ = write_plan(SHARDS, path)
    assert count == 3
    for number in (2, 0, 1):
        with path.open("rb") as file:
            assert planned(file, number) == SHARDS[number]


@pytest.mark.parametrize(
    "other",
    [
        SHARDS[:2],
        [SHARDS[1], SHARDS[0], SHARDS[2]],
        [[*SHARDS[0], *SHARDS[1]], SHARDS[2]],
        [*SHARDS[:2], [Item("/t.parquet", 3, 21)]],
        [*SHARDS[:2], [Item("/t.parquet", 2, 20)]],
        [[Item("/b.png"), SHARDS[0][1]], *SHARDS[1:]],
    ],
)
def test_other_plans_have_other_digests(tmp_path: Path, other: list[list[Item]]) -> None:
    """Pictures, their order, shards and sizes count; the same plan has the same digest."""
    _, digest = write_plan(SHARDS, tmp_path / "plan")
    assert write_plan(iter(SHARDS), tmp_path / "again") == (3, digest)
    assert write_plan(other, tmp_path / "other")[1] != digest


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sources": ("/a",)}, "it was begun with the sources /a, not /a, /b"),
        ({"model": ModelName(name="default", version="0")}, "with the model default 0, not default 1"),
        ({"shard_size": 5}, "with the shard size 5, not 10"),
        ({"column": "scan"}, "with the column scan, not image"),
        ({"key": "id"}, "with the key id, not None"),
        ({"max_bytes": 1}, "with DIGITS_MAX_BYTES 1, not 100"),
        ({"max_pixels": 1}, "with DIGITS_MAX_PIXELS 1, not 200"),
        ({"format": 0}, "with the format 0, not 1"),
        ({"plan": "x", "shards": 2}, "some were added, removed or changed"),
    ],
)
def test_other_jobs(change: dict[str, object], sentence: str) -> None:
    """In what two jobs differ is told; a job is the same as itself, written down and read back."""
    begun = MANIFEST.model_copy(update=change)
    with pytest.raises(OtherJobError, match=sentence):
        MANIFEST.check_same(begun)
    MANIFEST.check_same(Manifest.parse(MANIFEST.model_dump_json().encode()))


def test_what_is_no_manifest() -> None:
    """Other content is told of."""
    with pytest.raises(OtherJobError, match=f"{MANIFEST_FILE} was not written by this command"):
        Manifest.parse(b"{}")


def test_names_sort_as_numbers_do() -> None:
    """Who reads the folder in the order of names gets the rows in the order of the pictures."""
    assert [part(number) for number in (0, 9, 10, 999_999)] == sorted(part(n) for n in (999_999, 10, 9, 0))
    assert MANIFEST.columns == Columns("image", None)
