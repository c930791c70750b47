"""What a request costs, counted instead of timed: hand-offs, decodings, inferences, copies, calls, memory."""

import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import anyio.to_thread
import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from starlette.types import ASGIApp, Receive, Scope, Send

from app.application import create_app
from app.decoding import WORKING_SIDE
from app.interpreter import Runner
from app.settings import Settings
from tests import pictures
from tests.app.service import Client, serving

MOST_CALLS = 340
"""Python functions that may be called for one small picture: a seventh more than the 297 when this was written."""

MOST_BYTES = 128 * 1024
"""Python and NumPy may hold at most this much more at any time while a small picture is read; it was 69 KiB."""

MOST_BYTES_OF_A_PHOTOGRAPH = 6 * 2**20
"""The same for a photograph; it was 2.7 MiB, where its pixels alone have 12 MB, and as floats 48 MB."""

SMALL = pictures.encode(pictures.seven(28, 28), "PNG")
MEDIUM = pictures.encode(pictures.seven(280, 280), "PNG")


class Measured:
    """An application whose requests are measured, on the event loop's thread."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.calls: int = 0
        """Python functions that the last request called."""
        self.peak: int = 0
        """Bytes that it held at once."""
        self.profile = False
        self.trace = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on between two readings of the meters."""
        if self.trace and scope["type"] == "http":
            await self._traced(scope, receive, send)
        elif self.profile and scope["type"] == "http":
            await self._profiled(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await self._app(scope, receive, send)
            self.peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()

    async def _profiled(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls = 0

        def count(_: FrameType, event: str, __: Any) -> None:
            self.calls += event == "call"

        sys.setprofile(count)
        try:
            await self._app(scope, receive, send)
        finally:
            sys.setprofile(None)


@pytest.fixture(scope="module")
def measured(tiny_artifact: Path) -> Measured:
    """The whole application."""
    return Measured(create_app(Settings(model=tiny_artifact)))


@pytest.fixture(scope="module")
def service(measured: Measured) -> Iterator[Client]:
    """A client of it, which has asked once: what is made on first use is there."""
    with serving(measured) as running:
        for body in (SMALL, MEDIUM):
            assert running.predict(body).status_code == 200
        yield running


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of the expensive steps is taken."""
    found: Counter[str] = Counter()

    def watch(owner: Any, name: str, step: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            found[step] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    watch(anyio.to_thread, "run_sync", "hand-off")
    watch(Runner, "__call__", "inference")
    # Pillow asks for a decoder once for each picture whose pixels it reads.
    watch(Image, "_getdecoder", "decoding")
    # How NumPy gets a picture's pixels.
    watch(Image.Image, "tobytes", "copy to NumPy")
    return found


class TestSteps:
    def test_small_picture(self, service: Client, counts: Counter[str]) -> None:
        """It is decoded once, copied to NumPy once and classified once, all on the event loop's thread."""
        assert service.predict(SMALL).status_code == 200
        assert counts == {"inference": 1, "decoding": 1, "copy to NumPy": 1}

    def test_larger_picture(self, service: Client, counts: Counter[str]) -> None:
        """It takes the same steps after one hand-off to a thread."""
        assert service.predict(MEDIUM).status_code == 200
        assert counts == {"hand-off": 1, "inference": 1, "decoding": 1, "copy to NumPy": 1}

    def test_refused_before_it_is_decoded(self, service: Client, counts: Counter[str]) -> None:
        """What is no picture, and what has too many pixels, costs none of the steps."""
        assert service.predict(b"no picture").status_code == 415
        assert service.predict(pictures.png_claiming(8000, 8000)).status_code == 422
        assert counts == {}

    def test_blank_picture(self, service: Client, counts: Counter[str]) -> None:
        """A blank picture is decoded and never classified."""
        blank = pictures.encode(Image.new("L", (28, 28), 255), "PNG")
        assert service.predict(blank).status_code == 422
        assert counts == {"decoding": 1, "copy to NumPy": 1}

    def test_probes(self, service: Client, counts: Counter[str]) -> None:
        """A probe needs no thread: it answers however busy they are."""
        for path in ("/health/live", "/health/ready", "/model"):
            assert service.get(path).status_code == 200
        assert counts == {}


class TestCalls:
    def test_small_picture(self, measured: Measured, service: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """A small picture's way through the whole application has a bounded number of calls."""
        monkeypatch.setattr(measured, "profile", True)
        found = []
        for _ in range(3):
            assert service.predict(SMALL).status_code == 200
            found.append(measured.calls)
        # The garbage collector may call functions of its own now and then.
        assert 50 < min(found) <= MOST_CALLS

    def test_not_a_call_for_each_pixel(
        self, measured: Measured, service: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Five times the pixels take hardly more calls: the work on pixels is left to libraries."""
        monkeypatch.setattr(measured, "profile", True)
        found = []
        for side in (28, 63):
            assert service.predict(pictures.encode(pictures.seven(side, side), "PNG")).status_code == 200
            found.append(measured.calls)
        assert found[1] <= 1.2 * found[0]


class TestMemory:
    def test_small_picture(self, measured: Measured, service: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """A small picture takes little memory."""
        monkeypatch.setattr(measured, "trace", True)
        assert service.predict(SMALL).status_code == 200
        assert 0 < measured.peak <= MOST_BYTES

    @pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
    def test_photograph(
        self, measured: Measured, service: Client, monkeypatch: pytest.MonkeyPatch, image_format: str
    ) -> None:
        """Twelve megapixels are never in NumPy's hands at once."""
        photograph = pictures.encode(pictures.seven(4032, 3024), image_format)
        monkeypatch.setattr(measured, "trace", True)
        assert service.predict(photograph).status_code == 200
        assert measured.peak <= MOST_BYTES_OF_A_PHOTOGRAPH

    def test_photograph_is_shrunk_by_its_decoder(self, service: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """A JPEG of twelve megapixels is decoded at a quarter of its sides, not whole and shrunk afterwards."""
        sizes = []
        load = JpegImageFile.load

        def watched(image: JpegImageFile) -> Any:
            result = load(image)
            sizes.append(image.size)
            return result

        monkeypatch.setattr(JpegImageFile, "load", watched)
        answer = service.predict(pictures.encode(pictures.seven(4032, 3024), "JPEG"), "image/jpeg")
        assert answer.status_code == 200
        assert answer.json()["preparation"]["width"] == 4032
        assert sizes
        assert np.max(sizes) <= 2 * WORKING_SIDE
