"""What befalls pictures on their way: noise, blur, weather, geometry, scribbles; in the spirit of MNIST-C (Mu, 2019).

Each corruption takes a prepared picture, uint8 (28, 28), white ink on black, a strength from 0 (barely visible) to 1
(hard, still readable for a person) and a random generator, and returns uint8 (height, width) as a camera or a program
might have stored it. The results go through the service's preparation like any upload.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contract import INPUT_SHAPE, SIDE
from app.errors import NoInkError
from app.normalization import normalize
from model_training.data import Digits

Picture = npt.NDArray[np.uint8]
Random = np.random.Generator
Corruption = Callable[[Picture, float, Random], Picture]

_MIDDLE: Final = (SIDE - 1) / 2


def corrupt_digits(digits: Digits, count: int, seed: int) -> Digits:
    """Corrupt `count` digits, each corruption as often as any other, and prepare them as the service does."""
    random = np.random.default_rng([seed, 0xC0])
    kinds = list(CORRUPTIONS.values())
    pictures = np.empty((count, *INPUT_SHAPE), np.uint8)
    labels = np.empty(count, np.uint8)
    made = 0
    while made < count:
        index = random.integers(len(digits))
        corrupted = kinds[made % len(kinds)](digits.pictures[index, ..., 0], random.random(), random)
        try:
            pictures[made] = normalize(corrupted).pixels
        except NoInkError:
            continue
        labels[made] = digits.labels[index]
        made += 1
    return Digits(pictures, labels)


def _bytes(values: npt.NDArray[np.generic]) -> Picture:
    return np.clip(np.rint(values.astype(np.float32)), 0, 255).astype(np.uint8)


def _gaussian_noise(picture: Picture, strength: float, random: Random) -> Picture:
    return _bytes(picture + random.normal(0.0, 15 + 45 * strength, picture.shape))


def _shot_noise(picture: Picture, strength: float, random: Random) -> Picture:
    photons = 30.0 - 24.0 * strength
    return _bytes(random.poisson(picture / 255.0 * photons) / photons * 255.0)


def _impulse_noise(picture: Picture, strength: float, random: Random) -> Picture:
    hit = random.random(picture.shape) < 0.02 + 0.13 * strength
    return np.where(hit, random.choice(np.array([0, 255], np.uint8), picture.shape), picture)


def _gaussian_blur(picture: Picture, strength: float, random: Random) -> Picture:
    return _bytes(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.9, 1.1) * (0.6 + 1.2 * strength)))


def _motion_blur(picture: Picture, strength: float, random: Random) -> Picture:
    length = 3 + 2 * round(2 * strength)
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1.0
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), random.uniform(0, 180), 1.0)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    return _bytes(cv2.filter2D(picture.astype(np.float32), -1, kernel / kernel.sum()))


def _glass_blur(picture: Picture, strength: float, random: Random) -> Picture:
    reach = 0.8 + 1.0 * strength
    places = np.indices(picture.shape) + random.uniform(-reach, reach, (2, *picture.shape))
    rows, columns = places.astype(np.float32)
    shuffled = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR)
    return _bytes(cv2.GaussianBlur(shuffled, (0, 0), 0.6))


def _fog(picture: Picture, strength: float, random: Random) -> Picture:
    cloud = sum(
        cv2.resize(random.random((size, size)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) / size
        for size in (2, 4, 8)
    )
    cloud = np.asarray(cloud)
    cloud = (cloud - cloud.min()) / np.ptp(cloud)
    share = 0.3 + 0.4 * strength
    return _bytes(picture * (1.0 - share) + 255.0 * share * cloud)


def _brightness(picture: Picture, strength: float, random: Random) -> Picture:
    return _bytes(picture + random.uniform(0.8, 1.2) * (60.0 + 100.0 * strength))


def _contrast(picture: Picture, strength: float, random: Random) -> Picture:
    share = 0.5 - 0.35 * strength
    return _bytes(picture * share + random.uniform(0.0, 255.0 * (1.0 - share)))


def _stripe(picture: Picture, strength: float, random: Random) -> Picture:
    width = 3 + round(4 * strength)
    striped = picture.copy()
    if random.random() < 0.5:
        striped[:, :width], striped[:, -width:] = 255 - striped[:, :width], 255 - striped[:, -width:]
    else:
        left = random.integers(2, SIDE - 2 - width)
        striped[:, left : left + width] = 255 - striped[:, left : left + width]
    return striped


def _affine(picture: Picture, matrix: npt.NDArray[np.float64], shift: tuple[float, float] = (0.0, 0.0)) -> Picture:
    offset = np.array([_MIDDLE, _MIDDLE]) - matrix @ np.array([_MIDDLE, _MIDDLE]) + np.array(shift)
    return _bytes(cv2.warpAffine(picture, np.column_stack([matrix, offset]), (SIDE, SIDE)))


def _shear(picture: Picture, strength: float, random: Random) -> Picture:
    slant = random.choice([-1.0, 1.0]) * (0.2 + 0.35 * strength)
    return _affine(picture, np.array([[1.0, slant], [0.0, 1.0]]))


def _rotation(picture: Picture, strength: float, random: Random) -> Picture:
    angle = np.radians(random.choice([-1.0, 1.0]) * (5.0 + 15.0 * strength))
    return _affine(picture, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))


def _scale(picture: Picture, strength: float, random: Random) -> Picture:
    return _affine(picture, np.eye(2) * random.uniform(0.95, 1.05) * (0.8 - 0.3 * strength))


def _translation(picture: Picture, strength: float, random: Random) -> Picture:
    reach = 2.0 + 3.0 * strength
    across, down = random.choice([-reach, reach], 2)
    return _affine(picture, np.eye(2), (across, down))


def _dotted_line(picture: Picture, strength: float, random: Random) -> Picture:
    dotted = picture.copy()
    start, end = random.uniform(0, SIDE, (2, 2))
    if random.random() < 0.5:
        start[0], end[0] = 0, SIDE
    count = int(np.hypot(*(end - start)) / random.uniform(2.0, 3.5)) + 1
    for place in np.linspace(start, end, count):
        cv2.circle(dotted, (int(place[0]), int(place[1])), 0 if strength < 0.5 else int(random.integers(0, 2)), 255, -1)
    return dotted


def _zigzag(picture: Picture, strength: float, random: Random) -> Picture:
    crossed = picture.astype(np.float32)
    count = random.integers(4, 9)
    places = np.linspace(random.uniform(0, SIDE, 2), random.uniform(0, SIDE, 2), count)
    places += np.where(np.arange(count) % 2, 1, -1)[:, None] * random.uniform(0.5, 2.5, 2)
    cv2.polylines(crossed, [np.rint(places * 16).astype(np.int32)], False, 120 + 135 * strength, 1, cv2.LINE_AA, 4)
    return _bytes(np.maximum(crossed, picture))


def _spatter(picture: Picture, strength: float, random: Random) -> Picture:
    drops = cv2.GaussianBlur(random.normal(0, 1, picture.shape), (0, 0), 1.2)
    level = np.quantile(drops, 0.97 - 0.07 * strength)
    return np.where(drops > level, random.choice(np.array([0, 150, 255], np.uint8)), picture)


def _occlusion(picture: Picture, strength: float, random: Random) -> Picture:
    hidden = picture.copy()
    size = 3 + round(4 * strength)
    left, top = random.integers(4, SIDE - 4 - size, 2)
    hidden[top : top + size, left : left + size] = 0
    return hidden


def cropped(picture: Picture, ground: int = 64) -> Picture:
    """The bounding box of the ink: of all pixels brighter than `ground`, a grey level."""
    left, top, width, height = cv2.boundingRect(np.asarray(picture > ground, np.uint8))
    return picture[top : top + height, left : left + width]


def _stretch(picture: Picture, strength: float, random: Random) -> Picture:
    """Cropped and stretched towards a square, as old collections of digits were; half of them without greys."""
    crop = cropped(picture)
    side = int(random.integers(14, SIDE + 1))
    size = tuple(max(2, round(side * (length / max(crop.shape)) ** (1.0 - strength))) for length in crop.shape[::-1])
    stretched = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.where(stretched > 100, np.uint8(255), np.uint8(0)) if random.random() < 0.5 else stretched


def _coarse(picture: Picture, strength: float, random: Random) -> Picture:
    """On a coarse grid, up to eight pixels a side, the digit filling it."""
    crop = cropped(picture)
    factor = (18.0 - 9.0 * strength + random.uniform(-1.0, 1.0)) / max(crop.shape)
    size = tuple(max(2, round(length * factor)) for length in crop.shape[::-1])
    small = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.pad(small, int(random.integers(0, 2)))


def _jpeg(picture: Picture, strength: float, random: Random) -> Picture:
    quality = round(40 - 32 * strength) + int(random.integers(0, 4))
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _edges(picture: Picture, strength: float, random: Random) -> Picture:
    edges = cv2.Canny(picture, 50 + 50 * strength, random.uniform(130, 170))
    return np.asarray(edges, np.uint8) if edges.any() else picture


CORRUPTIONS: Final[Mapping[str, Corruption]] = MappingProxyType(
    {
        "gaussian noise": _gaussian_noise,
        "shot noise": _shot_noise,
        "impulse noise": _impulse_noise,
        "gaussian blur": _gaussian_blur,
        "motion blur": _motion_blur,
        "glass blur": _glass_blur,
        "fog": _fog,
        "brightness": _brightness,
        "contrast": _contrast,
        "stripe": _stripe,
        "shear": _shear,
        "rotation": _rotation,
        "scale": _scale,
        "translation": _translation,
        "dotted line": _dotted_line,
        "zigzag": _zigzag,
        "spatter": _spatter,
        "occlusion": _occlusion,
        "jpeg": _jpeg,
        "edges": _edges,
        "stretch": _stretch,
        "coarse grid": _coarse,
    }
)
"""Every corruption by name."""
