"""Small .tflite files and images for the runtimes that are slow here."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np

from segnet_tf.data.scenes import synthetic
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.models import segnet_mini

SIZE = (64, 96)


def images(count: int) -> list[np.ndarray]:
    """Synthetic scenes, float32 `(1, 64, 96, 3)`, RGB 0..255."""
    return [
        synthetic.scene(index, size=SIZE)[0][np.newaxis].astype(np.float32)
        for index in range(count)
    ]


@cache
def content(kind: str, io: str = "float32") -> bytes:
    """An untrained narrow SegNet-Mini as a file.

    Args:
        kind: `"float32"` or `"int8"`.
        io: dtype of the file's input and output.
    """
    keras.utils.set_random_seed(0)
    model = segnet_mini(5, (*SIZE, 3), widths=(8, 8, 16, 16, 24))
    ranges = calibration.measure_ranges(model, images(4)) if kind == "int8" else None
    return convert.convert(model, SIZE, format=kind, ranges=ranges, io=io)


def same_pixels(first: np.ndarray, second: np.ndarray) -> float:
    """Fraction of pixels whose class, the largest logit, is the same."""
    return float((first.argmax(-1) == second.argmax(-1)).mean())
