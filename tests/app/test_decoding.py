"""Bytes -> grey picture: every format, mode, orientation and transparency; nothing but a Picture or a PictureError."""

import struct

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from app.decoding import FORMATS, WORKING_SIDE, Picture, decode, open_upload
from app.errors import DamagedPictureError, PictureError, TooManyPixelsError, UnsupportedFormatError
from tests import pictures

MAX_PIXELS = 1_000_000

# Pillow tells of broken metadata in warnings; the service's answer does not depend on them.
tolerates_pillows_warnings = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def picture_of(body: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    return decode(open_upload(body, max_pixels))


def difference(picture: Picture, expected: Image.Image) -> float:
    """Mean difference of the grey levels."""
    assert picture.pixels.shape == (expected.height, expected.width)
    return float(np.abs(picture.pixels.astype(int) - pictures.pixels_of(expected)).mean())


def float_tiff(values: npt.NDArray[np.float32]) -> bytes:
    return pictures.encode(Image.fromarray(values), "TIFF")


def tiff_16_bit(image: Image.Image, byte_order: str) -> bytes:
    """An uncompressed 16-bit grey TIFF, written by hand: II is little-endian, MM big-endian."""
    mark = {"II": "<", "MM": ">"}[byte_order]
    samples = (pictures.pixels_of(image).astype(np.uint16) * 257).astype(f"{mark}u2").tobytes()
    short, long = 3, 4
    entries = [
        (256, long, image.width),
        (257, long, image.height),
        (258, short, 16),
        (259, short, 1),
        (262, short, 1),
        (273, long, 8),
        (277, short, 1),
        (278, long, image.height),
        (279, long, len(samples)),
    ]
    directory = struct.pack(f"{mark}H", len(entries))
    for tag, kind, value in entries:
        field = struct.pack(f"{mark}HH", value, 0) if kind == short else struct.pack(f"{mark}I", value)
        directory += struct.pack(f"{mark}HHI", tag, kind, 1) + field
    header = byte_order.encode() + struct.pack(f"{mark}HI", 42, 8 + len(samples))
    return header + samples + directory + bytes(4)


class TestFormats:
    def test_promised_formats_are_the_tested_ones(self) -> None:
        """Each format the service promises is covered by the tests below."""
        assert FORMATS == pictures.FORMATS

    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    def test_every_format_gives_the_same_picture(self, image_format: str) -> None:
        """A scene decodes to the same grey levels, whatever format it was saved in."""
        scene = pictures.seven()
        picture = picture_of(pictures.encode(scene, image_format))
        assert difference(picture, scene) < 1.0
        assert (picture.format, picture.width, picture.height) == (image_format, 120, 80)
        assert picture.pixels.dtype == np.uint8

    @pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
    def test_only_the_first_frame_counts(self, image_format: str) -> None:
        """Of an animation or a document of several pages, the first picture is read."""
        first, second = pictures.seven(), pictures.seven(ink=255, ground=0)
        body = pictures.encode(first, image_format, save_all=True, append_images=[second])
        assert difference(picture_of(body), first) < 1.0

    def test_jpeg_with_more_pictures_behind_is_a_jpeg(self) -> None:
        """A phone's multi-picture JPEG reads as its first picture and is reported as JPEG."""
        body = pictures.encode(pictures.seven(), "MPO", save_all=True, append_images=[pictures.seven(ink=200)])
        picture = picture_of(body)
        assert picture.format == "JPEG"
        assert difference(picture, pictures.seven()) < 1.0

    def test_progressive_jpeg(self) -> None:
        """A progressive JPEG reads like a baseline one."""
        assert difference(picture_of(pictures.encode(pictures.seven(), "JPEG", progressive=True)), pictures.seven()) < 1

    @pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
    def test_compressed_tiff(self, compression: str) -> None:
        """TIFFs read alike under each usual compression."""
        body = pictures.encode(pictures.seven(), "TIFF", compression=compression)
        assert difference(picture_of(body), pictures.seven()) < 1.0

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\x00",
            b"seven",
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
            b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="28" height="28"/>',
            b"PK\x03\x04" + bytes(100),
            b"P5 28 28 255\n" + bytes(28 * 28),
            bytes(range(256)) * 8,
        ],
        ids=["empty", "one byte", "text", "PDF", "SVG", "zip", "PGM", "bytes"],
    )
    def test_anything_else_is_unsupported(self, body: bytes) -> None:
        """What is in none of the promised formats is refused as such, even if Pillow could read it."""
        with pytest.raises(UnsupportedFormatError, match="Send one of PNG, JPEG"):
            open_upload(body, MAX_PIXELS)


