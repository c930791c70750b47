"""The input contract: the same upload becomes the same pixels, until the contract's version says otherwise.

`python -m tests.app.test_contract` writes the golden pixels of a new contract version.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.contract import BOX, CONTRACT_VERSION, INPUT_SHAPE, LABELS, SIDE
from app.decoding import decode, open_upload
from app.normalization import normalize
from tests.pictures import encode, seven

GOLDEN = Path(__file__).parent / f"golden-{CONTRACT_VERSION}.png"
"""The prepared pictures side by side."""

PHOTOGRAPH = Path(__file__).parent.parent / "seven.jpg"


def uploads() -> list[bytes]:
    """Pictures that take every turn of the preparation: photograph, both polarities, large and small, shadow."""
    rough = seven(300, 200, ink=90, ground=170)
    noise = np.random.default_rng(8).normal(0.0, 4.0, (200, 300))
    shadow = np.where(np.arange(300) > 170, 0.6, 1.0)
    photographed = np.clip((np.asarray(rough) + noise) * shadow, 0, 255).astype(np.uint8)
    return [
        PHOTOGRAPH.read_bytes(),
        encode(seven(), "PNG"),
        encode(seven(28, 28), "PNG"),
        encode(seven(280, 280, ink=255, ground=0), "PNG"),
        encode(seven(1200, 900, ink=60, ground=200), "PNG"),
        encode(Image.fromarray(photographed), "PNG"),
    ]


def prepared() -> npt.NDArray[np.uint8]:
    """All of them prepared, side by side: uint8 (28, 28 n)."""
    pictures = [normalize(decode(open_upload(body, 10_000_000)).pixels).pixels[..., 0] for body in uploads()]
    return np.hstack(pictures)


def test_golden_pixels() -> None:
    """A change of the preparation fails here until CONTRACT_VERSION is raised and models are trained for it.

    Processors may round the last bits differently; anything a model could notice is more than that.
    """
    assert GOLDEN.is_file(), "no golden pixels for this contract version: python -m tests.app.test_contract"
    golden = np.asarray(Image.open(GOLDEN)).astype(int)
    difference = np.abs(prepared().astype(int) - golden)
    assert difference.max() <= 16, "the preparation changed: raise CONTRACT_VERSION and publish models for it"
    assert difference.mean() <= 0.25


def test_constants_are_mnists() -> None:
    """28 pixels a side, 20 for the ink, one channel, ten digits."""
    assert (SIDE, BOX) == (28, 20)
    assert INPUT_SHAPE == (28, 28, 1)
    assert list(LABELS) == list(range(10))


if __name__ == "__main__":
    Image.fromarray(prepared()).save(GOLDEN)
