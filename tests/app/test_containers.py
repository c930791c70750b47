"""Containers without what is not needed: the pixels stay, costly parts go, and what is counted has an exact limit."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.containers import MOST_METADATA, MOST_NUMBERS, MOST_PIECES, MOST_SCANS, stripped
from app.decoding import decode, open_upload
from app.errors import DamagedPictureError
from tests import hostile, pictures

ROOM = 50_000


def pixels(body: bytes) -> pictures.Grey:
    return decode(open_upload(body, 10**6)).pixels


class TestWhatStays:
    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    def test_usual_pictures(self, image_format: str) -> None:
        """A picture is the same without its further parts, and stripping it again changes nothing."""
        body = pictures.encode(pictures.seven(), image_format)
        once = stripped(body)
        assert np.array_equal(pixels(once), pixels(body))
        assert np.array_equal(pixels(stripped(once)), pixels(body))

    def test_plain_png_is_not_copied(self) -> None:
        """What most clients send passes as the very same object."""
        body = pictures.encode(pictures.seven(28, 28), "PNG")
        assert stripped(body) is body

    def test_other_files_are_not_touched(self) -> None:
        """What is none of these formats comes back as it is."""
        assert stripped(b"seven") == b"seven"

    @pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF"])
    def test_orientation(self, image_format: str) -> None:
        """How to turn the picture is still told, whatever else goes."""
        body = pictures.oriented(pictures.seven(), 6, image_format)
        if image_format == "JPEG":
            body = body[:2] + hostile.segment(0xFE, b"comment") * 3 + body[2:]
        assert pixels(stripped(body)).shape == (80, 120)

    def test_colours_of_a_jpeg(self) -> None:
        """Adobe's segment, which tells what the colours of a CMYK JPEG are, stays."""
        body = pictures.encode(pictures.seven().convert("RGB").convert("CMYK"), "JPEG")
        assert b"Adobe" in stripped(body)

    @pytest.mark.parametrize("big", [False, True])
    def test_tiff_of_either_size(self, big: bool) -> None:
        """BigTIFFs are rewritten like small ones."""
        body = pictures.encode(pictures.seven(), "TIFF", big_tiff=big, compression="tiff_lzw")
        assert np.array_equal(pixels(body), pictures.pixels_of(pictures.seven()))

    def test_transparent_gif(self) -> None:
        """A GIF's transparent colour is kept among its comments."""
        palette = pictures.seven().convert("RGB").quantize(2)
        body = pictures.encode(palette, "GIF", transparency=0, comment=b"seven" * 100)
        assert b"seven" not in stripped(body)
        assert open_upload(body, 10**6).image.info["transparency"] == 0


class TestWhatGoes:
    @pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt", b"iCCP", b"abCd", b"acTL", b"fcTL"])
    @pytest.mark.parametrize("behind", [False, True])
    def test_chunks_of_a_png(self, kind: bytes, behind: bool) -> None:
        """Chunks that are not needed go, before the pixels and behind them."""
        body = hostile.png_with_many(kind, b"k\0\0" + hostile.BOMB, ROOM, behind=behind)
        assert kind not in stripped(body)
        assert np.array_equal(pixels(body), pixels(hostile.png()))

    def test_bytes_behind_a_png(self) -> None:
        """What stands behind a PNG's end is no piece of it."""
        body = hostile.png()
        assert np.array_equal(pixels(pictures.padded(body, 2**20)), pixels(body))

    def test_exif_of_a_png(self) -> None:
        """Of several Exif blocks the first stays, and none that is larger than any camera's."""
        small, large = (pictures.png_chunk(b"eXIf", bytes(size)) for size in (MOST_METADATA, MOST_METADATA + 1))
        assert stripped(hostile.png(small, small)).count(b"eXIf") == 1
        assert stripped(hostile.png(large)).count(b"eXIf") == 0

    def test_segments_of_a_jpeg(self) -> None:
        """Comments, profiles, thumbnails, filling and all Exif blocks but the first go."""
        plain = hostile.jpeg()
        kinds = {0xE1: b"http://ns.adobe.com/xap/1.0/\0", 0xE2: b"ICC_PROFILE\0", 0xED: b"Photoshop 3.0\0", 0xFE: b""}
        body = hostile.jpeg(*(hostile.segment(*part) for part in kinds.items()), b"\xff" * 100)
        assert stripped(body) == stripped(plain)
        exif = hostile.segment(0xE1, hostile.exif(1))
        assert stripped(hostile.jpeg(exif, exif)).count(b"Exif") == 1

    def test_tags_of_a_tiff(self) -> None:
        """Tags that do not tell how the pixels are stored go, and so do all pictures but the first."""
        body = hostile.plain_tiff(64, 64, (270, 2, 100_000, b"seven" * 20_000), (34665, 4, 1, hostile.long(8)))
        upload = open_upload(body, 10**6)
        assert set(upload.image.tag_v2) == {256, 257, 258, 259, 262, 273, 277, 278, 279}  # type: ignore[attr-defined]