class TestModes:
    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
    def test_png_modes(self, mode: str) -> None:
        """Every colour model a PNG can have gives the same grey picture."""
        scene = pictures.seven()
        assert difference(picture_of(pictures.encode(scene.convert(mode), "PNG")), scene) < 0.5

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "PA", "I;16", "I", "F"])
    def test_tiff_modes(self, mode: str) -> None:
        """Every colour model and depth a TIFF can have gives the same grey picture."""
        scene = pictures.seven()
        stored = scene.convert("RGBA").convert(mode) if mode == "PA" else scene.convert(mode)
        assert difference(picture_of(pictures.encode(stored, "TIFF")), scene) < 1.0

    def test_tiff_in_lab(self) -> None:
        """A TIFF in CIE L*a*b*, as photo editors write it, is a picture like any other."""
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.profileToProfile(pictures.seven().convert("RGB"), *profiles, outputMode="LAB")
        assert lab is not None
        assert difference(picture_of(pictures.encode(lab, "TIFF")), pictures.seven()) < 4.0

    def test_large_tiff_with_palette_and_alpha(self) -> None:
        """A palette with alpha survives the shrinking: its indices are no colours that could be averaged."""
        large = pictures.seven(2400, 1600)
        stored = large.convert("RGBA").convert("PA")
        assert difference(picture_of(pictures.encode(stored, "TIFF"), 2400 * 1600), large.reduce(6)) < 2.0

    def test_cmyk_jpeg(self) -> None:
        """A JPEG for the printer is not read as a negative."""
        body = pictures.encode(pictures.seven().convert("RGB").convert("CMYK"), "JPEG")
        assert difference(picture_of(body), pictures.seven()) < 1.0

    def test_palette_with_transparency(self) -> None:
        """A palette's transparent colour is laid on the ground its ink was meant for."""
        palette = pictures.seven().convert("RGB").quantize(2)
        black = min((0, 1), key=lambda index: (palette.getpalette() or [])[3 * index])
        body = pictures.encode(palette, "PNG", transparency=1 - black)
        assert difference(picture_of(body), pictures.seven()) < 1.0

    @pytest.mark.parametrize(("mode", "key"), [("L", 255), ("RGB", (255, 255, 255)), ("1", 1)])
    def test_colour_key_of_a_png(self, mode: str, key: object) -> None:
        """A colour declared transparent counts as ground."""
        body = pictures.encode(pictures.seven().convert(mode), "PNG", transparency=key)
        assert difference(picture_of(body), pictures.seven()) < 0.5

    def test_16_bit_png_is_not_white(self) -> None:
        """16-bit samples are scaled to 8 bits instead of clipped at 255."""
        scene = pictures.seven()
        deep = Image.fromarray(pictures.pixels_of(scene).astype(np.uint16) * 257)
        body = pictures.encode(deep, "PNG")
        assert open_upload(body, MAX_PIXELS).image.mode == "I;16"
        assert difference(picture_of(body), scene) == 0.0

    def test_dim_16_bit_png_keeps_its_shades(self) -> None:
        """A 12-bit scan in a 16-bit file keeps distinct shades: ink and ground do not fall together."""
        shades = np.where(pictures.pixels_of(pictures.seven()) < 128, 500, 4000).astype(np.uint16)
        pixels = picture_of(pictures.encode(Image.fromarray(shades), "PNG")).pixels
        assert sorted(np.unique(pixels)) == [round(500 / 257), round(4000 / 257)]

    @pytest.mark.parametrize("byte_order", ["II", "MM"])
    def test_16_bit_tiff_of_either_byte_order(self, byte_order: str) -> None:
        """Little- and big-endian 16-bit TIFFs read alike."""
        assert difference(picture_of(tiff_16_bit(pictures.seven(), byte_order)), pictures.seven()) == 0.0

    @pytest.mark.parametrize("factor", [1, 257, 80_000])
    def test_32_bit_integers(self, factor: int) -> None:
        """Integers of 8, 16 or more bits are brought to 8 by the smallest full scale that holds them."""
        scene = pictures.seven()
        deep = Image.fromarray(pictures.pixels_of(scene).astype(np.int32) * factor)
        assert difference(picture_of(pictures.encode(deep, "TIFF")), scene) < 0.5

    def test_negative_integers(self) -> None:
        """Signed samples are lifted to zero instead of wrapped round."""
        scene = pictures.seven()
        signed = Image.fromarray(pictures.pixels_of(scene).astype(np.int32) - 128)
        assert difference(picture_of(pictures.encode(signed, "TIFF")), scene) < 0.5

    @pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
    def test_floats_of_every_usual_full_scale(self, white: float) -> None:
        """Float samples mean the same in 0..1, 0..255 and 0..65535."""
        scene = pictures.seven()
        values = (pictures.pixels_of(scene) / 255 * white).astype(np.float32)
        assert difference(picture_of(float_tiff(values)), scene) < 0.5

    @pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
    def test_samples_that_are_no_numbers(self, hole: float) -> None:
        """NaN and infinities become black and disturb no other pixel."""
        scene = pictures.seven()
        values = (pictures.pixels_of(scene) / 255).astype(np.float32)
        values[0, 0] = hole
        picture = picture_of(float_tiff(values))
        assert picture.pixels[0, 0] == 0
        assert np.array_equal(picture.pixels[1:], pictures.pixels_of(scene)[1:])

    def test_floats_of_the_widest_range(self) -> None:
        """Samples from one end of the floats to the other are a picture too."""
        scene = pictures.seven()
        values = ((pictures.pixels_of(scene) / 255 - 0.5) * 6.6e38).astype(np.float32)
        assert difference(picture_of(float_tiff(values)), scene) < 1.0

    def test_all_black_depths(self) -> None:
        """A deep picture whose samples are all zero is black, not an error."""
        assert not picture_of(float_tiff(np.zeros((4, 5), np.float32))).pixels.any()


