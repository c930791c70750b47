"""The service follows what is published: new versions answer, bad ones are told, candidates read along."""

import dataclasses
import datetime as dt
import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from app.application import create_app
from app.artifact import (
    METADATA_FILE,
    MISTAKES_FILE,
    MODEL_FILE,
    TWIN_FILE,
    Metadata,
    current_folder,
    file_digest,
    publish,
    roll_back,
)
from app.classifier import Classifier
from app.contract import CONTRACT_VERSION
from app.loading import Model, load_model
from app.pages import ABOUT_PATH
from app.routes.state import STATE_KEY, Live
from app.settings import Settings
from tests import pictures
from tests.app.service import Client, serving
from tests.app.test_metrics import told

SMALL = pictures.encode(pictures.seven(28, 28), "PNG")
PATIENCE = 60.0
"""Seconds that something may take before it counts as hung."""


@pytest.fixture
def home(tiny_artifact: Path, tmp_path: Path) -> Path:
    """A copy of the published tiny network, to which versions may be added."""
    return Path(shutil.copytree(tiny_artifact, tmp_path / "artifacts" / "tiny"))


def publish_another(home: Path, version: str, spoil: Callable[[Path], None] = lambda _: None, **changes: Any) -> Path:
    """Publish the current version's model under another name, with other metadata, or spoilt."""
    present = current_folder(home)

    def write(folder: Path) -> Metadata:
        for name in (MODEL_FILE, TWIN_FILE):
            shutil.copy(present / name, folder / name)
        metadata = Metadata.model_validate_json((present / METADATA_FILE).read_bytes())
        metadata = metadata.model_copy(update={"version": version, **changes})
        (folder / METADATA_FILE).write_text(metadata.model_dump_json())
        (folder / MISTAKES_FILE).write_bytes(pictures.encode(Image.new("L", (80, 40), len(version)), "PNG"))
        spoil(folder)
        return metadata

    return publish(home.parent, home.name, write)


def service_of(home: Path, **settings: Any) -> Any:
    """A running service that looks only when it is told to."""
    return serving(create_app(Settings(model=home, watch_seconds=0.0, **settings)))


def look(client: Client) -> None:
    """Let the service look now at what is published."""
    live: Live = client.state[STATE_KEY]
    live.service.watcher.look()
    if live.service.shadow_watcher is not None:
        live.service.shadow_watcher.look()


def version_of(client: Client) -> str:
    """Which version answers a picture."""
    return str(client.predict(SMALL).json()["model"]["version"])


def test_new_version_answers(home: Path) -> None:
    """The next request after the switch is answered by the new version, by every protocol, and /model counts it."""
    with service_of(home) as client:
        first = version_of(client)
        publish_another(home, "second")
        assert version_of(client) == first
        look(client)
        assert version_of(client) == "second"
        assert client.get("/v2/models/tiny").json()["versions"] == ["second"]
        report = client.get("/model").json()
    assert report["metadata"]["version"] == "second"
    assert (report["versions"]["switches"], report["versions"]["refusals"]) == (1, 0)
    assert report["versions"]["refused"] is None
    assert report["shadow"] is None


def test_rollback_is_followed(home: Path, tiny_model: Model) -> None:
    """A rollback is a switch like any other."""
    with service_of(home) as client:
        publish_another(home, "second")
        look(client)
        roll_back(home, load_model)
        look(client)
        assert version_of(client) == tiny_model.metadata.version
        assert client.get("/model").json()["versions"]["switches"] == 2


def test_switches_are_told(home: Path, tiny_model: Model) -> None:
    """The metrics name the model that answers now, and count what was taken up and what was refused."""

    def found(client: Client) -> list[float]:
        text = client.get("/metrics").text
        return [
            *(told(text, "digits_model_switches_total", outcome=outcome) for outcome in ("done", "failed")),
            *(
                told(text, "digits_model_info", name="tiny", version=version)
                for version in (tiny_model.metadata.version, "told", "spoilt")
            ),
        ]

    with service_of(home) as client:
        done, failed, *models = found(client)
        assert models == [1, 0, 0]
        publish_another(home, "told")
        look(client)
        assert found(client) == [done + 1, failed, 0, 1, 0]
        publish_another(home, "spoilt", truncate)
        look(client)
        assert found(client) == [done + 1, failed + 1, 0, 1, 0]
        live: Live = client.state[STATE_KEY]
        # Or no picture would count for drift any more.
        assert live.service.inputs._model is live.service.model


