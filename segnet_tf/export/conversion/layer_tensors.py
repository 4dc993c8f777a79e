"""Which tensor of an int8 file holds the output of which Keras layer."""

from __future__ import annotations

import re

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.export.conversion import concatenations, graph
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.tflite_file.flatbuffer import Graph, Op, Tensor


def of_layers(file: Graph, model: keras.Model, ranges: Ranges) -> dict[str, int]:
    """Layer -> the number of the int8 tensor that holds its output, in order of execution.

    Args:
        file: an int8 file.
        model: that it was made from, as `input_scale.moved` gives it.
        ranges: that it was made with; they name the layers to look for.
    """
    layers = {layer.name: layer for layer in model._flatten_layers(include_self=False)}
    followers = concatenations.followers(model)
    made: dict[str, tuple[int, Op]] = {}  # layer -> the first tensor that one of its ops is in
    last: dict[str, int] = {}
    for op in file.ops:
        index = op.outputs[0]
        if file.tensors[index].dtype != "int8":
            continue
        names = [_layer(part, layers) for part in file.tensors[index].name.split(";")]
        for name in names:
            if name is not None:
                made.setdefault(name, (index, op))
        # The name of a fused op lists its ops, the last one first. A layer may have the same name
        # as an op inside an unpooling, such as `concat`: only the layer's tensor has the scale
        # that follows from the layer's range.
        first = names[0]
        if first in ranges and (
            # The range of a Rescaling is computed from 0..255, not measured: its scale may differ.
            isinstance(layers[first], keras.layers.Rescaling)
            or _has_range(file.tensors[index], ranges[followers.get(first, first)])
        ):
            last[first] = index
    for name, layer in layers.items():
        if name in made or name not in ranges:
            continue
        # A pooling's output is no op's first name in the file. It is the input of the convolution
        # that reads the pooling layer.
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


def whole(file: Graph, model: keras.Model, found: dict[str, int], image: np.ndarray) -> set[str]:
    """The layers of `of_layers` whose whole output their tensor holds, and no other layer's.

    Not those that are called twice or have their name from two nested models, and not transposed
    convolutions, which the file computes in parts.

    Args:
        file: an int8 file.
        model: that `found` is of.
        found: of `of_layers`.
        image: float32 of the file's size, to run the model on.
    """
    seen: dict[str, list[tuple[int, ...]]] = {}

    def note(name: str, value: tf.Tensor) -> tf.Tensor:
        seen.setdefault(name, []).append(tuple(getattr(value, "shape", ())))
        return value

    graph.walk(model, image, {}, note)
    return {name for name in found if seen.get(name) == [file.tensors[found[name]].shape]}


def _has_range(tensor: Tensor, span: tuple[float, float]) -> bool:
    scale = (span[1] - span[0]) / 255
    return tensor.scale.size == 1 and abs(float(tensor.scale[0]) / scale - 1) < 1e-3


def _layer(part: str, layers: dict[str, keras.layers.Layer]) -> str | None:
    """The layer that an op's name begins with. Keras adds `_1` when a layer is called again."""
    scope = part.split("/")[0]
    if scope in layers:
        return scope
    scope = re.sub(r"_\d+$", "", scope)
    return scope if scope in layers else None