class TestOrientation:
    @pytest.mark.parametrize("orientation", pictures.STORED_TURNS)
    @pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
    def test_pictures_come_out_upright(self, image_format: str, orientation: int) -> None:
        """However the camera was held, picture, width and height are those of the upright scene."""
        scene = pictures.seven()
        picture = picture_of(pictures.oriented(scene, orientation, image_format))
        assert (picture.width, picture.height) == (scene.width, scene.height)
        assert difference(picture, scene) < 1.0

    def test_large_sideways_photo(self) -> None:
        """Turning and shrinking go together: the upright original's size is reported, the picture is smaller."""
        scene = pictures.seven(2000, 1200)
        picture = picture_of(pictures.oriented(scene, 6, "JPEG"), 2000 * 1200)
        assert (picture.width, picture.height) == (2000, 1200)
        assert picture.pixels.shape[0] < picture.pixels.shape[1] < 2000

    @tolerates_pillows_warnings
    @pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
    @pytest.mark.parametrize(
        "exif",
        [
            b"Exif\x00\x00nonsense",
            b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
            b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05",
            b"II",
            b"Exif\x00\x00",
        ],
        ids=["no TIFF header", "offset beyond the end", "directory cut off", "two bytes", "empty"],
    )
    def test_broken_exif_is_ignored(self, exif: bytes, image_format: str) -> None:
        """A broken EXIF block is no reason to refuse a picture whose pixels are whole."""
        picture = picture_of(pictures.encode(pictures.seven(), image_format, exif=exif))
        assert difference(picture, pictures.seven()) < 1.0

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_unknown_orientation_is_ignored(self, orientation: int) -> None:
        """An orientation outside 1..8 leaves the picture as it is stored."""
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        assert difference(picture_of(pictures.encode(pictures.seven(), "PNG", exif=exif)), pictures.seven()) == 0.0


