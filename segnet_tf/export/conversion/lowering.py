"""Argmax pooling and unpooling in TFLite builtin ops, exact, ties included.

A 2x2 window's argmax is two comparisons: which of each horizontal pair is larger, then which of
the two winners. "The second is strictly greater" is a depthwise convolution with the kernel
(-gain, +gain) and the stride of the pooling, clipped to two values: one mask a direction.
Horizontal pairs first gives row-major order, in which the first of equal values wins; vertical
first would not. GPU delegates refuse COMPARE, SELECT, CAST, SCATTER and ARG_MAX, the obvious ops
for this, or split the graph into several partitions at them.

All functions take and return tensors of rank 4 whose size is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError

# In float a mask is clip(clip(clip(d * 2**9) * 2**13) * 2**15) of the difference d = second -
# first, and must be 0 or 1, also where a runtime stores or computes in float16.
# - d <= 0 gives 0, and d >= 2**-37 gives 1, since the gains' product is 2**37. Two different
#   float32 numbers of at least 2**-14 are at least 2**-37 apart, and 1e-11 is more than 2**-37
#   above 0.
# - 0 < d < 2**-37 gives a fraction: both values of the pair then get a part of what is unpooled.
# - One gain of 2**37 would be infinite in float16, and inf - inf is NaN. With three, and a clip
#   after each, d * 2**9 is the largest number: below 65504, the largest of float16, for d up to
#   127. In float32 it is finite for values up to 2**119.
# LiteRT's GPU delegate pools no value below -10000, with these masks or without.
FLOAT_GAINS = (2.0**9, 2.0**13, 2.0**15)
# In int8 a mask is clip(gain * d) to 0..one, where `one` is the mask's largest value and d a
# multiple of the map's scale. With step = gain * scale / one:
# - 1 <= step, else a difference of one quantum gives less than `one`;
# - step <= 126, above which XNNPACK aborts: its ratio of scales would reach 256.
# INT8_STEP leaves room on both sides. A GPU delegate may run an int8 file in float16, whose largest
# number is 65504. There both must hold:
# - gain = step * one / scale <= 65504: for small scales the step is lowered, to LEAST_INT8_STEP at
#   scale = 3.1e-5 * one;
# - gain * d <= 255 * step * one <= 65504: kept by step * one <= 2 * LARGEST_SUBTRACTED = 128.
# A scale below 6.1e-5, the smallest normal float16, is not exact there whatever the step.
INT8_STEP = 16.0
LEAST_INT8_STEP = 2.0
LARGEST_SUBTRACTED = 64.0
LARGEST_FLOAT16 = 65504.0

HEIGHT, WIDTH, CHANNELS = 1, 2, 3


@dataclass(frozen=True)
class Argmax:
    """What stands for the argmax tensor in an exported graph: the maps to compare.

    Attributes:
        columns: `(batch, 2 * h, 2 * w, channels)`, the map that was pooled, made even.
        rows: `(batch, 2 * h, w, channels)`, the larger of each of its horizontal pairs.
        value_range: `(min, max)` of both for int8, `None` for float.
        size: `(height, width)` of the map that was pooled, in pixels.
        name: the pooling layer's, the prefix of the mask ops' names.
        largest_kernel: elements a mask's kernel may have; beyond, slices are subtracted. Dynamic
            range quantization rounds larger kernels to int8, the masks' too. `None` for no limit.
    """

    columns: tf.Tensor
    rows: tf.Tensor
    value_range: tuple[float, float] | None
    size: tuple[int, int]
    name: str
    largest_kernel: int | None


def max_pool(
    x: tf.Tensor,
    padding: str,
    value_range: tuple[float, float] | None,
    name: str,
    largest_kernel: int | None = None,
) -> tuple[tf.Tensor, Argmax]:
    """2x2 max-pooling with stride 2, and where each maximum was.

    Args:
        x: float `(batch, height, width, channels)`, static shape.
        padding: `"valid"` (floor) or `"same"` (ceil).
        value_range: `(min, max)` of `x` for int8, `None` for float.
        name: the pooling layer's.
        largest_kernel: see `Argmax`.
    """
    size = size_of(x)
    x = to_even(x, padding)
    rows = tf.nn.max_pool2d(x, (1, 2), (1, 2), "VALID")
    if value_range is not None:
        rows = fake_quantize(rows, value_range)
    pooled = tf.nn.max_pool2d(rows, (2, 1), (2, 1), "VALID")
    if value_range is not None:
        pooled = fake_quantize(pooled, value_range)
    return pooled, Argmax(x, rows, value_range, size, name, largest_kernel)


def max_unpool(
    pooled: tf.Tensor, argmax: Argmax, value_range: tuple[float, float] | None
) -> tf.Tensor:
    """Puts `pooled` back where `argmax` says, zeros elsewhere.

    Args:
        pooled: float `(batch, h, w, groups * channels)`.
        argmax: of the pooling layer at the same depth, of a map with `channels`.
        value_range: `(min, max)` of `pooled` for int8, zero included; `None` for float.
    """
    batch, height, width, channels = pooled.shape
    first, second = _split(pooled, argmax, HEIGHT, value_range)
    # Upper rows to the left, lower rows to the right: (batch, h, 2 * w, channels). Interleaving
    # them now would be a RESHAPE of a map that two ops read, whose data XNNPACK then copies.
    # `_split` reshapes the mask to this layout instead, which one op reads and XNNPACK does not
    # copy.
    x = tf.concat([first, second], WIDTH)
    first, second = _split(x, argmax, WIDTH, value_range)
    # Left columns in the first channels, right columns in the others: one RESHAPE then interleaves
    # rows and columns, at rank 4, the highest that GPU delegates take.
    x = tf.concat([first, second], CHANNELS)
    x = tf.reshape(x, (batch, 2 * height, 2 * width, channels))
    return to_size(x, argmax.size)


def size_of(x: tf.Tensor) -> tuple[int, int]:
    """`(height, width)` in pixels."""
    return x.shape[HEIGHT], x.shape[WIDTH]


def fake_quantize(x: tf.Tensor, value_range: tuple[float, float]) -> tf.Tensor:
    """Tells the converter the int8 range of `x`."""
    return tf.quantization.fake_quant_with_min_max_args(x, *value_range, num_bits=8)


def quantum(value_range: tuple[float, float]) -> float:
    """The value of one int8 step."""
    return (value_range[1] - value_range[0]) / 255


def _later(argmax: Argmax, axis: int, one: float = 1.0) -> tf.Tensor:
    """`one` where the second of each pair along `axis` is strictly greater, else 0."""
    if axis == HEIGHT:
        x, name = argmax.rows, f"{argmax.name}_later_in_column"
    else:
        x, name = argmax.columns, f"{argmax.name}_later_in_row"
    if argmax.value_range is not None:
        most = LARGEST_FLOAT16 * quantum(argmax.value_range) / one
        step = max(LEAST_INT8_STEP, min(INT8_STEP, 2 * LARGEST_SUBTRACTED / one, most))
        gain = step * one / quantum(argmax.value_range)
        return fake_quantize(_pair_difference(x, axis, gain, name), (0.0, one))
    if argmax.largest_kernel is None or 2 * x.shape[-1] <= argmax.largest_kernel:
        difference = _pair_difference(x, axis, FLOAT_GAINS[0], name)
    else:
        first, second = _pair_halves(x, axis)
        difference = tf.subtract(second, first, name=name) * FLOAT_GAINS[0]
    later = tf.nn.relu6(difference)
    for gain in FLOAT_GAINS[1:]:
        # This form fuses into the multiplication as RELU_N1_TO_1.
        later = tf.minimum(tf.maximum(later * gain, -1.0), 1.0)
    return later


def _pair_difference(x: tf.Tensor, axis: int, gain: float, name: str) -> tf.Tensor:
    step = (2, 1) if axis == HEIGHT else (1, 2)
    pair = np.array([-gain, gain], np.float32).reshape(*step, 1, 1)
    kernel = np.broadcast_to(pair, (*step, x.shape[-1], 1))
    # TensorFlow's kernel takes equal strides only, TFLite's takes any. This op never runs in
    # TensorFlow: it is only converted.
    return tf.nn.depthwise_conv2d(x, kernel, (1, *step, 1), "VALID", name=name)


def _pair_halves(x: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and the second of each pair, cut as halves of the axis after `axis`."""
    batch, height, width, channels = x.shape
    if axis == HEIGHT:
        x = tf.reshape(x, (batch, height // 2, 2 * width, channels))
    else:
        x = tf.reshape(x, (batch, height, width // 2, 2 * channels))
    half = x.shape[axis + 1] // 2
    return cut(x, axis + 1, 0, half), cut(x, axis + 1, half, half)


def _split(
    x: tf.Tensor, argmax: Argmax, axis: int, value_range: tuple[float, float] | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and the second of each pair along `axis`: one is the value of `x`, the other 0."""

    channels = argmax.columns.shape[-1]

    def later(one: float = 1.0) -> tf.Tensor:
        mask = tf.reshape(_later(argmax, axis, one), (*x.shape[:-1], channels))
        groups = x.shape[-1] // channels
        return tf.concat([mask] * groups, CHANNELS) if groups > 1 else mask

    if value_range is None:
        second = x * later()
        first = x - second
    elif value_range[0] == 0 and value_range[1] <= LARGEST_SUBTRACTED:
        # Values are 0 to m = value_range[1], and the mask is 0 or m: x - 0 = x and x - m <= 0,
        # which int8 stores as 0, its lowest value. XNNPACK needs half as long for an int8 SUB as
        # for a MUL.
        first = fake_quantize(x - later(value_range[1]), value_range)
        second = fake_quantize(x - first, value_range)
    else:
        second = fake_quantize(x * later(), value_range)
        first = fake_quantize(x - second, value_range)
    return first, second


def to_even(x: tf.Tensor, padding: str) -> tf.Tensor:
    """Makes both sides even: drops the last row and column (floor) or repeats them (ceil).

    A repeated value is equal to the one before it, and the first of equal values wins: the copy is
    never chosen. Zeros in its place would be chosen over negative values.
    """
    for axis in (HEIGHT, WIDTH):
        side = x.shape[axis]
        if side % 2 == 0:
            continue
        if padding == "valid":
            if side == 1:
                raise UserError(
                    "`input_size` must survive every pooling layer. "
                    f"Received: a map of {x.shape[HEIGHT]}x{x.shape[WIDTH]} pixels at one of them. "
                    "Export at a larger size."
                )
            x = cut(x, axis, 0, side - 1)
        else:
            x = tf.concat([x, cut(x, axis, side - 1, 1)], axis)
    return x


def to_size(x: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Removes what `to_even` repeated, adds zeros for what it dropped."""
    missing = [size[0] - x.shape[HEIGHT], size[1] - x.shape[WIDTH]]
    for axis, lack in zip((HEIGHT, WIDTH), missing, strict=True):
        if lack < 0:
            x = cut(x, axis, 0, x.shape[axis] + lack)
    if max(missing) > 0:
        x = tf.pad(x, ((0, 0), (0, max(missing[0], 0)), (0, max(missing[1], 0)), (0, 0)))
    return x


def cut(x: tf.Tensor, axis: int, start: int, length: int) -> tf.Tensor:
    """`length` places of `x` along `axis`, from `start` on; `x` itself where that is all."""
    if length == x.shape[axis]:
        return x
    # No -1 for "the rest" in the sizes: XNNPACK refuses such a SLICE.
    begin, size = [0] * 4, list(x.shape)
    begin[axis], size[axis] = start, length
    return tf.slice(x, begin, size)
