"""AVIF and HEIF: the size their pictures really have, and tables of contents that no decoder should see."""

import struct
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.decoding import decode, open_upload
from app.errors import DamagedPictureError, PictureError, TooManyPixelsError
from app.items import MOST_FRAMES, coded_pixels
from tests import hostile, pictures

LYING: Final = Path(__file__).with_name("lying.avif").read_bytes()
"""16,000 x 16,000 pixels of 4:4:4, encoded by libaom, in a file that says 64 x 64."""


class TestSizes:
    @pytest.mark.parametrize(("mode", "pictures_in_it"), [("L", 1), ("RGB", 1), ("RGBA", 2)])
    def test_of_an_avif(self, mode: str, pictures_in_it: int) -> None:
        """A picture has its own pixels, and those of its transparency."""
        assert coded_pixels(hostile.avif(70, 30, mode=mode)) == pictures_in_it * 70 * 30

    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    def test_of_others(self, image_format: str) -> None:
        """Other formats are not looked into."""
        assert coded_pixels(pictures.encode(pictures.seven(), image_format)) == (9600 if image_format == "AVIF" else 0)

    def test_of_a_film(self) -> None:
        """Where frames may say their own size, it is what their header has room for."""
        body = pictures.encode(pictures.seven(), "AVIF", save_all=True, append_images=[pictures.seven(ink=9)])
        assert 120 * 80 <= coded_pixels(body) <= 4 * 120 * 80

    def test_lie(self) -> None:
        """What an AVIF says about its size does not count."""
        assert coded_pixels(LYING) == 16_000**2
        with pytest.raises(TooManyPixelsError):
            open_upload(LYING, hostile.MOST_PIXELS)

    def test_small_lie(self) -> None:
        """A lie within the limit is no harm."""
        upload = open_upload(hostile.avif(640, 640, (64, 64)), 640 * 640)
        assert decode(upload).pixels.shape == (64, 64)


class TestTables:
    @pytest.mark.parametrize("word", [b"Exif", b"mime", b"application/rdf"])
    def test_names_that_are_no_text(self, word: bytes) -> None:
        """A name that is no text, which ends the process in pi_heif 1.4, reaches no decoder."""
        body = pictures.encode(pictures.seven().convert("RGB"), "HEIF", xmp=b"<x/>", exif=hostile.exif(1))
        for place in range(4):
            broken = bytearray(body)
            broken[body.index(word) + place] ^= 0x80
            with pytest.raises(DamagedPictureError, match="unusual"):
                open_upload(bytes(broken), 10**6)

    def test_overlays(self) -> None:
        """Pictures that lie on one another, each as large as the whole and as many as one likes, are refused."""
        body = pictures.encode(pictures.seven().convert("RGB"), "HEIF")
        place = body.index(b"hvc1", body.index(b"infe"))
        with pytest.raises(DamagedPictureError, match="lie on one another"):
            coded_pixels(body[:place] + b"iovl" + body[place + 4 :])

    @pytest.mark.parametrize("kind", [b"meta", b"iinf", b"iloc"])
    def test_twice(self, kind: bytes) -> None:
        """A table that is there twice has two readings."""
        body = pictures.encode(pictures.seven(), "AVIF")
        place = body.index(kind) - 4
        size = struct.unpack_from(">I", body, place)[0]
        twice = body[: place + size] + body[place : place + size] + body[place + size :]
        if kind != b"meta":
            meta = body.index(b"meta") - 4
            length = struct.unpack_from(">I", body, meta)[0]
            twice = twice[:meta] + struct.pack(">I", length + size) + twice[meta + 4 :]
        with pytest.raises(DamagedPictureError, match="unusual"):
            coded_pixels(twice)

    def test_many_frames(self) -> None:
        """A picture may have a few layers, and not thousands of frames that nobody sees."""
        body = hostile.avif(64, 64)
        start = body.index(b"mdat") + 4
        size = len(body) - start
        length = body.index(struct.pack(">I", size), body.index(b"iloc"))
        for frames in (MOST_FRAMES, MOST_FRAMES + 1):
            # Empty frames behind what is there: an OBU of type 6 and no bytes.
            more = b"\x32\0" * (frames - 1)
            longer = body[:length] + struct.pack(">I", size + len(more)) + body[length + 4 :] + more
            if frames > MOST_FRAMES:
                with pytest.raises(DamagedPictureError, match="frames"):
                    coded_pixels(longer)
            else:
                assert coded_pixels(longer) == frames * 64 * 64

    @given(data=st.data())
    @pytest.mark.parametrize("image_format", ["AVIF", "HEIF"])
    def test_any_change(self, image_format: str, data: st.DataObject) -> None:
        """A file with some bytes changed has a size or is called damaged."""
        body = bytearray(pictures.encode(Image.new("RGB", (8, 8)), image_format))
        for _ in range(data.draw(st.integers(1, 4))):
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        try:
            assert coded_pixels(bytes(body)) >= 0
        except PictureError:
            return
