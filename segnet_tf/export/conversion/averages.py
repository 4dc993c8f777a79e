"""Layers that average, in TFLite ops that XNNPACK and the GPU delegates take in int8 too.

XNNPACK has no int8 AVERAGE_POOL_2D, and takes no CONCATENATION of more than five maps, which six
windows side by side would need. What it takes:

- The whole map: MEAN.
- Equal windows, none of which reaches beyond the map: a DEPTHWISE_CONV_2D.
- Any other windows: rows first, then columns, each a 1x1 CONV_2D over a TRANSPOSE that makes the
  pixels of a side its channels. All weights of a window are one number or 0, which int8 stores
  exactly with a scale for each window: what is rounded is the map alone.

An average gets a range of its own: it costs nothing, since the op computes new values anyway, and
the mean of a map of 0..6 may be 0..0.5, which 6's range would leave 21 of 255 steps.

Measured, 45x60 pixels of 64 channels to 6x6, one thread: the third form takes 0.04 ms in int8 and
0.09 ms in float32, and is within 0.8 of a step. A SLICE and a MEAN for each window take 0.01 and
0.02 ms, but they are 79 ops for a thousandth of a network's time.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.export.conversion import graph, lowering
from segnet_tf.export.conversion.graph import Handler, Value
from segnet_tf.layers import AdaptiveAveragePooling2D
from segnet_tf.layers.adaptive_pooling import averaging_matrix


def adaptive(layer: AdaptiveAveragePooling2D, x: Value) -> tf.Tensor:
    """Averages of a given number of windows."""
    if layer.bins == 1:
        return tf.reduce_mean(x.tensor, (1, 2), keepdims=True, name=layer.name)
    with tf.init_scope():  # numbers, not ops of the graph that is being made
        rows, columns = (
            averaging_matrix(side, layer.bins).numpy() for side in lowering.size_of(x.tensor)
        )
    return any_windows(x, rows, columns, layer.name)


def pool(layer: keras.layers.AveragePooling2D, x: Value) -> tf.Tensor | None:
    """In float the layer itself, in int8 what XNNPACK takes."""
    if x.range is None:
        return None
    window, (down, across) = layer.pool_size, layer.strides
    # Windows of 1x2 or 2x1 side by side would be taken for a mask of `masks.find`.
    if layer.padding == "valid" and down == across:
        kernel = np.full((*window, x.tensor.shape[-1], 1), 1 / np.prod(window), np.float32)
        return tf.nn.depthwise_conv2d(
            x.tensor, kernel, (1, down, across, 1), "VALID", name=layer.name
        )
    sides = zip(lowering.size_of(x.tensor), window, layer.strides, strict=True)
    rows, columns = (pooling_weights(*side, layer.padding) for side in sides)
    return any_windows(x, rows, columns, layer.name)


def average(layer: keras.layers.Average, values: list[Value]) -> tf.Tensor | None:
    """The mean of several maps. In int8 each sum on the way gets the range that it can have."""
    total, *rest = values
    for value in rest:
        if total.range is None or value.range is None:
            return None
        span = (total.range[0] + value.range[0], total.range[1] + value.range[1])
        total = graph.quantized(total.tensor + value.tensor, span)
    return tf.multiply(total.tensor, 1 / len(values), name=layer.name)


def any_windows(x: Value, rows: np.ndarray, columns: np.ndarray, name: str) -> tf.Tensor:
    """Averages over windows of rows and columns.

    Args:
        x: float `(batch, height, width, channels)`, static shape. The averages of rows alone get
            its range.
        rows: float32 `(windows, height)`, the weight of each row in each window.
        columns: the same for columns.
        name: the layer's.

    Returns:
        `(batch, windows, windows, channels)`.
    """

    def ranged(y: tf.Tensor) -> tf.Tensor:
        return graph.quantized(y, x.range).tensor

    def mixed(y: tf.Tensor, weights: np.ndarray) -> tf.Tensor:
        return tf.nn.conv2d(y, weights.T[np.newaxis, np.newaxis], 1, "VALID")

    y = ranged(tf.transpose(x.tensor, (0, 2, 3, 1)))
    y = ranged(mixed(y, rows))
    y = ranged(tf.transpose(y, (0, 3, 2, 1)))
    return tf.transpose(mixed(y, columns), (0, 1, 3, 2), name=name)


def pooling_weights(size: int, window: int, stride: int, padding: str) -> np.ndarray:
    """The weights of each pixel of a side in average pooling.

    Padding has no weight: a window at the edge averages the pixels that are there.

    Args:
        size: pixels along the side.
        window: pixels along a window.
        stride: from each window to the next.
        padding: `"valid"` or `"same"`.

    Returns:
        float32 `(windows, size)`; every row sums to 1.
    """
    same = padding == "same"
    count = -(-size // stride) if same else (size - window) // stride + 1
    before = max((count - 1) * stride + window - size, 0) // 2
    first = np.arange(count)[:, np.newaxis] * stride - before
    pixel = np.arange(size)
    inside = (pixel >= first) & (pixel < first + window)
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)


HANDLERS: dict[type, Handler] = {
    AdaptiveAveragePooling2D: adaptive,
    keras.layers.AveragePooling2D: pool,
    keras.layers.Average: average,
}