class TestColours:
    @pytest.mark.parametrize(("ink", "ground"), [((178, 30, 20), (110, 75, 50)), ((20, 110, 20), (200, 25, 20))])
    def test_colours_of_the_same_lightness(self, ink: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
        """Ink that differs from its paper in colour only is still seen."""
        shape = pictures.seven(ink=255, ground=0)
        scene = Image.new("RGB", shape.size, ground)
        scene.paste(Image.new("RGB", shape.size, ink), mask=shape)
        seen = picture_of(pictures.encode(scene, "PNG")).pixels
        assert int(seen.max()) - int(seen.min()) >= 60

    def test_usual_colours_become_luma(self) -> None:
        """Blue ink on white paper is as dark as it looks."""
        scene = Image.new("RGB", (60, 60), "white")
        scene.paste((30, 30, 160), (20, 10, 40, 50))
        assert np.array_equal(picture_of(pictures.encode(scene, "PNG")).pixels, np.asarray(scene.convert("L")))


class TestTransparency:
    @staticmethod
    def drawing(stroke: int, hidden: int) -> Image.Image:
        """Opaque strokes on a transparent ground whose hidden colour is arbitrary."""
        alpha = Image.eval(pictures.seven(), lambda level: 255 - level)
        drawing = Image.new("RGBA", alpha.size, (hidden,) * 3 + (0,))
        drawing.paste((stroke,) * 3 + (255,), mask=alpha)
        return drawing

    @pytest.mark.parametrize("hidden", [0, 255])
    @pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "HEIF"])
    def test_black_strokes_lie_on_white(self, image_format: str, hidden: int) -> None:
        """Dark strokes on nothing are read as on white paper, whatever colour hides under the nothing."""
        options = {"lossless": True, "exact": True} if image_format == "WEBP" else {}
        picture = picture_of(pictures.encode(self.drawing(0, hidden), image_format, **options))
        assert difference(picture, pictures.seven()) < 1.5

    @pytest.mark.parametrize("hidden", [0, 255])
    def test_white_strokes_lie_on_black(self, hidden: int) -> None:
        """Light strokes on nothing are read as on a blackboard."""
        picture = picture_of(pictures.encode(self.drawing(255, hidden), "PNG"))
        assert difference(picture, pictures.seven(ink=255, ground=0)) < 1.0

    def test_nothing_visible_is_blank(self) -> None:
        """A fully transparent picture is blank, even where a seven is hidden in its colours."""
        hidden = pictures.seven().convert("RGBA")
        hidden.putalpha(0)
        assert np.unique(picture_of(pictures.encode(hidden, "PNG")).pixels).size == 1

    def test_large_drawing_does_not_bleed(self) -> None:
        """Shrinking mixes no hidden colour into the strokes' edges."""
        alpha = Image.eval(pictures.seven(2400, 1600), lambda level: 255 - level)
        drawing = Image.new("RGBA", alpha.size, (255, 255, 255, 0))
        drawing.paste((0, 0, 0, 255), mask=alpha)
        picture = picture_of(pictures.encode(drawing, "PNG"), 2400 * 1600)
        assert difference(picture, pictures.seven(2400, 1600).reduce(6)) < 0.5


