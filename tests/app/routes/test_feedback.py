"""POST /feedback: what is kept of a correction, what is not, and what happens where it cannot be."""

import base64
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from app.application import create_app
from app.errors import FeedbackUnavailableError
from app.feedback.store import Store
from app.loading import Model
from app.pages import HOME_PATH
from app.settings import Settings
from tests import pictures
from tests.app.routes.test_predict import assert_problem
from tests.app.service import Client, multipart, multipart_type, part, serving

SEVEN = pictures.encode(pictures.seven(200, 260), "PNG")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the corrections are."""
    return tmp_path / "corrections.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """What is kept there."""
    opened = Store(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def open_to_corrections(path: Path, tiny_model: Model) -> Iterator[Client]:
    """A service that takes corrections."""
    settings = Settings(database=f"sqlite:///{path}", feedback_days=30)
    with serving(create_app(settings, load=lambda _: tiny_model)) as running:
        yield running


def send(client: Client, body: bytes, label: str | None = "7", content_type: str = "image/png") -> httpx.Response:
    query = {} if label is None else {"label": label}
    return client.request("POST", "/feedback", content=body, headers={"content-type": content_type}, params=query)


def test_off(client: Client) -> None:
    """Without a database there is no such thing, whatever is sent; the page does not offer it."""
    for label in ("7", "nonsense", None):
        refused = send(client, b"", label)
        assert_problem(refused, 404, "feedback_off")
        assert "DIGITS_DATABASE" in refused.json()["detail"]
    page = client.get(HOME_PATH).text
    assert 'data-feedback-days=""' in page
    assert "Pictures are read in memory and never kept." in page


def test_page_offers_it(open_to_corrections: Client) -> None:
    """With one the page does, and says for how long what is kept."""
    page = open_to_corrections.get(HOME_PATH).text
    assert 'data-feedback-days="30"' in page
    assert "kept with it, for 30 days." in page
    assert "never kept" not in page


def test_what_is_kept(open_to_corrections: Client, store: Store) -> None:
    """The picture as the model saw it, the service's own answer, and the label; the receipt says the same."""
    answer = open_to_corrections.request(
        "POST", "/predict", content=SEVEN, headers={"content-type": "image/png"}, params={"explain": "true"}
    ).json()
    receipt = send(open_to_corrections, SEVEN, "3")
    assert receipt.status_code == 201, receipt.text
    [kept] = store.kept()
    one = kept.correction
    assert (one.label, kept.state) == ("3", "waiting")
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["explanation"]["picture"]))))
    assert np.array_equal(one.picture[..., 0], seen)
    assert list(one.probabilities) == answer["probabilities"]
    assert {"name": one.model_name, "version": one.model_version} == answer["model"]
    assert receipt.json() == {
        "id": one.id,
        "label": "3",
        "probabilities": answer["probabilities"],
        "verdict": answer["verdict"],
        "model": answer["model"],
        "days": 30,
    }
    # What the explanation shows may be sent instead: it passes the preparation unchanged.
    assert send(open_to_corrections, base64.b64decode(answer["explanation"]["picture"]), "3").json()["id"] == one.id


def test_every_way_to_send_it(open_to_corrections: Client, store: Store) -> None:
    """As to /predict: all of them are the same correction."""
    form = multipart(part("file", SEVEN, "seven.png"))
    in_json = json.dumps({"image": base64.b64encode(SEVEN).decode()}).encode()
    sent = [
        send(open_to_corrections, SEVEN, "not_a_digit"),
        send(open_to_corrections, form, "not_a_digit", multipart_type()),
        send(open_to_corrections, in_json, "not_a_digit", "application/json"),
    ]
    assert {answer.status_code for answer in sent} == {201}
    assert len({answer.json()["id"] for answer in sent}) == len(store.kept()) == 1


def test_clients_answers_are_not_believed(open_to_corrections: Client, store: Store) -> None:
    """Whatever else a client says, in its query, form or JSON, does not get in."""
    extra = {"label": "3", "probabilities": "1", "verdict": "digit", "accepted": "true", "model": "mine"}
    headers = {"content-type": "image/png"}
    answer = open_to_corrections.request("POST", "/feedback", content=SEVEN, headers=headers, params=extra)
    assert answer.status_code == 201
    [kept] = store.kept()
    assert (kept.state, kept.correction.model_name, kept.correction.verdict) == ("waiting", "tiny", None)
    in_json = json.dumps({"image": base64.b64encode(SEVEN).decode(), "verdict": "digit"}).encode()
    assert_problem(send(open_to_corrections, in_json, "3", "application/json"), 422, "invalid_request")


