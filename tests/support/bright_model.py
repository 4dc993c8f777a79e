"""A model whose answer can be told from the image by eye."""

from __future__ import annotations

import keras
import numpy as np


def save(path) -> str:
    """A `.keras` file of 11 classes: 3 where a pixel is bright, 0 where it is dark."""
    image = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(11, 1)
    model = keras.Model(image, conv(image))
    kernel = np.zeros((1, 1, 3, 11), np.float32)
    kernel[..., 3] = 1 / 3
    conv.kernel.assign(kernel)
    conv.bias.assign([128] + [-1000] * 2 + [0] + [-1000] * 7)
    model.save(path)
    return str(path)
