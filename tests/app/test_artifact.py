"""A published model on disk: replaced atomically, checked to the last byte, refused with a sentence that helps."""

import base64
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.artifact import (
    DEBRIS_SECONDS,
    EVALUATION_FILE,
    INPUT_DTYPE,
    KEPT_VERSIONS,
    LOCK_FILE,
    METADATA_FILE,
    MODEL_FILE,
    POINTER_FILE,
    PREVIOUS_FILE,
    TWIN_FILE,
    DigitScore,
    Evaluation,
    Metadata,
    Score,
    SelfTest,
    alone,
    current_folder,
    file_digest,
    glimpse,
    publish,
    read_artifact,
    roll_back,
    write_atomically,
)
from app.contract import CONTRACT_VERSION, INPUT_SHAPE, LABELS
from app.errors import ArtifactError
from app.settings import PROJECT_FOLDER

MODEL = b"a saved model"
TWIN = b"its twin"


def metadata(version: str = "20260101-aaaaaaaa", model: bytes = MODEL, twin: bytes = TWIN) -> Metadata:
    return Metadata(
        name="some",
        version=version,
        created=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        contract_version=CONTRACT_VERSION,
        input_shape=INPUT_SHAPE,
        input_dtype=INPUT_DTYPE,
        labels=LABELS,
        parameters=1,
        multiply_adds=1,
        weights_digest="0" * 64,
        model_digest=hashlib.sha256(model).hexdigest(),
        twin_digest=hashlib.sha256(twin).hexdigest(),
        twin_difference=0.0,
        self_test=SelfTest.of(np.zeros(INPUT_SHAPE, np.uint8), np.full(10, 0.1, np.float32)),
    )


def writer(version: str, model: bytes = MODEL, twin: bytes = TWIN) -> Callable[[Path], Metadata]:
    """What fills a version's folder."""

    def write(folder: Path) -> Metadata:
        described = metadata(version, model, twin)
        (folder / MODEL_FILE).write_bytes(model)
        (folder / TWIN_FILE).write_bytes(twin)
        (folder / METADATA_FILE).write_text(described.model_dump_json())
        return described

    return write


def age(folder: Path, days: int) -> None:
    """Let a version have been published days ago."""
    then = dt.datetime.now(dt.UTC).timestamp() - days * 86_400
    os.utime(folder / METADATA_FILE, (then, then))


def names(folder: Path) -> set[str]:
    """What lies in a folder but for the lock, whose file stays."""
    return {path.name for path in folder.iterdir()} - {LOCK_FILE}


def current(home: Path) -> str:
    return read_artifact(home).metadata.version


def publish_all(home: Path, *versions: str, keep: int = 9) -> None:
    for version in versions:
        publish(home.parent, "some", writer(version), keep)