def test_nothing_else_of_the_upload_is_kept(open_to_corrections: Client, path: Path) -> None:
    """Neither file names nor other fields, texts in the picture, headers or addresses are anywhere in the database."""
    told = SEVEN[:-12] + pictures.png_chunk(b"tEXt", b"Comment\0s3cret-comment") + SEVEN[-12:]
    form = multipart(part("file", told, "s3cret-name.png"), part("note", b"s3cret-note"))
    answer = open_to_corrections.request(
        "POST",
        "/feedback?label=7&note=s3cret-query",
        content=form,
        headers={"content-type": multipart_type(), "user-agent": "s3cret-agent", "referer": "http://s3cret-page/"},
    )
    assert answer.status_code == 201
    assert b"s3cret" not in path.read_bytes()
    with sqlite3.connect(path) as connection:
        columns = [fact[1] for fact in connection.execute("PRAGMA table_info(corrections)")]
        [row] = connection.execute("SELECT * FROM corrections")
    connection.close()
    kept = dict(zip(columns, row, strict=True))
    assert len(kept.pop("picture")) == 784
    probabilities = kept.pop("probabilities")
    assert len(json.loads(probabilities)) == 10
    assert kept == {
        "id": answer.json()["id"],
        "received": kept["received"],
        "label": "7",
        "verdict": None,
        "model_name": "tiny",
        "model_version": answer.json()["model"]["version"],
        "accepted": None,
    }
    assert len(kept["received"]) == len("2026-11-22")


@pytest.mark.parametrize("label", [None, "", "10", "seven", "7 "])
def test_labels(open_to_corrections: Client, store: Store, label: str | None) -> None:
    """Only a digit or `not_a_digit` is a label."""
    assert_problem(send(open_to_corrections, SEVEN, label), 422, "invalid_request")
    assert store.kept() == []


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "image/png", 422, "missing_picture"),
        (b"none", "image/png", 415, "unsupported_format"),
        (SEVEN[: len(SEVEN) // 2], "image/png", 422, "damaged_picture"),
        (b"x", "text/plain", 415, "unsupported_content_type"),
        (pictures.padded(SEVEN, 17 * 2**20), "image/png", 413, "too_many_bytes"),
    ],
)
def test_pictures(
    open_to_corrections: Client, store: Store, body: bytes, content_type: str, status: int, code: str
) -> None:
    """What /predict refuses is refused with the same words, and nothing is kept of it."""
    assert_problem(send(open_to_corrections, body, "7", content_type), status, code)
    assert store.kept() == []


@pytest.mark.parametrize("url", ["sqlite:////nowhere/x.db", "postgresql://digits:s3cret@127.0.0.1:1/digits"])
def test_database_that_is_down(tiny_model: Model, caplog: pytest.LogCaptureFixture, url: str) -> None:
    """The service starts and reads all the same; a correction is 503 and says nothing of the inside."""
    with serving(create_app(Settings(database=url), load=lambda _: tiny_model)) as client:
        assert client.predict(SEVEN).status_code == 200
        refused = send(client, SEVEN)
        assert_problem(refused, 503, "feedback_unavailable")
        assert refused.headers["retry-after"] == "60"
        assert client.predict(SEVEN).status_code == 200
        assert client.get("/health/ready").status_code == 200
    assert "127.0.0.1" not in refused.text
    assert "s3cret" not in caplog.text
    assert "No corrections are kept" in caplog.text


def test_no_room(open_to_corrections: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there is room for: the next one is told so."""

    def full(*_: object) -> None:
        raise FeedbackUnavailableError("As many corrections as there is room for wait for a review. Thank you!")

    monkeypatch.setattr(Store, "add", full)
    refused = send(open_to_corrections, SEVEN)
    assert_problem(refused, 503, "feedback_unavailable")
    assert "wait for a review" in refused.json()["detail"]