class TestLimits:
    @pytest.mark.parametrize("more", [0, 1])
    def test_png(self, more: int) -> None:
        """As many chunks as are allowed, and not one more."""
        body = hostile.png(pictures.png_chunk(b"IDAT", b"") * (MOST_PIECES - 3 + more))
        self.check(body, more)

    @pytest.mark.parametrize("more", [0, 1])
    def test_segments(self, more: int) -> None:
        """As many segments as are allowed, and not one more."""
        body = hostile.jpeg()
        # Frame, tables and scan of a grey JPEG.
        own = sum(body.count(bytes([0xFF, marker])) for marker in (0xE0, 0xC0, 0xC4, 0xDB, 0xDA))
        self.check(hostile.jpeg(hostile.segment(0xFE, b"") * (MOST_PIECES - own + more)), more)

    @pytest.mark.parametrize("more", [0, 1])
    def test_scans(self, more: int) -> None:
        """As many passes over the pixels as are allowed, and not one more; what stands behind the end is none."""
        own = hostile.jpeg_of_scans(64).count(b"\xff\xda")
        self.check(hostile.jpeg_of_scans(64, MOST_SCANS - own + more) + b"\xff\xda" * 100, more)

    def test_scans_of_one_pass(self) -> None:
        """A JPEG that is read in one pass may hold anything behind it."""
        body = hostile.jpeg()
        assert pixels(body + b"\xff\xda\0\2" * 100).shape == (64, 64)

    @pytest.mark.parametrize("more", [0, 1])
    def test_hidden_scans(self, more: int) -> None:
        """Passes are counted in JPEGs of separate colours too, and a false end inside a table hides none of them."""
        table = hostile.segment(0xC4, b"\xff\xd9" + bytes(15))
        scan = hostile.segment(0xDA, b"\1\1\0\0\x3f\0")
        body = pictures.encode(pictures.seven(8, 8).convert("RGB"), "JPEG")
        start = body.index(b"\xff\xda")
        body = body[:start] + scan + table + scan * (MOST_SCANS - 1 + more)
        if more:
            with pytest.raises(DamagedPictureError, match="passes"):
                stripped(body)
        else:
            assert stripped(body).endswith(scan)

    def test_tables(self) -> None:
        """Tables in front of a JPEG's pixels are few."""
        with pytest.raises(DamagedPictureError, match="tables"):
            stripped(hostile.jpeg(hostile.segment(0xDB, bytes(65_000)) * 5))

    @pytest.mark.parametrize("more", [0, 1])
    def test_blocks_of_a_gif(self, more: int) -> None:
        """As many comments as are allowed, and not one more."""
        body = hostile.gif(0, frames=1)
        place = body.index(b",")
        self.check(body[:place] + b"!\xfe\0" * (MOST_PIECES + more) + body[place:], more)

    @pytest.mark.parametrize("more", [0, 1])
    def test_strips_of_a_tiff(self, more: int) -> None:
        """As many strips as are allowed, and not one more."""
        strips = MOST_PIECES + more
        body = hostile.plain_tiff(1, strips, strips=strips)
        if more:
            with pytest.raises(DamagedPictureError, match="65,536 pieces"):
                stripped(body)
        else:
            assert len(stripped(body)) > len(body)

    @pytest.mark.parametrize("more", [0, 1])
    def test_fields_of_a_tiff(self, more: int) -> None:
        """As many fields as are allowed, and not one more."""
        fields = [(40000 + index, 3, 1, hostile.long(1)) for index in range(MOST_NUMBERS - 9 + more)]
        self.check(hostile.plain_tiff(64, 64, *fields), more)

    @staticmethod
    def check(body: bytes, more: int) -> None:
        if more:
            with pytest.raises(DamagedPictureError, match="more than"):
                stripped(body)
        else:
            assert pixels(body).shape == (64, 64)


class TestDamage:
    @pytest.mark.parametrize("image_format", ["JPEG", "GIF", "TIFF"])
    def test_cut_off(self, image_format: str) -> None:
        """A header that ends early is called damaged, wherever it ends."""
        body = pictures.encode(Image.new("L", (8, 8)), image_format)
        for end in range(6, 40):
            with pytest.raises(DamagedPictureError):
                pixels(body[:end])

    @pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0"])
    @given(rest=st.binary(max_size=200))
    def test_any_bytes(self, start: bytes, rest: bytes) -> None:
        """Any bytes behind a signature are stripped or called damaged."""
        try:
            assert stripped(start + rest)
        except DamagedPictureError:
            return

    def test_run_length_of_a_bmp(self) -> None:
        """A BMP may not have more bytes than its runs can need, nor be large: Pillow undoes them one by one."""
        row = b"\x40\1\0\0"
        assert pixels(hostile.bmp(64, 64, row * 64)).shape == (64, 64)
        with pytest.raises(DamagedPictureError):
            pixels(hostile.bmp(64, 64, b"\1\1" * 6000))

    def test_bomb_in_a_text(self) -> None:
        """The bomb that the tests use is one."""
        assert len(zlib.decompress(hostile.BOMB)) > 500 * len(hostile.BOMB)