def change_metadata(folder: Path, **changes: object) -> None:
    path = folder / METADATA_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of a model with one published version."""
    publish(tmp_path, "some", writer("first"))
    return tmp_path / "some"


class TestPublish:
    def test_published_model_is_current(self, tmp_path: Path) -> None:
        """What was published is what is read, by its name as by its folder."""
        folder = publish(tmp_path / "not" / "yet there", "some", writer("first"))
        artifact = read_artifact(folder.parent)
        assert artifact == read_artifact(folder)
        assert artifact.metadata == metadata("first")
        assert artifact.folder == folder == folder.parent / "first"
        assert artifact.model_path.read_bytes() == MODEL
        assert artifact.twin_path.read_bytes() == TWIN
        assert artifact.twin == TWIN
        assert artifact.evaluation is None
        assert names(folder.parent) == {"first", POINTER_FILE}

    def test_new_version_takes_over(self, home: Path) -> None:
        """The version published last is current; the one before stays readable."""
        publish(home.parent, "some", writer("second"))
        assert read_artifact(home).metadata.version == "second"
        assert read_artifact(home / "first").metadata.version == "first"

    def test_failed_writing_publishes_nothing(self, home: Path) -> None:
        """When the new version cannot be written, the old one stays current and no debris is left."""

        def fail(folder: Path) -> Metadata:
            writer("second")(folder)
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            publish(home.parent, "some", fail)
        assert read_artifact(home).metadata.version == "first"
        assert names(home) == {"first", POINTER_FILE}

    def test_failed_first_publication(self, tmp_path: Path) -> None:
        """When the very first version cannot be written, there is no model, and the sentence says so."""

        def fail(_: Path) -> Metadata:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, "some", fail)
        assert names(tmp_path / "some") == set()
        with pytest.raises(ArtifactError, match="make train"):
            read_artifact(tmp_path / "some")

    def test_crash_before_the_pointer_moves(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A crash after the new folder is in place and before it is current leaves the old version served."""

        def crash(path: Path, _: bytes) -> None:
            assert path == home / POINTER_FILE
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr("app.artifact.write_atomically", crash)
            with pytest.raises(SystemExit):
                publish(home.parent, "some", writer("second"))
        assert read_artifact(home).metadata.version == "first"
        publish(home.parent, "some", writer("second"))
        assert read_artifact(home).metadata.version == "second"

    def test_same_version_again(self, home: Path) -> None:
        """The same version published again replaces its files and leaves no debris."""
        publish(home.parent, "some", writer("first", model=b"other model", twin=b"other twin"))
        artifact = read_artifact(home)
        assert (artifact.model_path.read_bytes(), artifact.twin_path.read_bytes()) == (b"other model", b"other twin")
        assert artifact.metadata.version == "first"
        assert not [name for name in names(home) if name.startswith(".")]

    def test_crash_while_the_same_version_is_replaced(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also while a version is replaced by itself, a whole model is current at every moment."""
        rename, replace = Path.rename, os.replace

        def checked_rename(source: Path, target: Path) -> Path:
            renamed = rename(source, target)
            read_artifact(home)
            return renamed

        def checked_replace(source: str | Path, target: str | Path) -> None:
            replace(source, target)
            read_artifact(home)

        monkeypatch.setattr(Path, "rename", checked_rename)
        monkeypatch.setattr(os, "replace", checked_replace)
        publish(home.parent, "some", writer("first", model=b"other model"))

    def test_only_a_few_versions_are_kept(self, home: Path) -> None:
        """Old versions are removed, the oldest first; the current one and those it replaced stay."""
        for days, version in enumerate(["second", "third", "fourth"]):
            publish(home.parent, "some", writer(version))
            age(home / version, days)
        assert KEPT_VERSIONS == 3
        assert names(home) == {"second", "third", "fourth", POINTER_FILE}

    @pytest.mark.parametrize("keep", [0, 1, 2, 5])
    def test_how_many_are_kept_is_chosen(self, home: Path, keep: int) -> None:
        """As many as asked for, and the published one in any case."""
        publish_all(home, "b", "c", "d", keep=keep)
        assert names(home) == {POINTER_FILE, *["d", "c", "b", "first"][: max(1, keep)]}

    def test_what_was_rolled_back_from_goes_first(self, home: Path) -> None:
        """Versions that a rollback can reach are kept before one that somebody has rolled back from, however new."""
        publish_all(home, "good", "bad")
        roll_back(home, read_artifact)
        publish_all(home, "better", keep=3)
        assert names(home) == {"first", "good", "better", POINTER_FILE}

    def test_versions_without_a_line_are_kept_by_age(self, home: Path) -> None:
        """Those published before versions noted what they replaced fill up the number, the last ones first."""
        publish_all(home, "b", "c")
        for version in ("b", "c"):
            (home / version / PREVIOUS_FILE).unlink()
        age(home / "first", 3)
        age(home / "b", 2)
        publish_all(home, "d", keep=3)
        assert names(home) == {"b", "c", "d", POINTER_FILE}

    def test_line_that_bites_its_tail(self, home: Path) -> None:
        """Versions that name one another, as a removed one's name given again can bring about, are no endless line."""
        publish_all(home, "second")
        (home / "first" / PREVIOUS_FILE).write_text("second\n")
        publish_all(home, "third")
        assert {"first", "second", "third"} <= names(home)

    def test_old_debris_is_removed(self, home: Path) -> None:
        """What publications left that were killed long ago goes; what another one may be writing stays."""
        for name in (".staging-old", ".staging-new"):
            (home / name).mkdir()
            writer("killed")(home / name)
        (home / ".staging-file").touch()
        long_ago = dt.datetime.now(dt.UTC).timestamp() - DEBRIS_SECONDS - 60
        for name in (".staging-old", ".staging-file"):
            os.utime(home / name, (long_ago, long_ago))
        publish_all(home, "second")
        assert names(home) == {"first", "second", ".staging-new", POINTER_FILE}

    def test_many_publications_at_once(self, home: Path) -> None:
        """Eight that end at the same time come one after the other, each with the one before noted."""
        together = threading.Barrier(8)

        def one(index: int) -> Path:
            def write(folder: Path) -> Metadata:
                described = writer(f"version-{index}")(folder)
                together.wait()
                return described

            return publish(home.parent, "some", write, keep=9)

        with ThreadPoolExecutor(8) as publishers:
            folders = list(publishers.map(one, range(8)))
        line = [current(home)]
        while (previous := home / line[-1] / PREVIOUS_FILE).is_file():
            line.append(previous.read_text().strip())
        assert line[-1] == "first"
        assert set(line) == {folder.name for folder in folders} | {"first"}

    def test_publication_that_does_not_end(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where another program holds the lock, a sentence says so, and nothing changes."""
        monkeypatch.setattr("app.artifact.LOCK_SECONDS", 0.0)
        with alone(home, 0, ""), pytest.raises(ArtifactError, match="Another program is changing"):
            publish_all(home, "second")
        assert names(home) == {"first", POINTER_FILE}
        publish_all(home, "second")
        assert current(home) == "second"

    def test_current_version_is_kept_however_old(self, home: Path) -> None:
        """The current version is never removed, even when its files say they are the oldest."""

        def write(folder: Path) -> Metadata:
            described = writer("second")(folder)
            age(folder, days=30)
            return described

        publish(home.parent, "some", write)
        age(home / "first", days=1)
        publish(home.parent, "some", write)
        assert read_artifact(home).metadata.version == "second"

    def test_debris_of_a_crash_counts_as_no_version(self, home: Path) -> None:
        """What a killed publication left behind does not push the version before out of its place."""
        debris = home / ".staging-killed"
        debris.mkdir()
        writer("killed")(debris)
        age(home / "first", days=3)
        publish(home.parent, "some", writer("second"))
        assert {"first", "second"} <= names(home)

    def test_other_files_are_left_alone(self, home: Path) -> None:
        """What is no version of the model is none of publishing's business."""
        (home / "notes.txt").write_text("mine")
        (home / "folder").mkdir()
        for version in ("second", "third", "fourth"):
            publish(home.parent, "some", writer(version))
        assert {"notes.txt", "folder"} <= names(home)

    def test_published_folder_can_be_read_by_all(self, home: Path) -> None:
        """A service under another user can read what was published."""
        assert (home / "first").stat().st_mode & 0o777 == 0o755
        assert (home / POINTER_FILE).stat().st_mode & 0o777 == 0o644


class TestAlone:
    def test_other_process(self, tmp_path: Path) -> None:
        """Another process keeps this one out, and no longer once it is killed."""
        program = "import sys, time; from pathlib import Path; from app.artifact import alone\n"
        program += "with alone(Path(sys.argv[1]), 0, ''): print('in', flush=True); time.sleep(600)"
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=PROJECT_FOLDER, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"in\n"
            with pytest.raises(ArtifactError, match="occupied"), alone(tmp_path, 0, "It is occupied."):
                pass
            other.kill()
        with alone(tmp_path, 0, "It is occupied."):
            pass


class TestRollBack:
    def test_version_before(self, home: Path) -> None:
        """Each rollback goes back by one; at the first version a sentence says that there is none before."""
        publish_all(home, "second", "third")
        assert roll_back(home, read_artifact) == home / "second"
        assert current(home) == "second"
        roll_back(home, read_artifact)
        assert current(home) == "first"
        with pytest.raises(ArtifactError, match=r"nothing says what was published before it\. .*third, second, first"):
            roll_back(home, read_artifact)
        assert current(home) == "first"

    def test_goes_to_what_was_replaced(self, home: Path) -> None:
        """After a rollback and a new publication, back is where the service was before, not the version in disgrace."""
        publish_all(home, "good", "bad")
        roll_back(home, read_artifact)
        publish_all(home, "other")
        assert roll_back(home, read_artifact).name == "good"

    def test_version_by_name(self, home: Path) -> None:
        """Any version that is there can be named, a later one too."""
        publish_all(home, "second", "third")
        roll_back(home, read_artifact, "first")
        assert current(home) == "first"
        roll_back(home, read_artifact, "third")
        assert current(home) == "third"

    @pytest.mark.parametrize("version", ["fourth", "..", "", ".staging-x", "CURRENT", "../some/first"])
    def test_no_such_version(self, home: Path, version: str) -> None:
        """What is no version is refused with those there are."""
        publish_all(home, "second")
        with pytest.raises(ArtifactError, match=r"has no version .*\. These are there: second, first\."):
            roll_back(home, read_artifact, version)
        assert current(home) == "second"

    def test_version_that_is_damaged(self, home: Path) -> None:
        """A version that the service would refuse does not come back."""
        publish_all(home, "second")
        (home / "first" / TWIN_FILE).write_bytes(b"other")
        with pytest.raises(ArtifactError, match="is not the file that was published"):
            roll_back(home, read_artifact)
        assert current(home) == "second"

    def test_version_that_is_gone(self, home: Path) -> None:
        """A version that was deleted by hand is told like one that never was."""
        publish_all(home, "second")
        shutil.rmtree(home / "first")
        with pytest.raises(ArtifactError, match="has no version first"):
            roll_back(home, read_artifact)

    def test_damaged_pointer_is_mended(self, home: Path) -> None:
        """A rollback to a version by name also helps where CURRENT is damaged."""
        publish_all(home, "second")
        (home / POINTER_FILE).write_bytes(b"\xff")
        with pytest.raises(ArtifactError, match="nothing says what"):
            roll_back(home, read_artifact)
        roll_back(home, read_artifact, "first")
        assert current(home) == "first"

    def test_nothing_there(self, tmp_path: Path) -> None:
        """Where nothing is published there is nothing to go back to."""
        with pytest.raises(ArtifactError, match="holds no published model"):
            roll_back(tmp_path / "missing", read_artifact)


class TestGlimpse:
    def test_same_until_something_changes(self, home: Path) -> None:
        """Two looks see the same; after a publication, a rollback or a change of the published files another."""
        looks = [glimpse(home)]
        assert glimpse(home) == looks[0]
        publish_all(home, "second")
        looks.append(glimpse(home))
        (home / "second" / TWIN_FILE).write_bytes(b"x")
        looks.append(glimpse(home))
        (home / "second" / METADATA_FILE).unlink()
        looks.append(glimpse(home))
        shutil.rmtree(home / "second")
        looks.append(glimpse(home))
        (home / POINTER_FILE).write_bytes(b"\xff")
        looks.append(glimpse(home))
        (home / POINTER_FILE).unlink()
        looks.append(glimpse(home))
        assert len(set(looks)) == len(looks)
        publish_all(home, "third")
        assert glimpse(home) not in looks

    def test_other_versions_do_not_matter(self, home: Path) -> None:
        """What happens to versions that are not current is not seen."""
        publish_all(home, "second")
        before = glimpse(home)
        shutil.rmtree(home / "first")
        assert glimpse(home) == before

    def test_version_without_pointer_never_changes(self, home: Path) -> None:
        """A version's own folder looks the same whatever happens in it: it is pinned."""
        before = glimpse(home / "first")
        (home / "first" / "more").touch()
        assert glimpse(home / "first") == before


class TestWriteAtomically:
    def test_replaces_the_content(self, tmp_path: Path) -> None:
        """The new content takes the old one's place and nothing else stays behind."""
        path = tmp_path / "file"
        write_atomically(path, b"old")
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"
        assert names(tmp_path) == {"file"}

    def test_failure_leaves_the_old_content(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """When the replacement fails, the old content stays and no temporary file is left."""

        def fail(_: str, __: Path) -> None:
            raise OSError("no space")

        path = tmp_path / "file"
        write_atomically(path, b"old")
        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="no space"):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        assert names(tmp_path) == {"file"}


class TestReading:
    def test_evaluation(self, home: Path) -> None:
        """The measured figures come along when they are there."""
        score = Score(correct=9, count=10, share=0.9, low=0.6, high=0.98)
        digit = DigitScore(digit=0, count=1, precision=1.0, recall=1.0)
        evaluation = Evaluation(
            test=score,
            validation=score,
            digits=(digit,),
            confusion=((1,),),
            expected_calibration_error=0.01,
            png=score,
            history={"loss": (0.1,)},
        )
        (home / "first" / EVALUATION_FILE).write_text(evaluation.model_dump_json())
        assert read_artifact(home).evaluation == evaluation

    def test_without_twin(self, home: Path) -> None:
        """A model without its compiled twin is still a model."""
        (home / "first" / TWIN_FILE).unlink()
        assert read_artifact(home).twin is None

    @pytest.mark.parametrize("path", ["missing", "some", "some/missing"])
    def test_nothing_there(self, tmp_path: Path, path: str) -> None:
        """Where nothing is published, the sentence names the place and the remedy."""
        (tmp_path / "some").mkdir()
        with pytest.raises(ArtifactError, match=r"holds no published model\. Train one with: make train") as caught:
            current_folder(tmp_path / path)
        assert str(tmp_path / path) in str(caught.value)

    def test_pointer_to_nowhere(self, home: Path) -> None:
        """A pointer to a version that was deleted is told with the place and the remedy."""
        (home / POINTER_FILE).write_text("gone\n")
        with pytest.raises(ArtifactError, match=r"gone cannot be read .*make train"):
            read_artifact(home)

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a\x00b"])
    def test_damaged_pointer(self, home: Path, content: bytes) -> None:
        """A pointer that is no text ends in a sentence like every other damage."""
        (home / POINTER_FILE).write_bytes(content)
        with pytest.raises(ArtifactError, match="make train"):
            read_artifact(home)

    @pytest.mark.parametrize("file", [MODEL_FILE, TWIN_FILE])
    def test_one_flipped_bit(self, home: Path, file: str) -> None:
        """A single flipped bit in the model or its twin is found, and the sentence names file, digests and remedy."""
        path = home / "first" / file
        content = bytearray(path.read_bytes())
        content[3] ^= 1
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="is not the file that was published") as caught:
            read_artifact(home)
        assert all(text in str(caught.value) for text in (str(path), file_digest(path), "make train"))

    def test_missing_model(self, home: Path) -> None:
        """A missing model file is told by its name."""
        (home / "first" / MODEL_FILE).unlink()
        with pytest.raises(ArtifactError, match=rf"{MODEL_FILE} cannot be read .*make train"):
            read_artifact(home)

    @pytest.mark.parametrize("file", [METADATA_FILE, EVALUATION_FILE])
    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"name": "some", "more": 1}', "\ud800"])
    def test_invalid_json(self, home: Path, file: str, content: str) -> None:
        """Metadata or an evaluation that is not as it should be is refused with the place of the fault."""
        (home / "first" / file).write_bytes(content.encode("utf-8", "surrogatepass"))
        with pytest.raises(ArtifactError, match=r"is not as it should be \(.*\)\. Publish the model again: make train"):
            read_artifact(home)

    def test_unknown_field(self, home: Path) -> None:
        """Metadata of another version of this program is not taken for this one's."""
        change_metadata(home / "first", colour="red")
        with pytest.raises(ArtifactError, match=r"colour: "):
            read_artifact(home)

    @pytest.mark.parametrize(
        ("field", "other", "shown", "expected"),
        [
            ("contract_version", CONTRACT_VERSION + 1, str(CONTRACT_VERSION + 1), str(CONTRACT_VERSION)),
            ("input_shape", [32, 32, 1], "(32, 32, 1)", "(28, 28, 1)"),
            ("input_dtype", "float32", "float32", "uint8"),
            ("labels", [1, 0], "(1, 0)", str(LABELS)),
        ],
    )
    def test_other_contract(self, home: Path, field: str, other: object, shown: str, expected: str) -> None:
        """A model made for another input contract is refused, and both sides are named."""
        change_metadata(home / "first", **{field: other})
        with pytest.raises(ArtifactError, match="make train") as caught:
            read_artifact(home)
        assert f"{field} {shown}; this service has {field} {expected}" in str(caught.value)


class TestSelfTest:
    def test_picture_comes_back(self) -> None:
        """The recorded picture and answer come back as they were, also through JSON."""
        picture = np.random.default_rng(0).integers(0, 256, INPUT_SHAPE, np.uint8)
        recorded = SelfTest.of(picture, np.linspace(0, 1, 10, dtype=np.float32))
        loaded = SelfTest.model_validate_json(recorded.model_dump_json())
        assert np.array_equal(loaded.pixels(), picture)
        assert loaded.probabilities == recorded.probabilities

    @pytest.mark.parametrize(
        "picture", ["", "no base64!", "é", base64.b64encode(bytes(783)).decode(), base64.b64encode(bytes(785)).decode()]
    )
    def test_damaged_picture(self, picture: str) -> None:
        """A recorded picture that is none is refused with a sentence."""
        with pytest.raises(ArtifactError, match="make train"):
            SelfTest(picture=picture, probabilities=(0.1,) * 10).pixels()
