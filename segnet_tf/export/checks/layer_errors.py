"""How much each layer of an int8 file loses: its tensors against those of the Keras model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

import keras
import numpy as np

from segnet_tf.data import Samples
from segnet_tf.data.scenes import synthetic
from segnet_tf.export.conversion import calibration, graph, input_scale, layer_tensors
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph

IMAGES = 4
SHOWN = 20


class LayerError(TypedDict):
    """A row of the table.

    Attributes:
        layer: its name.
        error: of its output, a fraction of the output's size.
        added: the part of it that the layer itself adds, a fraction too.
        snr_db: signal to noise ratio in decibels, `None` where there is no error.
    """

    layer: str
    error: float
    added: float
    snr_db: float | None


def images(
    train: Samples | None, size: tuple[int, int], batch: int, seed: int, channels: int = 3
) -> list[np.ndarray]:
    """A few training images to measure on, each repeated to fill a batch.

    Args:
        train: training images; `None` for synthetic scenes.
        size: `(height, width)` in pixels.
        batch: of the file.
        seed: of the choice of images.
        channels: of the images.
    """
    if train is None:
        train = synthetic.samples("train", size=size, count=IMAGES)
    found = calibration.calibration_images(train.in_channels(channels), IMAGES, size, seed)
    return [np.repeat(image, batch, axis=0) for image in found]


def measure(
    content: bytes, model: keras.Model, ranges: Ranges, pictures: Sequence[np.ndarray]
) -> list[LayerError]:
    """Compares the tensors of an int8 file with those of its model.

    With rms the root mean square, `error = rms(int8 - float) / rms(float)` of a layer's output. It
    includes the errors of the layer's inputs. The layer itself adds
    `added = sqrt(max(0, error**2 - max(input errors)**2))`.

    Args:
        content: of the .tflite file.
        model: the Keras model that it was made from.
        ranges: that it was made with; they name the layers to look at.
        pictures: float32 `(batch, height, width, 3)`, RGB 0..255, of the file's size; one at least.

    Returns:
        A row for each layer that one tensor holds; the layer that adds the most comes first.
    """
    model = input_scale.moved(graph.network_of(model))
    file = flatbuffer.read(content)
    found = layer_tensors.of_layers(file, model, ranges)
    whole = layer_tensors.whole(file, model, found, pictures[0])
    found = {name: index for name, index in found.items() if name in whole}
    shown = flatbuffer.with_outputs(content, list(found.values()))
    noise, signal = dict.fromkeys(found, 0.0), dict.fromkeys(found, 0.0)
    for image in pictures:
        exact: dict[str, np.ndarray] = {}

        def note(name: str, value: np.ndarray, exact: dict[str, np.ndarray] = exact) -> np.ndarray:
            if name in found:
                exact[name] = np.asarray(value, np.float32)
            return value

        graph.walk(model, image, {}, note)
        values = registry.get("xnnpack").run(shown, [image]).outputs[0][len(file.outputs) :]
        for name, value in zip(found, values, strict=True):
            noise[name] += float(np.square(value - exact[name]).mean())
            signal[name] += float(np.square(exact[name]).mean())
    squares = {name: noise[name] / signal[name] if signal[name] else 0.0 for name in found}
    rows: list[LayerError] = []
    for name, square in squares.items():
        inputs = _inputs(file, found[name], {tensor: layer for layer, tensor in found.items()})
        before = max((squares[layer] for layer in inputs), default=0.0)
        rows.append(
            {
                "layer": name,
                "error": math.sqrt(square),
                "added": math.sqrt(max(0.0, square - before)),
                "snr_db": -10 * math.log10(square) if square else None,
            }
        )
    return sorted(rows, key=lambda row: -row["added"])


def text(rows: list[LayerError]) -> str:
    """The first rows of the table, for a person."""
    lines = ["layer                         adds   error   signal/noise"]
    for row in rows[:SHOWN]:
        ratio = "exact" if row["snr_db"] is None else f"{row['snr_db']:.1f} dB"
        lines.append(
            f"{row['layer']:26}  {100 * row['added']:5.1f} %  {100 * row['error']:5.1f} %  "
            f"{ratio:>10}"
        )
    if len(rows) > SHOWN:
        lines.append(f"and {len(rows) - SHOWN} layers more, which add less")
    return "\n".join(lines)


def _inputs(file: Graph, tensor: int, known: dict[int, str]) -> set[str]:
    """The layers that a tensor is computed from, with no other layer in between."""
    found: set[str] = set()
    left, seen = [tensor], {tensor}
    while left:
        op = file.maker(left.pop())
        for index in op.inputs if op else ():
            if index in known and index != tensor:
                found.add(known[index])
            elif index >= 0 and index not in seen:
                seen.add(index)
                left.append(index)
    return found
