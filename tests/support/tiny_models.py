"""The architectures at a few channels, with weights that leave their activations alive."""

from __future__ import annotations

import keras
import numpy as np

from segnet_tf import models
from segnet_tf.models import blocks
from segnet_tf.models.dropout import Dropouts

SIZE = (32, 48)
ODD = (45, 61)
WIDTHS = {"segnet": (4,) * 5, "segnet_mini": (4,) * 5, "segnet_basic": (4,) * 4}
# Of every architecture; two to six channels a stage where it can be that narrow.
NARROW = {
    "enet": {"width": 0.5},
    "segnet": {"widths": (2, 3, 4, 5, 6)},
    "segnet_basic": {"widths": (2, 3, 4, 5)},
    "segnet_lite": {"decoder_widths": (2, 3, 4)},
    "segnet_mini": {"widths": (2, 3, 4, 5, 6)},
    "segnet_nano": {"decoder_widths": (2, 3, 4)},
    "unet": {"widths": (2, 3, 4, 5, 6)},
    "unet_plus_plus": {"widths": (2, 3, 4, 5, 6)},
    "deeplab_v3_plus": {"widths": (2, 3, 4, 5, 6), "filters": 4},
    "pspnet": {"widths": (2, 3, 4, 5, 6), "filters": 4},
}


def build(name, num_classes=5, size=SIZE, **options) -> keras.Model:
    """Random weights and batch statistics, the same ones in each call."""
    keras.utils.set_random_seed(1)
    options = {"widths": WIDTHS[name], **options}
    return alive(models.build(name, num_classes, (*size, 3), **options))


def two_stages(num_classes=5, size=SIZE, normalization="signed", padding="valid") -> keras.Model:
    """The same building blocks, two pooling layers only: converted in a third of a second."""
    keras.utils.set_random_seed(1)
    image = keras.Input((*size, 3))
    x = blocks.normalize(image, normalization)
    x = blocks.encoder_decoder(x, ((4,), (6,)), ((4,), (4,)), pool_padding=padding)
    return alive(keras.Model(image, blocks.classifier(x, num_classes)))


def bayesian(num_classes=5, size=SIZE, rate=0.5) -> keras.Model:
    """Two stages, with dropout behind both poolings and the deeper stage of the decoder."""
    keras.utils.set_random_seed(1)
    image = keras.Input((*size, 3))
    x = blocks.normalize(image, "signed")
    drop = Dropouts(rate, ("encoder1", "encoder2", "decoder2"))
    x = blocks.encoder_decoder(x, ((4,), (6,)), ((4,), (4,)), dropouts=drop)
    return alive(keras.Model(image, blocks.classifier(x, num_classes)))


def alive(model: keras.Model) -> keras.Model:
    """Gives batch normalizations statistics under which nothing dies."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            gamma, variance = rng.uniform(0.7, 1.3, (2, count))
            beta, mean = rng.normal(0, 0.3, (2, count))
            layer.set_weights([gamma, beta, mean, variance])
    return model


def images(size=SIZE, count=3, seed=0) -> list[np.ndarray]:
    """Blotches of color with noise, float32 `(1, height, width, 3)` RGB 0..255 each."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 1, -(-size[0] // 8), -(-size[1] // 8), 3))
    found = []
    for blotches in coarse:
        image = blotches.repeat(8, axis=1).repeat(8, axis=2)[:, : size[0], : size[1]]
        found.append(np.clip(image + rng.normal(0, 20, image.shape), 0, 255).round())
    return [image.astype(np.float32) for image in found]
