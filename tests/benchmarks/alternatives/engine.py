"""What every alternative does alike: this project's decoding and preparation, and one of two inference engines.

The environment names the model: BENCH_ENGINE (keras or litert), BENCH_MODEL (the saved Keras model), BENCH_TWIN (the
same model compiled for LiteRT).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.contract import MAX_PIXELS
from app.decoding import Upload, decode, open_upload
from app.normalization import normalize

Pictures = npt.NDArray[np.uint8]
Classify = Callable[[Pictures], npt.NDArray[np.float32]]
"""Prepared pictures, uint8 (n, 28, 28, 1) -> probabilities, float32 (n, 10)."""


def prepare(body: bytes) -> Pictures:
    """An encoded picture -> uint8 (28, 28, 1)."""
    return normalize(decode(open_upload(body, MAX_PIXELS)).pixels).pixels


def prepare_image(image: Image.Image) -> Pictures:
    """A picture that Pillow has opened -> uint8 (28, 28, 1)."""
    return normalize(decode(Upload(image, image.format or "", image.width, image.height)).pixels).pixels


def answer(probabilities: npt.NDArray[np.float32]) -> dict[str, int | list[float]]:
    """What a client gets of one picture's probabilities, float32 (10,)."""
    return {"digit": int(probabilities.argmax()), "probabilities": probabilities.tolist()}


def load(way: Literal["predict", "call", "function"]) -> Classify:
    """The engine that BENCH_ENGINE names; `way` is how the guide that a program follows asks a Keras model."""
    if os.environ["BENCH_ENGINE"] == "litert":
        from app.classifier import Classifier

        return Classifier(Path(os.environ["BENCH_TWIN"])).classify
    return _keras(way)


def _keras(way: Literal["predict", "call", "function"]) -> Classify:
    import keras
    import tensorflow as tf

    model = keras.models.load_model(os.environ["BENCH_MODEL"])
    if way == "predict":
        return lambda pictures: np.asarray(model.predict(pictures, verbose=0))
    if way == "call":
        return lambda pictures: np.asarray(model(pictures, training=False))
    function = tf.function(
        lambda pictures: model(pictures, training=False), input_signature=[tf.TensorSpec((None, 28, 28, 1), tf.uint8)]
    )
    return lambda pictures: np.asarray(function(pictures))