class TestSize:
    @pytest.mark.parametrize("size", [(1, 1024), (3000, 3), (1, 5000)])
    @pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
    def test_long_thin_pictures(self, size: tuple[int, int], image_format: str) -> None:
        """However thin a long picture is, some of it is left when it is shrunk."""
        picture = picture_of(pictures.encode(Image.new("L", size, 255), image_format))
        assert (picture.width, picture.height) == size
        assert min(picture.pixels.shape) >= 1
        assert int(picture.pixels.min()) > 250

    def test_tile_of_a_tiff_counts(self) -> None:
        """A small picture cut from a huge tile is as much work as the tile."""
        short, long, tile = 3, 4, 46336
        entries = [
            (256, long, 40),
            (257, long, 40),
            (258, short, 8),
            (259, short, 8),
            (262, short, 1),
            (277, short, 1),
            (322, long, tile),
            (323, long, tile),
            (324, long, 8 + 2 + 12 * 10 + 4),
            (325, long, 8),
        ]
        body = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
        body += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(4 + 8)
        with pytest.raises(TooManyPixelsError):
            open_upload(body, tile * tile - 1)
        assert open_upload(body, tile * tile).width == 40

    @pytest.mark.parametrize("mode", ["I;16", "I", "F"])
    def test_large_deep_pictures_are_averaged(self, mode: str) -> None:
        """16-bit, 32-bit and float pictures are shrunk like others: a grey of thin lines stays grey."""
        lines = np.zeros((2000, 1600), np.uint16)
        lines[::2] = 65535
        image = Image.fromarray(lines) if mode == "I;16" else Image.fromarray(lines.astype(np.int32)).convert(mode)
        picture = picture_of(pictures.encode(image, "TIFF"), 2000 * 1600)
        assert (picture.width, picture.height) == (1600, 2000)
        assert max(picture.pixels.shape) < 2 * WORKING_SIDE
        # The average becomes the picture's own white or, where the scale is known, half of it.
        assert int(picture.pixels.max()) - int(picture.pixels.min()) <= 90

    def test_large_picture_is_shrunk_and_reports_its_own_size(self) -> None:
        """A large picture keeps at least the working resolution and reports the original's width and height."""
        scene = pictures.seven(3000, 2000)
        picture = picture_of(pictures.encode(scene, "PNG"), 3000 * 2000)
        assert (picture.width, picture.height) == (3000, 2000)
        assert WORKING_SIDE <= max(picture.pixels.shape) < 2 * WORKING_SIDE
        expected = scene.resize(picture.pixels.shape[::-1], Image.Resampling.BOX)
        assert difference(picture, expected) < 1.0

    def test_large_jpeg_is_shrunk_while_it_is_decoded(self) -> None:
        """A large JPEG is decoded at a fraction of its size, and the answer still names the original's."""
        upload = open_upload(pictures.encode(pictures.seven(3000, 2000), "JPEG"), 3000 * 2000)
        picture = decode(upload)
        assert max(upload.image.size) < 3000
        assert (picture.width, picture.height) == (3000, 2000)
        assert max(picture.pixels.shape) >= WORKING_SIDE

    def test_picture_below_twice_the_working_side_stays_whole(self) -> None:
        """No pixel is lost where there are not many."""
        scene = pictures.seven(2 * WORKING_SIDE - 1, 300)
        assert difference(picture_of(pictures.encode(scene, "PNG")), scene) == 0.0

    @pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (2, 3)])
    def test_thin_pictures(self, size: tuple[int, int]) -> None:
        """Pictures of a single row or column decode too."""
        picture = picture_of(pictures.encode(Image.new("L", size, 77), "PNG"))
        assert (picture.width, picture.height) == size
        assert np.unique(picture.pixels).tolist() == [77]

    def test_pixel_limit_is_exact(self) -> None:
        """As many pixels as allowed are accepted, one column more is not."""
        assert picture_of(pictures.encode(Image.new("L", (100, 50)), "PNG"), 5000).width == 100
        with pytest.raises(TooManyPixelsError, match="5,000 pixels"):
            open_upload(pictures.encode(Image.new("L", (101, 50)), "PNG"), 5000)

    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    def test_pixel_limit_of_every_format(self, image_format: str) -> None:
        """The limit holds whatever the format."""
        body = pictures.encode(pictures.seven(), image_format)
        assert open_upload(body, 120 * 80).width == 120
        with pytest.raises(TooManyPixelsError):
            open_upload(body, 120 * 80 - 1)

    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
    @pytest.mark.parametrize("side", [2000, 10_000, 100_000, 2**31 - 1])
    def test_announced_size_is_checked_before_decoding(self, side: int) -> None:
        """A tiny file that claims a huge picture is refused by its header alone, before a pixel is missed."""
        with pytest.raises(TooManyPixelsError, match="1,000,000 pixels"):
            open_upload(pictures.png_claiming(side, side), MAX_PIXELS)

    def test_warning_of_a_bomb_is_a_refusal(self) -> None:
        """Where warnings are errors, Pillow's warning of a decompression bomb is answered like the limit itself."""
        with pytest.raises(TooManyPixelsError):
            open_upload(pictures.png_claiming(10_000, 10_000), MAX_PIXELS)