def truncate(folder: Path) -> None:
    content = (folder / TWIN_FILE).read_bytes()
    (folder / TWIN_FILE).write_bytes(content[: len(content) // 2])


def tamper(folder: Path) -> None:
    content = bytearray((folder / MODEL_FILE).read_bytes())
    content[100] ^= 1
    (folder / MODEL_FILE).write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "changes", "reason"),
    [
        pytest.param(truncate, {}, "second/model.tflite is not the file that was published", id="truncated"),
        pytest.param(tamper, {}, "second/model.keras is not the file that was published", id="tampered"),
        pytest.param(
            lambda _: None, {"input_shape": (32, 32, 1)}, "was made for input_shape (32, 32, 1)", id="wrong shape"
        ),
        pytest.param(
            lambda _: None,
            {"contract_version": CONTRACT_VERSION - 1},
            f"was made for contract_version {CONTRACT_VERSION - 1}",
            id="older contract",
        ),
        pytest.param(lambda folder: (folder / METADATA_FILE).write_text("{"), {}, "is not as it should be", id="json"),
        pytest.param(lambda folder: (folder / MODEL_FILE).unlink(), {}, "cannot be read", id="missing file"),
    ],
)
def test_bad_version_is_refused(
    home: Path, tiny_model: Model, spoil: Callable[[Path], None], changes: dict[str, Any], reason: str
) -> None:
    """A version that cannot be served leaves the one before in its place, and /model says why until it is over."""
    with service_of(home) as client:
        publish_another(home, "second", spoil, **changes)
        look(client)
        assert version_of(client) == tiny_model.metadata.version
        report = client.get("/model").json()
        assert report["metadata"]["version"] == tiny_model.metadata.version
        refused = report["versions"]["refused"]
        assert refused["version"] == "second"
        assert reason in refused["reason"]
        assert str(home) not in refused["reason"]
        assert dt.datetime.fromisoformat(refused["at"]).tzinfo is not None
        assert (report["versions"]["switches"], report["versions"]["refusals"]) == (0, 1)
        roll_back(home, load_model)
        look(client)
        assert client.get("/model").json()["versions"]["refused"] is None
        assert client.get("/model").json()["versions"]["switches"] == 0


def test_model_of_another_shape_is_refused(home: Path, tmp_path: Path) -> None:
    """A compiled model whose digest is right and whose output is not ten numbers is refused by its own words."""
    import keras

    network = keras.Sequential(
        [keras.Input((28, 28, 1), dtype="uint8"), keras.layers.Rescaling(1.0), keras.layers.Flatten()]
    )
    network.export(tmp_path / "other.tflite", format="litert", verbose=False)
    digest = file_digest(tmp_path / "other.tflite")

    def replace_twin(folder: Path) -> None:
        shutil.copy(tmp_path / "other.tflite", folder / TWIN_FILE)

    with service_of(home) as client:
        publish_another(home, "second", replace_twin, twin_digest=digest)
        look(client)
        assert "the service needs uint8 (1, 28, 28, 1)" in client.get("/model").json()["versions"]["refused"]["reason"]
        assert client.predict(SMALL).status_code == 200


def test_served_files_may_go(home: Path, tiny_model: Model) -> None:
    """A version whose files are removed or spoilt while it is served answers on, in threads that it is new to, too."""
    with service_of(home) as client:
        shutil.rmtree(current_folder(home))
        look(client)
        large = pictures.encode(pictures.seven(280, 280), "PNG")
        assert client.predict(large).json()["model"]["version"] == tiny_model.metadata.version
        assert "cannot be read" in client.get("/model").json()["versions"]["refused"]["reason"]


def test_request_ends_with_the_model_it_began_with(home: Path, tiny_model: Model) -> None:
    """Pictures of one request are all read by one version, though another is taken up after the first."""
    asked: list[Client] = []

    class Switching:
        """Lets the service switch while a picture is classified."""

        def classify(self, prepared: np.ndarray) -> np.ndarray:
            """Switch, then answer."""
            look(asked[0])
            return tiny_model.classifier.classify(prepared)

    def load(path: Path) -> Model:
        model = load_model(path)
        return (
            model
            if model.metadata.version == "second"
            else dataclasses.replace(model, classifier=cast(Classifier, Switching()))
        )

    with serving(create_app(Settings(model=home, watch_seconds=0.0), load)) as client:
        asked.append(client)
        publish_another(home, "second")
        files = [("file", SMALL), ("file", SMALL), ("file", SMALL)]
        results = client.request("POST", "/predict/batch", files=files).json()["results"]
        assert [result["prediction"]["model"]["version"] for result in results] == [tiny_model.metadata.version] * 3
        assert version_of(client) == "second"


