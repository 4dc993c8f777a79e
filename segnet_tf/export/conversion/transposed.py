"""Transposed convolutions as ordinary ones, for every kernel, stride and padding.

An output pixel sums a few taps of the kernel, the same ones a stride later. So one CONV_2D computes
all pixels of every second output row, say, for stride 2: those of one input pixel lie in its
channels. Another one computes the rows between. CONCATENATION along the width puts the two rows of
an input row one behind the other, and in memory that is the output already: a RESHAPE says so.

Measured on one thread, this form against XNNPACK's TRANSPOSE_CONV. 3x3, stride 2, 180x240 pixels,
16 to 11 channels: 1.5 and 6.9 ms in int8, 8.4 and 13.6 ms in float32. 2x2, 46x60 pixels of 32
channels: 0.11 and 0.22 ms, 0.31 and 0.39 ms. DEPTH_TO_SPACE, for one convolution, multiplies by
zeros, 16 taps for the 9 of a 3x3, and has no int8 kernel among LiteRT's reference ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from segnet_tf.export.conversion import lowering
from segnet_tf.export.conversion.graph import Range, Value

Pair = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class TransposedConvolution:
    """One that is not in the graph yet, so that what follows it can be merged into it.

    Attributes:
        x: float `(batch, height, width, channels)`, static shape.
        kernel: float32 `(height, width, filters, channels)`.
        bias: float32 `(filters,)`.
        strides: by rows and by columns.
        before: rows and columns cut off at the start, by padding "same".
        size: `(height, width)` of the output in pixels.
        name: the layer's.
        activation: of each value, or None.
    """

    x: Value
    kernel: np.ndarray
    bias: np.ndarray
    strides: Pair
    before: Pair
    size: Pair
    name: str
    activation: Callable[[tf.Tensor], tf.Tensor] | None = None

    def normalized(self, scale: np.ndarray, offset: np.ndarray) -> TransposedConvolution:
        """The same with `scale * y + offset` of its output `y`, a number for each filter."""
        kernel = self.kernel * scale[:, np.newaxis]
        return dataclasses.replace(self, kernel=kernel, bias=self.bias * scale + offset)

    def activated(self, activation: Callable[[tf.Tensor], tf.Tensor]) -> TransposedConvolution:
        """The same with an activation, one that looks at single values."""
        return dataclasses.replace(self, activation=activation)

    def write(self, value_range: Range | None) -> tf.Tensor:
        """Its ops.

        Args:
            value_range: `(min, max)` of the output for int8, `None` for float.

        Returns:
            `(batch, *size, filters)`.
        """
        rows = [self._row(row) for row in range(self.strides[0])]
        if value_range is not None:
            rows = [lowering.fake_quantize(y, value_range) for y in rows]
        y = tf.concat(rows, lowering.WIDTH) if len(rows) > 1 else rows[0]
        batch, height, width, channels = rows[0].shape
        filters = channels // self.strides[1]
        shape = (batch, height * self.strides[0], width * self.strides[1], filters)
        y = tf.reshape(y, shape)
        for axis, side in zip((lowering.HEIGHT, lowering.WIDTH), self.size, strict=True):
            y = lowering.cut(y, axis, 0, side)
        return y

    def _row(self, row: int) -> tf.Tensor:
        """Every output row whose number, modulo the stride, is `row`; a column in its channels."""
        given = self.x.tensor.shape[1:3]
        numbers = zip(self.kernel.shape, self.strides, self.before, self.size, given, strict=False)
        vertical, horizontal = (_Side(*side) for side in numbers)
        rows, above = vertical.taps([row])
        columns, beside = horizontal.taps(range(self.strides[1]))
        filters, channels = self.kernel.shape[2:]
        kernel = np.zeros((len(rows), len(columns), channels, self.strides[1], filters), np.float32)
        for (i, _), y in np.ndenumerate(rows):
            for (j, column), x in np.ndenumerate(columns):
                if y >= 0 and x >= 0:
                    kernel[i, j, :, column] = self.kernel[y, x].T
        merged = kernel.reshape(*kernel.shape[:3], -1)
        y = tf.nn.conv2d(_padded(self.x.tensor, (above, beside)), merged, 1, "VALID")
        bias = np.tile(self.bias, self.strides[1])
        y = tf.nn.bias_add(y, bias, name=f"{self.name}_row{row}")
        return y if self.activation is None else self.activation(y)


@dataclasses.dataclass(frozen=True)
class _Side:
    """A transposed convolution along one side.

    Attributes:
        kernel: taps.
        stride: output pixels for each input pixel.
        before: output pixels cut off at the start.
        size: output pixels.
        given: input pixels.
    """

    kernel: int
    stride: int
    before: int
    size: int
    given: int

    def taps(self, places: Sequence[int]) -> tuple[np.ndarray, Pair]:
        """The ordinary convolution that gives the outputs at `places` modulo the stride.

        Output `m * stride + place` is the sum over t of input `m - t` times tap
        `t * stride + place + before`, where there is one.

        Returns:
            int `(taps, places)`: which tap of the kernel each of its own is, -1 for 0. And how many
            zeros its input needs at the start and at the end; negative: how many are cut off.
        """
        first = min(-((place + self.before) // self.stride) for place in places)
        last = max((self.kernel - 1 - self.before - place) // self.stride for place in places)
        last = max(first, last)
        # From the last t to the first: an ordinary convolution goes through its input forwards.
        t = np.arange(last, first - 1, -1)[:, np.newaxis]
        taps = t * self.stride + np.asarray(places) + self.before
        taps[taps >= self.kernel] = -1
        blocks = -(-self.size // self.stride)
        return np.maximum(taps, -1), (last, blocks - self.given - first)


def _padded(x: tf.Tensor, sides: tuple[Pair, Pair]) -> tf.Tensor:
    for axis, (start, end) in enumerate(sides, start=lowering.HEIGHT):
        length = x.shape[axis] + min(start, 0) + min(end, 0)
        x = lowering.cut(x, axis, max(-start, 0), length)
    padding = np.maximum([(0, 0), *sides, (0, 0)], 0)
    return tf.pad(x, padding) if padding.any() else x