class TestDamage:
    @tolerates_pillows_warnings
    @pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    def test_truncated_pictures(self, image_format: str, share: float) -> None:
        """A picture that ends early is called damaged, whatever its format and wherever it ends."""
        noise = np.random.default_rng(7).integers(0, 256, (60, 90), np.uint8)
        body = pictures.encode(Image.fromarray(noise), image_format)
        with pytest.raises(DamagedPictureError, match="damaged"):
            picture_of(body[: int(len(body) * share)])

    def test_damaged_header(self) -> None:
        """A header that contradicts itself is called damaged."""
        body = pictures.encode(pictures.seven(), "PNG")
        with pytest.raises(DamagedPictureError):
            picture_of(body[:16] + bytes(8) + body[24:])

    def test_pixels_replaced_by_nonsense(self) -> None:
        """Compressed pixels that cannot be unpacked are called damaged."""
        header = pictures.png_claiming(50, 40)
        with pytest.raises(DamagedPictureError, match="Save the picture again"):
            picture_of(header)

    def test_palette_that_is_missing(self) -> None:
        """A picture of a palette's colours without the palette is called damaged."""
        body = pictures.encode(pictures.seven().convert("P"), "PNG")
        with pytest.raises(DamagedPictureError):
            picture_of(body.replace(b"PLTE", b"PLTA"))

    @tolerates_pillows_warnings
    @given(st.binary(max_size=400))
    def test_any_bytes(self, body: bytes) -> None:
        """Arbitrary bytes give a picture or a PictureError, never another exception."""
        self.expect_picture_or_error(body)

    @tolerates_pillows_warnings
    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    @given(data=st.data())
    def test_any_bytes_behind_a_signature(self, image_format: str, data: st.DataObject) -> None:
        """Bytes that begin like a picture give a picture or a PictureError."""
        signature = pictures.encode(pictures.seven(20, 10), image_format)[: data.draw(st.integers(4, 64))]
        self.expect_picture_or_error(signature + data.draw(st.binary(max_size=200)))

    @tolerates_pillows_warnings
    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    @given(data=st.data())
    def test_any_mutation(self, image_format: str, data: st.DataObject) -> None:
        """A valid file with bytes flipped, cut out or put in gives a picture or a PictureError."""
        body = bytearray(pictures.encode(pictures.seven(20, 10), image_format))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(body) - 1))
            match data.draw(st.sampled_from(["flip", "cut", "insert", "truncate"])):
                case "flip":
                    body[place] ^= data.draw(st.integers(1, 255))
                case "cut":
                    del body[place : place + data.draw(st.integers(1, 16))]
                case "insert":
                    body[place:place] = data.draw(st.binary(min_size=1, max_size=16))
                case _:
                    del body[max(place, 1) :]
            if not body:
                break
        self.expect_picture_or_error(bytes(body))

    @staticmethod
    def expect_picture_or_error(body: bytes) -> None:
        try:
            picture = picture_of(body)
        except PictureError:
            return
        assert picture.pixels.ndim == 2
        assert picture.pixels.dtype == np.uint8
        assert picture.format in FORMATS