def test_pages_follow(home: Path) -> None:
    """The page about the model is that of the new version; plots that the page before has named are still sent."""
    plots = []
    with service_of(home) as client:
        for version in ("second", "third-one", "fourth-version"):
            publish_another(home, version)
            look(client)
            assert version in client.get(ABOUT_PATH).text
            site = client.state[STATE_KEY].service.site
            [plot] = [f"/static/{digest}/{name}" for digest, name in site.files if name == MISTAKES_FILE]
            plots.append(plot)
        assert [client.get(plot).status_code for plot in plots] == [404, 200, 200]


def test_old_model_is_let_go(home: Path) -> None:
    """Switches do not gather models: the one before the last is gone from memory."""
    with service_of(home) as client:
        version_of(client)
        before = weakref.ref(client.state[STATE_KEY].service.model.classifier)
        publish_another(home, "second")
        look(client)
        version_of(client)
        gc.collect()
        assert before() is None


def test_service_looks_by_itself(home: Path) -> None:
    """With the setting, nobody has to ask; every request meanwhile is answered."""
    with serving(create_app(Settings(model=home, watch_seconds=0.05))) as client:
        publish_another(home, "second")
        deadline = time.monotonic() + PATIENCE
        while version_of(client) != "second":
            assert time.monotonic() < deadline
        assert "versions" in {thread.name for thread in threading.enumerate()}


class TestShadow:
    @pytest.fixture
    def candidate(self, home: Path, tmp_path: Path) -> Path:
        """The same model, published elsewhere."""
        shutil.copytree(home, tmp_path / "candidates" / "tiny")
        publish_another(tmp_path / "candidates" / "tiny", "candidate")
        return tmp_path / "candidates" / "tiny"

    def shown(self, client: Client, count: int) -> dict[str, Any]:
        """What /model tells of the candidate once it has seen so many pictures."""
        deadline = time.monotonic() + PATIENCE
        while True:
            told: dict[str, Any] = client.get("/model").json()["shadow"]
            if told["compared"] + told["dropped"] >= count:
                return told
            assert time.monotonic() < deadline

    def test_reads_every_picture_and_answers_none(self, home: Path, candidate: Path, tiny_model: Model) -> None:
        """Pictures of every route are compared, explanations are no pictures, and answers are the served model's."""
        pixels = [[0] * 12 + [255] * 3 + [0] * 13] * 28
        with service_of(home, shadow=candidate) as client:
            answers = [
                client.predict(SMALL),
                client.predict(SMALL, explain="true"),
                client.request("POST", "/predict", json={"pixels": pixels}),
            ]
            assert {answer.json()["model"]["version"] for answer in answers} == {tiny_model.metadata.version}
            client.request("POST", "/predict/batch", files=[("file", SMALL), ("file", SMALL), ("file", b"none")])
            client.request("POST", "/v1/models/tiny:predict", json={"instances": [pixels, pixels]})
            told = self.shown(client, 7)
        assert (told["name"], told["version"], told["refused"]) == ("tiny", "candidate", None)
        assert (told["compared"], told["dropped"]) == (7, 0)
        assert (told["different_digits"], told["different_verdicts"], told["largest_difference"]) == (0, 0, 0.0)

    def test_begins_anew_with_either_model(self, home: Path, candidate: Path) -> None:
        """What was compared of models that are no longer both there is forgotten."""
        with service_of(home, shadow=candidate) as client:
            for folder, version in ((home, "second"), (candidate, "third")):
                client.predict(SMALL)
                assert self.shown(client, 1)["compared"] == 1
                publish_another(folder, version)
                look(client)
                assert self.shown(client, 0)["compared"] == 0
            assert self.shown(client, 0)["version"] == "third"
            look(client)
            assert client.get("/model").json()["versions"]["switches"] == 1

    def test_bad_candidate_keeps_nobody_from_starting(self, home: Path, tmp_path: Path) -> None:
        """Where there is no usable candidate the service serves without, says so, and takes it when it comes."""
        path = tmp_path / "candidates" / "tiny"
        with service_of(home, shadow=path) as client:
            assert client.predict(SMALL).status_code == 200
            told = self.shown(client, 0)
            assert (told["name"], told["version"], told["compared"]) == (None, None, 0)
            assert "holds no published model" in told["refused"]["reason"]
            shutil.copytree(home, path)
            look(client)
            client.predict(SMALL)
            told = self.shown(client, 1)
            assert (told["name"], told["refused"]) == ("tiny", None)
