"""Argmax pooling and unpooling in TFLite builtin ops, exact, ties included.

A 2x2 window's argmax is two comparisons: which of each horizontal pair is larger, then which of
the two winners. "The second is strictly greater" is a depthwise convolution with the kernel
(-gain, +gain) and the stride of the pooling, clipped to two values: one mask a direction.
Horizontal pairs first gives row-major order, in which the first of equal values wins; vertical
first would not. COMPARE, SELECT, CAST, SCATTER and ARG_MAX, the obvious forms, are refused by GPU
delegates or cut the graph into pieces.

Everything here takes and gives tensors of known size and rank 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError

# float32, float16 weights and float16 execution: every difference of two values must become 0 or
# 1. One gain big enough for the smallest is infinite in float16, and inf - inf is NaN; three with
# a clip after each stay below 65504 there for differences up to 127. Together they are 2**37:
# exact down to one rounding step of numbers from 2**-14 up, and for any number of 1e-11 next to 0.
# Values nearer than 2**-37 share what is unpooled; in float32 they may be as large as 2**119.
# LiteRT's GPU delegate pools no value below -10000, with these masks or without.
FLOAT_GAINS = (2.0**9, 2.0**13, 2.0**15)
# int8: gain * scale must stay within [1, 126]: below 1 a difference of one quantum is lost,
# above 126 XNNPACK's requantization overflows its limit. 16 leaves room on both sides.
INT8_STEP = 16.0
LEAST_INT8_STEP = 2.0
# A GPU delegate may run an int8 file in float16, where a gain, and a gain times a value, must stay
# finite. The second is 255 * step * the mask's largest value; the first is a matter of the scale,
# and kept by a smaller step down to a scale of 3.1e-5 of the mask's largest value. Scales below
# 6.1e-5, the smallest normal float16, are wrong there all the same.
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
    """2x2 max-pooling with stride 2, and what says where each maximum was.

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
    # Both rows of a window in one row, twice as wide, until the columns are done: the map's two
    # readers would make XNNPACK copy a reshaped one, a mask's only reader does not.
    x = tf.concat([first, second], WIDTH)
    first, second = _split(x, argmax, WIDTH, value_range)
    # Interleaving at rank 4, the most that GPU delegates take: the channels hold the columns.
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
    # The TensorFlow kernel wants equal strides, TFLite's does not; nothing runs it in TensorFlow.
    return tf.nn.depthwise_conv2d(x, kernel, (1, *step, 1), "VALID", name=name)


def _pair_halves(x: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and the second of each pair; the next axis holds the pair while it is cut."""
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
        # Less the largest value, any value ends at 0, the lowest code. XNNPACK takes half as long
        # for an int8 SUB as for a MUL.
        first = fake_quantize(x - later(value_range[1]), value_range)
        second = fake_quantize(x - first, value_range)
    else:
        second = fake_quantize(x * later(), value_range)
        first = fake_quantize(x - second, value_range)
    return first, second


def to_even(x: tf.Tensor, padding: str) -> tf.Tensor:
    """Drops the last odd row and column (floor) or repeats them (ceil).

    A repeated value ties with itself and the first of equals wins, so it is never chosen, whatever
    its sign; zeros would be chosen among negative values.
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
    """Cuts off what ceil mode repeated, fills up with zeros what floor mode dropped."""
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
    # Whole sizes: XNNPACK leaves a SLICE with -1 for "the rest" to others.
    begin, size = [0] * 4, list(x.shape)
    begin[axis], size[axis] = start, length
    return tf.slice(x, begin, size)
