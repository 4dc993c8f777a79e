"""Handlers of the layers that are merged with a neighbor, or written in another form in int8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import activations, graph, lowering
from segnet_tf.export.conversion.graph import Handler, Range, Value
from segnet_tf.export.conversion.transposed import TransposedConvolution
from segnet_tf.layers import CropOrPad2D, FusedBatchNormalization


def handlers(range_of: Callable[[str], Range | None]) -> dict[type, Handler]:
    """The handlers for `graph.walk`.

    Args:
        range_of: gives the int8 range of a layer's output by its name; None in float.
    """

    def prelu(layer: keras.layers.PReLU, x: Value) -> tf.Tensor | None:
        made = range_of(layer.name)
        if made is None:
            return None
        return activations.prelu(x, _slopes(layer, x), made, layer.name)

    return {
        keras.layers.PReLU: prelu,
        keras.layers.Conv2DTranspose: transposed,
        keras.layers.BatchNormalization: normalize,
        FusedBatchNormalization: normalize,
        keras.layers.ReLU: relu,
        CropOrPad2D: fit,
    }


def transposed(layer: keras.layers.Conv2DTranspose, x: Value) -> TransposedConvolution | tf.Tensor:
    """Not written yet: a normalization or a ReLU may follow."""
    kernel = _numbers(layer.kernel)
    bias = _numbers(layer.bias) if layer.use_bias else np.zeros(layer.filters, np.float32)
    kernel = _dilated(kernel, layer.dilation_rate)
    size = tuple(layer.compute_output_shape(x.tensor.shape)[1:3])
    before = (0, 0)
    if layer.padding == "same":
        # What TensorFlow cuts off at both ends together, the smaller half of it at the start.
        sides = zip(x.tensor.shape[1:3], layer.strides, kernel.shape, size, strict=False)
        before = tuple(max((n - 1) * s + k - out, 0) // 2 for n, s, k, out in sides)
    made = TransposedConvolution(x, kernel, bias, layer.strides, before, size, layer.name)
    if layer.activation is keras.activations.linear:
        return made
    if layer.activation in (keras.activations.relu, keras.activations.relu6):
        return made.activated(layer.activation)
    return layer.activation(made.write(None))


def normalize(
    layer: keras.layers.BatchNormalization, x: Value | TransposedConvolution | tf.Tensor, **_: Any
) -> TransposedConvolution | tf.Tensor | None:
    """Merged into a transposed convolution; the converter merges it into others.

    One that stands alone is one op in int8.
    """
    alone = isinstance(x, Value) and x.range is not None and len(x.tensor.shape) == 4
    if not alone and not isinstance(x, TransposedConvolution):
        return None
    scale = 1 / np.sqrt(_numbers(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        scale = scale * _numbers(layer.gamma)
    offset = -_numbers(layer.moving_mean) * scale
    if layer.center:
        offset = offset + _numbers(layer.beta)
    if isinstance(x, TransposedConvolution):
        return x.normalized(scale, offset)
    return activations.affine(graph.bare(x), scale, offset, layer.name)


def relu(
    layer: keras.layers.ReLU, x: Value | TransposedConvolution | tf.Tensor
) -> TransposedConvolution | None:
    """Merged into a transposed convolution; the converter merges it into others."""
    return x.activated(layer) if isinstance(x, TransposedConvolution) else None


def fit(layer: CropOrPad2D, x: Value, reference: Any) -> Value:
    """Cuts or pads to a size that the file knows. No value is new: the range stays."""
    size = lowering.size_of(graph.bare(reference))
    return graph.quantized(lowering.to_size(x.tensor, size), x.range)


def _slopes(layer: keras.layers.PReLU, x: Value) -> np.ndarray:
    slopes = _numbers(layer.alpha)
    if slopes.shape[:-1] != (1, 1):
        raise UserError(
            "`shared_axes` of PReLU must have 1 and 2 in a model that is exported to int8: a slope "
            f"for each pixel has no such form. Received: slopes {slopes.shape} at {layer.name}. "
            'Export with format="float16" (--float16), or build it with shared_axes=[1, 2].'
        )
    return np.broadcast_to(slopes.ravel(), x.tensor.shape[-1:])


def _dilated(kernel: np.ndarray, rate: tuple[int, int]) -> np.ndarray:
    """The kernel with the zeros between its taps written out."""
    sides = [(side - 1) * step + 1 for side, step in zip(kernel.shape, rate, strict=False)]
    spread = np.zeros((*sides, *kernel.shape[2:]), np.float32)
    spread[:: rate[0], :: rate[1]] = kernel
    return spread


def _numbers(variable: keras.Variable) -> np.ndarray:
    with tf.init_scope():  # numbers, not ops of the graph that is being made
        return np.asarray(variable.numpy(), np.float32)
