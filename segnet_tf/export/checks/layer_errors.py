"""Which layers of an int8 file lose what: each tensor against the Keras model's."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from segnet_tf.export.conversion import calibration, graph
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph, Op, Tensor

IMAGES = 4
SHOWN = 20


def images(
    source: Any, data: str | None, size: tuple[int, int], batch: int, seed: int
) -> list[np.ndarray]:
    """A few training images to measure on; drawn scenes for a model without training data."""
    from segnet_tf.data.scenes import synthetic

    train = source.samples(data, "train")
    if train is None:
        train = synthetic.samples("train", size=size, count=IMAGES)
    found = calibration.calibration_images(train, IMAGES, size, seed)
    return [np.repeat(image, batch, axis=0) for image in found]


def measure(
    content: bytes, model: keras.Model, ranges: Ranges, pictures: Iterable[np.ndarray]
) -> list[dict]:
    """Compares the tensors of an int8 file with those of its model.

    The error of a layer is the root mean square of the difference to the float tensor, over the
    root mean square of the float tensor. It holds what came in with the layer's inputs; what the
    layer adds is the root of its error's square less the largest of its inputs' squares, 0 where
    a layer gets rid of errors.

    Args:
        content: of the .tflite file.
        model: the Keras model that it was made from.
        ranges: that it was made with; they name the layers to look at.
        pictures: float32 `(batch, height, width, 3)`, RGB 0..255, of the file's size.

    Returns:
        A row a layer, those that add most first: `layer`, `error`, `added` (fractions) and
        `snr_db`, the signal to noise ratio in decibels (`None` where there is no error).
    """
    model = graph.as_float32(model)
    file = flatbuffer.read(content)
    found = _tensors(file, model, ranges)
    shown = flatbuffer.with_outputs(content, list(found.values()))
    noise, signal = dict.fromkeys(found, 0.0), dict.fromkeys(found, 0.0)
    for image in pictures:
        exact: dict[str, np.ndarray] = {}

        def note(name, value, exact=exact):
            if name in found:
                exact[name] = np.asarray(value, np.float32)
            return value

        graph.walk(model, image, {}, note)
        values = registry.get("xnnpack").run(shown, [image]).outputs[0][len(file.outputs) :]
        for name, value in zip(found, values, strict=True):
            noise[name] += float(np.square(value - exact[name]).mean())
            signal[name] += float(np.square(exact[name]).mean())
    squares = {name: noise[name] / signal[name] if signal[name] else 0.0 for name in found}
    rows = []
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


def text(rows: list[dict[str, Any]]) -> str:
    """The table for a person, its first rows."""
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


def _tensors(file: Graph, model: keras.Model, ranges: Ranges) -> dict[str, int]:
    """Layer -> the int8 tensor that holds its output, in order of execution."""
    layers = {layer.name: layer for layer in model._flatten_layers(include_self=False)}
    made: dict[str, tuple[int, Op]] = {}  # by the layers whose ops went into a tensor
    last: dict[str, int] = {}
    for op in file.ops:
        index = op.outputs[0]
        if file.tensors[index].dtype != "int8":
            continue
        names = [_layer(part, layers) for part in file.tensors[index].name.split(";")]
        for name in names:
            if name is not None:
                made.setdefault(name, (index, op))
        # The converter names what it fused by its last op first. The scale tells a layer `concat`
        # from the op of that name inside an unpooling.
        first = names[0]
        if first in ranges and (
            # Its range is what it can be, not what was measured.
            isinstance(layers[first], keras.layers.Rescaling)
            or _has_range(file.tensors[index], ranges[first])
        ):
            last[first] = index
    for name, layer in layers.items():
        if name in made or name not in ranges:
            continue
        # What has no name of its own, as pooling, is what the next convolution takes.
        for node in getattr(layer, "_outbound_nodes", ()):
            reader = made.get(node.operation.name)
            if reader is not None and reader[1].name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                last.setdefault(name, reader[1].inputs[0])
    taken: set[int] = set()
    order = [(index, name) for name, index in last.items()]
    return {
        name: index
        for index, name in sorted(order)
        if not (index in taken or taken.add(index))  # type: ignore[func-returns-value]
    }


def _has_range(tensor: Tensor, span: tuple[float, float]) -> bool:
    scale = (span[1] - span[0]) / 255
    return tensor.scale.size == 1 and abs(float(tensor.scale[0]) / scale - 1) < 1e-3


def _layer(part: str, layers: dict[str, Any]) -> str | None:
    """The layer that an op's name begins with: Keras numbers the scope of a second call."""
    scope = part.split("/")[0]
    if scope in layers:
        return scope
    scope = re.sub(r"_\d+$", "", scope)
    return scope if scope in layers else None


def _inputs(file: Graph, tensor: int, known: dict[int, str]) -> set[str]:
    """The layers that a tensor is computed from directly, through ops of no layer."""
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
