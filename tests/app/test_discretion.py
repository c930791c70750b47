"""What clients send is neither written to disk nor told to the log."""

import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from app.application import create_app
from app.loading import Model
from app.settings import Settings
from tests import hostile, pictures
from tests.app.service import Client, chunked, multipart, multipart_type, part, serving

CLIENTS_WORDS: Final = "s3cret\r\n2026-01-01 ERROR forged\x1b[31m"
"""What a client says, wherever it may say something."""

WRITING: Final = 0o3
"""Of a file's flags: opened to write, or to read and write."""


@pytest.fixture
def watched(tiny_model: Model) -> Iterator[Client]:
    """A service of its own."""
    with serving(create_app(Settings(), load=lambda _: tiny_model)) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The files that are opened to be written, by Python code, while a test runs."""
    found: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        if (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING) or event in {
            "tempfile.mkstemp",
            "tempfile.mkdtemp",
        }:
            found.append(str(arguments[0]))

    sys.addaudithook(watch)
    yield found
    # A hook cannot be taken away.
    watching = False


def test_watching_works(opened: list[str], tmp_path: Path) -> None:
    """What is written to disk would be seen."""
    (tmp_path / "seen").write_text("x")
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    assert len(opened) >= 2


def test_pictures_are_not_written_to_disk(watched: Client, opened: list[str]) -> None:
    """No picture is put into a file, however large it is, in whichever form it comes and whatever becomes of it."""
    for image_format in pictures.FORMATS:
        assert watched.predict(pictures.encode(pictures.seven(), image_format)).status_code == 200
    large = pictures.padded(pictures.encode(pictures.seven(3000, 2000), "PNG"), 8 * 2**20)
    form = multipart(part("file", large, filename="../../large.png"), part("other", bytes(20_000), filename="/etc/x"))
    assert watched.predict(form, multipart_type()).status_code == 200
    assert watched.predict(chunked(form, 2**20), multipart_type()).status_code == 200
    batch = {
        "content": multipart(part("file", large), part("file", b"none")),
        "headers": {"content-type": multipart_type()},
    }
    assert watched.request("POST", "/predict/batch", **batch).status_code == 200
    assert watched.predict(large[:3000]).status_code == 422
    assert opened == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (multipart_type(), multipart(part(f"file{CLIENTS_WORDS}", b"x", filename=f"../{CLIENTS_WORDS}\0.png"))),
        (multipart_type(), multipart(part("file", CLIENTS_WORDS.encode(), filename=CLIENTS_WORDS))),
        (multipart_type(), CLIENTS_WORDS.encode()),
        (multipart_type(CLIENTS_WORDS), b""),
        (f"image/{CLIENTS_WORDS}", CLIENTS_WORDS.encode()),
        (CLIENTS_WORDS, b""),
        ("application/json", f'{{"image": "{CLIENTS_WORDS}"}}'.encode()),
        ("application/json", f'{{"{CLIENTS_WORDS}": 1}}'.encode()),
        ("image/png", hostile.png(pictures.png_chunk(b"tEXt", b"k\0" + CLIENTS_WORDS.encode()))[:-30]),
        ("image/jpeg", hostile.jpeg(hostile.segment(0xFE, CLIENTS_WORDS.encode()))[:-30]),
        ("image/tiff", hostile.plain_tiff(8, 8, (270, 2, 60, CLIENTS_WORDS.encode() * 2))[:-8]),
    ],
)
def test_nothing_is_logged(
    watched: Client,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    content_type: str,
    body: bytes,
) -> None:
    """No file name, header, picture or text of a client gets into the log or to the terminal, and no answer fails."""
    with caplog.at_level(logging.INFO):
        assert watched.predict(body, content_type).status_code < 500
        assert watched.request("POST", f"/{hostile.BOMB.hex()[:20]}?{'x' * 20}").status_code == 404
    told = caplog.text + "".join(capfd.readouterr())
    assert "s3cret" not in told
    assert "forged" not in told
