"""Tiny files of every kind that the page takes, each with what LiteRT computes from a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import tiny_models

from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import metadata
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

NAMES = tuple(f"thing {index}" for index in range(32))
# Far from each other, and none of those that are made up for a file without.
COLORS = tuple((255 - 7 * index, 3 * index, 40 * (index % 6)) for index in range(32))


@dataclass(frozen=True)
class Made:
    """A file, and the page's answer to it.

    Attributes:
        content: of the file.
        size: `(height, width)` of its input.
        names: of its classes, as the page should list them.
        colors: of them; `None` if the page chooses them.
    """

    content: bytes
    size: tuple[int, int]
    names: tuple[str, ...]
    colors: tuple | None

    def classes(self, image: np.ndarray) -> np.ndarray:
        """Ids of uint8 RGB `(height, width, 3)`, by NumPy out of LiteRT's numbers."""
        interpreter = cpu.open_interpreter(self.content)
        (taken,) = interpreter.get_input_details()
        interpreter.set_tensor(taken["index"], image[None].astype(taken["dtype"]))
        interpreter.invoke()
        given = interpreter.get_output_details()[-1]
        values = interpreter.get_tensor(given["index"])[0]
        if values.ndim == 2:
            return values
        if values.shape[-1] > 1:
            return values.argmax(-1)
        scale, zero = given["quantization"]
        real = (values[..., 0].astype(float) - zero) * scale if scale else values[..., 0]
        # A file of these with a second output, or whose numbers stay in 0..1, has probabilities.
        is_probability = (
            len(interpreter.get_output_details()) > 1 or 0 <= real.min() <= (real.max()) <= 1
        )
        return (real > (0.5 if is_probability else 0)).astype(int)


@cache
def made(name: str) -> Made:
    """One of `KINDS`."""
    return KINDS[name]()


def _two_classes() -> Made:
    names, colors = ("ground", "crack"), ((20, 90, 160), (250, 220, 30))
    content = convert.convert(tiny_models.two_stages(2, (48, 80)), (48, 80))
    return Made(metadata.attach(content, "logits", names, colors=colors), (48, 80), names, colors)


def _one_logit(output_kind: str = "logits") -> Made:
    names, colors = ("no crack", "crack"), ((10, 60, 20), (200, 30, 220))
    model = tiny_models.two_stages(1, (40, 40))
    content = convert.convert(model, (40, 40), output_kind=output_kind)
    content = metadata.attach(content, output_kind, names, "sigmoid", colors=colors)
    return Made(content, (40, 40), names, colors)


def _thirty_two() -> Made:
    content = convert.convert(tiny_models.two_stages(32, (64, 96)), (64, 96), "float16")
    return Made(metadata.attach(content, "logits", NAMES), (64, 96), NAMES, None)


def _labels(is_named: bool) -> Made:
    model = tiny_models.two_stages(32, (64, 96))
    content = convert.convert(model, (64, 96), output_kind="labels")
    names, colors = (NAMES, COLORS) if is_named else (None, None)
    content = metadata.attach(content, "labels", names, colors=colors)
    return Made(content, (64, 96), NAMES if is_named else (), colors)


def _bytes_in_and_out() -> Made:
    """One logit in uint8: its zero is another number in the file."""
    model = tiny_models.two_stages(1, (40, 40))
    ranges = calibration.measure_ranges(model, tiny_models.images((40, 40)))
    content = convert.convert(model, (40, 40), "int8", ranges=ranges, io="uint8")
    names = ("no crack", "crack")
    return Made(metadata.attach(content, "logits", names, "sigmoid"), (40, 40), names, None)


def bayesian() -> Made:
    said = Uncertainty(2, 3)
    model = tiny_models.bayesian(5, (48, 64))
    content = convert.convert(model, (48, 64), output_kind="probabilities", uncertainty=said)
    names, colors = NAMES[:5], COLORS[:5]
    content = metadata.attach(content, "probabilities", names, None, said, colors)
    return Made(content, (48, 64), names, colors)


KINDS = {
    "two_classes": _two_classes,
    "one_logit": _one_logit,
    "one_probability": lambda: _one_logit("probabilities"),
    "thirty_two": _thirty_two,
    "labels": lambda: _labels(True),
    "labels_unnamed": lambda: _labels(False),
    "bytes": _bytes_in_and_out,
    "bayesian": bayesian,
}
