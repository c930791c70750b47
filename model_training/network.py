"""The networks of the recipes. Each takes uint8 (n, 28, 28, 1) and returns float32 probabilities (n, 10)."""

import keras
from keras import layers, ops

from app.contract import INPUT_SHAPE, LABELS, STRIP_HEIGHT, SYMBOLS
from model_training.recipe import Recipe


def build_network(recipe: Recipe) -> keras.Model:
    """Build the recipe's untrained network; its weights follow Keras's global seed."""
    scaling = layers.Rescaling(recipe.input_scale, name="scaling")
    hidden = {"paper": _paper, "compact": _compact}[recipe.network]()
    return keras.Sequential(
        [keras.Input(INPUT_SHAPE, dtype="uint8", name="picture"), scaling, *hidden, _softmax()], name=recipe.network
    )


def build_peers(recipe: Recipe) -> keras.Model:
    """Build the recipe's networks side by side: uint8 (n, 28, 28, 1) -> float32 (n, peers, 10)."""
    picture = keras.Input(INPUT_SHAPE, dtype="uint8", name="picture")
    peers = [build_network(recipe) for _ in range(recipe.peers)]
    for index, peer in enumerate(peers):
        peer.name = f"peer_{index}"
    return keras.Model(picture, ops.stack([peer(picture) for peer in peers], axis=1), name=f"{recipe.network}_peers")


def peers_of(networks: keras.Model) -> tuple[keras.Model, ...]:
    """The single networks in what `build_peers` built."""
    return tuple(layer for layer in networks.layers if isinstance(layer, keras.Sequential))


def _softmax() -> layers.Layer:
    return layers.Dense(len(LABELS), activation="softmax", name="probabilities")


def _paper() -> list[layers.Layer]:
    """The paper's listing, section 2.1.2.5, line for line."""
    return [
        layers.Conv2D(32, (3, 3), activation="sigmoid"),
        layers.Conv2D(32, (3, 3), activation="sigmoid"),
        layers.MaxPooling2D((2, 2)),
        layers.Flatten(),
        layers.Dense(128, activation="sigmoid"),
    ]


def _compact() -> list[layers.Layer]:
    """Six convolutions, each with batch normalisation (Ioffe and Szegedy, 2015), that halve the picture twice."""
    return [
        *_convolution(24, padding="valid"),
        *_convolution(32, strides=2, padding="valid"),
        *_convolution(48, padding="valid"),
        *_convolution(64),
        *_convolution(96, strides=2),
        *_convolution(96),
        layers.Flatten(),
        layers.Dropout(0.4),
        layers.Dense(128, use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
        layers.Dropout(0.2),
    ]


def _convolution(
    filters: int,
    strides: int = 1,
    padding: str = "same",
    size: tuple[int, int] = (3, 3),
    dilation: tuple[int, int] = (1, 1),
) -> list[layers.Layer]:
    return [
        layers.Conv2D(filters, size, strides=strides, padding=padding, dilation_rate=dilation, use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
    ]


def build_row_network(width: int | None = None) -> keras.Model:
    """Build the untrained network for rows: uint8 (n, STRIP_HEIGHT, width, 1) -> float32 (n, width / 2, SYMBOLS).

    The height shrinks to one row and the width to half; then columns look at ever farther neighbours (dilated
    convolutions, Yu and Koltun, 2016), 38 pixels away at most, each time adding to what they knew (He et al., 2016).
    """
    strip = keras.Input((STRIP_HEIGHT, width, 1), dtype="uint8", name="strip")
    x = layers.Rescaling(1 / 255, name="scaling")(strip)
    for step in (
        *_convolution(16),
        *_convolution(32, strides=2),
        *_convolution(48),
        layers.MaxPooling2D((2, 1)),
        *_convolution(64),
        *_convolution(64),
        layers.MaxPooling2D((3, 1)),
        *_convolution(96),
        *_convolution(96, size=(3, 1), padding="valid"),
    ):
        x = step(x)
    for reach in (1, 2, 4):
        further = x
        for step in (*_convolution(96, size=(1, 5), dilation=(1, reach)), layers.Dropout(0.1)):
            further = step(further)
        x = layers.Add()([x, further])
    x = layers.Reshape((-1, SYMBOLS))(layers.Conv2D(SYMBOLS, 1)(x))
    return keras.Model(strip, layers.Softmax(name="probabilities")(x), name="rows")
