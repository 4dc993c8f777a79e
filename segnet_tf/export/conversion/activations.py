"""PReLU and standing batch normalization in int8, in ops that XNNPACK and GPU delegates take.

TFLite has an op PRELU, which stays in float. In int8 XNNPACK leaves it out, which splits the graph
at each of them, and LiteRT's own kernel needs 20 times as long as the form here:

    prelu(x) = x + relu((slope - 1) * x)    for a slope of at most 1
    prelu(x) = x - relu((1 - slope) * x)    for a slope above 1

A DEPTHWISE_CONV_2D with a fused RELU, and an ADD or a SUB; both pairs only where some slopes are
above 1 and some below. Positive values pass through the sum alone. One slope for all channels is
one LEAKY_RELU, where XNNPACK takes its scales.

Measured on one thread, 180x240 pixels of 16 channels. int8: 0.28 ms, LEAKY_RELU 0.03 ms, PRELU
6.6 ms. float32: PRELU 0.12 ms. A whole ENet at 360x480 in int8 takes 78 ms with a slope for each
channel and 49 ms with one a layer; in float32 both take 121 ms. What is added has a step of its
own and is rounded by half of it. LEAKY_RELU is off by up to 0.7 of a step.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from segnet_tf.export.conversion import lowering
from segnet_tf.export.conversion.graph import Range, Value

# XNNPACK's int8 LEAKY_RELU takes input scale / output scale, and that times the slope, between
# 2**-8 and 128. Outside it is left to other kernels.
LEAST_RATIO, LARGEST_RATIO = 2.0**-7, 64.0


def prelu(x: Value, slopes: np.ndarray, value_range: Range, name: str) -> tf.Tensor:
    """PReLU in int8.

    Args:
        x: float `(batch, height, width, channels)` and its range.
        slopes: float32 `(channels,)`, any numbers.
        value_range: of the output.
        name: the layer's.

    Returns:
        `(batch, height, width, channels)`, not yet quantized.
    """
    low, high = x.range or (0.0, 0.0)
    if low == 0:
        return tf.identity(x.tensor)
    if np.ptp(slopes) == 0 and _is_leaky(float(slopes[0]), x.range, value_range):
        return tf.nn.leaky_relu(x.tensor, float(slopes[0]), name=name)
    y = x.tensor
    above = np.maximum(slopes - 1, 0)
    below = np.minimum(slopes - 1, 0)
    if above.any():
        largest = float(-low * above.max())
        y = y - _relu(x.tensor, -above, largest)
        if below.any():
            y = lowering.fake_quantize(y, (low - largest, high))
    if below.any():
        y = y + _relu(x.tensor, below, float(low * below.min()))
    return tf.identity(y, name=name)


def affine(x: tf.Tensor, scale: np.ndarray, offset: np.ndarray, name: str) -> tf.Tensor:
    """`scale * x + offset`, a number for each channel, as one op: MUL and ADD would be float."""
    return tf.nn.bias_add(_scaled(x, scale), offset, name=name)


def _relu(x: tf.Tensor, scale: np.ndarray, largest: float) -> tf.Tensor:
    return lowering.fake_quantize(tf.nn.relu(_scaled(x, scale)), (0.0, largest))


def _scaled(x: tf.Tensor, scale: np.ndarray) -> tf.Tensor:
    kernel = np.ascontiguousarray(scale.reshape(1, 1, -1, 1).astype(np.float32))
    return tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME")


def _is_leaky(slope: float, given: Range | None, made: Range) -> bool:
    ratio = lowering.quantum(given or made) / lowering.quantum(made)
    return all(LEAST_RATIO <= abs(r) <= LARGEST_RATIO for r in (ratio, slope * ratio))
