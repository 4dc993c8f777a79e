"""Argmax pooling and unpooling without their kernels: for XLA, GPUs and TPUs.

`segnet_tf.ops` has the form that is made for CPUs. Here a map is cut into its windows by a reshape,
and each cell of a window is compared with the argmax. That needs windows that don't overlap, and in
return XLA compiles it, nothing is scattered, and it gives the same bits each time: on a GPU
TensorFlow has no deterministic gradient of `tf.nn.max_pool_with_argmax`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

Side: TypeAlias = "int | tf.Tensor"


@dataclass(frozen=True)
class Windows:
    """How windows lie on a map; `(height, width)` each, integers where known.

    Attributes:
        size: of the map, in pixels.
        count: of the windows.
        pool_size: of a window, in pixels.
        channels: of the map.
    """

    size: tuple[Side, Side]
    count: tuple[Side, Side]
    pool_size: tuple[int, int]
    channels: int

    @property
    def lack(self) -> tuple[Side, Side]:
        """Pixels that the map is smaller than its windows; below 0: rows that no window has."""
        height, width = (
            count * side - size
            for size, count, side in zip(self.size, self.count, self.pool_size, strict=True)
        )
        return height, width

    @property
    def before(self) -> tuple[Side, Side]:
        """Pixels that are lacking before the first one: half of them, as TensorFlow's "SAME"."""
        height, width = (_positive(lack) // 2 for lack in self.lack)
        return height, width

    def has_before(self) -> bool:
        """Whether pixels can be lacking before the first one. Windows of 2 lack one at the end."""
        return any(
            before if isinstance(before, int) else side > 2
            for before, side in zip(self.before, self.pool_size, strict=True)
        )

    def cell(self, row: tf.Tensor | int, column: tf.Tensor | int) -> tf.Tensor:
        """How much larger the argmax of a window's cell is than that of its first one, int64."""
        width = tf.cast(self.size[1], tf.int64)
        return (tf.cast(row, tf.int64) * width + tf.cast(column, tf.int64)) * self.channels

    def first(self) -> tf.Tensor:
        """The argmax of the first cell of each window, int64 `(h, w, channels)`."""
        rows, columns = (
            tf.range(count) * side - before
            for count, side, before in zip(self.count, self.pool_size, self.before, strict=True)
        )
        cells = self.cell(rows[:, tf.newaxis], columns)
        return cells[..., tf.newaxis] + tf.range(self.channels, dtype=tf.int64)

    def cut(self, x: tf.Tensor, fill: float = 0.0) -> tf.Tensor:
        """A map in windows: `(batch, h * pool height, w * pool width, channels)`."""
        before, lack = self.before, self.lack
        pads = [(b, _positive(n) - b) for b, n in zip(before, lack, strict=True)]
        if any(_may_be(n) for n in lack):
            x = tf.pad(x, ((0, 0), *pads, (0, 0)), constant_values=tf.cast(fill, x.dtype))
        rows, columns = (n * side for n, side in zip(self.count, self.pool_size, strict=True))
        return x[:, :rows, :columns]

    def join(self, cut: tf.Tensor) -> tf.Tensor:
        """The map that `cut` has cut; zeros where there was no window."""
        (top, left), (height, width) = self.before, self.size
        x = cut[:, top : top + height, left : left + width]
        if any(_may_be(-n) for n in self.lack):
            pads = [(0, _positive(-n)) for n in self.lack]
            x = tf.pad(x, ((0, 0), *pads, (0, 0)))
        return x

    def hits(self, argmax: tf.Tensor) -> tf.Tensor:
        """Which cells the argmax means: bool `(batch * h, pool height, w, pool width, channels)`.

        Rank 5, because TensorFlow's kernels compare maps of no higher rank with broadcasting.
        """
        rows, columns = (tf.range(side) for side in self.pool_size)
        cells = self.cell(rows[:, tf.newaxis], columns)[:, tf.newaxis, :, tf.newaxis]
        return self._rank5(argmax - self.first()) == cells

    def _rank5(self, pooled: tf.Tensor) -> tf.Tensor:
        return tf.reshape(pooled, (-1, 1, self.count[1], 1, self.channels))

    def spread(self, values: tf.Tensor, argmax: tf.Tensor, *, checked: bool) -> tf.Tensor:
        """`values` where `argmax` says, zeros elsewhere; see `max_unpool` for `checked`."""

        @tf.custom_gradient
        def spread_out(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            hits, wide = self.hits(argmax), self._rank5(values)
            if checked:
                found = tf.reduce_any(hits, axis=(1, 3), keepdims=True)
                wide, hits = tf.where(found, wide, float("nan")), hits | ~found
            # Chosen and not multiplied: infinity times 0 is NaN.
            cells = tf.where(hits, wide, tf.zeros((), values.dtype))
            rows, columns = (n * side for n, side in zip(self.count, self.pool_size, strict=True))
            joined = self.join(tf.reshape(cells, (-1, rows, columns, self.channels)))
            return joined, lambda upstream: self.collect(upstream, argmax)

        return spread_out(values)

    def collect(self, x: tf.Tensor, argmax: tf.Tensor) -> tf.Tensor:
        """The values of a map at `argmax`: what `spread` is undone by."""

        @tf.custom_gradient
        def collected(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            height, width = self.pool_size
            cells = tf.reshape(self.cut(x), (-1, height, self.count[1], width, self.channels))
            # A sum of one value and zeros, so it is exact.
            of_hits = tf.where(self.hits(argmax), cells, tf.zeros((), x.dtype))
            pooled = tf.reshape(tf.reduce_sum(of_hits, axis=(1, 3)), tf.shape(argmax))
            return pooled, lambda upstream: self.spread(upstream, argmax, checked=False)

        return collected(x)


def max_pool_with_argmax(
    x: tf.Tensor, pool_size: tuple[int, int] = (2, 2), padding: str = "valid"
) -> tuple[tf.Tensor, tf.Tensor]:
    """`segnet_tf.ops.max_pool_with_argmax` with `strides` of `pool_size`.

    Args:
        x: float `(batch, height, width, channels)`.
        pool_size: `(height, width)` of the window and between windows, in pixels.
        padding: `"valid"` or `"same"`.

    Returns:
        The same `pooled` and `argmax`, also of ties, infinities and NaN (which wins only as the
        first value of its window), and the same gradient.
    """
    size = _sides(x)
    up = [side - 1 if padding == "same" else 0 for side in pool_size]
    rows, columns = ((n + more) // p for n, more, p in zip(size, up, pool_size, strict=True))
    windows = Windows(size, (rows, columns), pool_size, x.shape[-1])

    @tf.custom_gradient
    def pool(x: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tf.Tensor]]:
        pooled, argmax = _largest(windows.cut(x, float("-inf")), windows)
        return (pooled, argmax), lambda upstream, _: windows.spread(upstream, argmax, checked=False)

    return pool(x)


def _largest(cut: tf.Tensor, windows: Windows) -> tuple[tf.Tensor, tf.Tensor]:
    """The largest value of each window and its argmax, by comparing cell after cell.

    A later cell wins only if it is larger, so the first of equal ones does. The kernel decides in
    the same way, which makes its NaN policy: nothing is larger than NaN, and NaN than nothing.
    """
    high, wide = windows.pool_size
    pooled = cut[:, ::high, ::wide]
    place = tf.zeros(tf.shape(pooled), tf.int64)
    for row in range(high):
        for column in range(wide):
            if row == column == 0:
                continue
            cell = cut[:, row::high, column::wide]
            is_larger = cell > pooled
            if windows.has_before():
                # What was compared so far is padding, and no value has to be larger than that.
                is_larger |= _is_first(windows, row, column)
            pooled = tf.where(is_larger, cell, pooled)
            place = tf.where(is_larger, windows.cell(row, column), place)
    return pooled, place + windows.first()


def _is_first(windows: Windows, row: int, column: int) -> tf.Tensor:
    """Whether this cell of a window is its first one within the map, bool `(h, w, 1)`."""
    down, along = (
        tf.where(tf.range(count) == 0, before, 0) == cell
        for count, before, cell in zip(windows.count, windows.before, (row, column), strict=True)
    )
    return (down[:, tf.newaxis] & along)[..., tf.newaxis]


def max_unpool(
    pooled: tf.Tensor,
    argmax: tf.Tensor,
    output_size: tuple[Side, Side],
    pool_size: tuple[int, int] = (2, 2),
) -> tf.Tensor:
    """`segnet_tf.ops.max_unpool` for an argmax of windows that don't overlap.

    Args:
        pooled: float `(batch, h, w, groups * channels)`.
        argmax: int64 `(batch, h, w, channels)`.
        output_size: `(height, width)` of the map that was pooled, in pixels.
        pool_size: `(height, width)` of the window, and between windows, that it was pooled by.

    Returns:
        The same map, and the same gradient. An argmax outside of its own window makes the window
        NaN, where the kernel form raises an error if it is outside of the map: neither XLA nor a
        GPU can raise one without waiting for it.
    """
    groups = pooled.shape[-1] // argmax.shape[-1]
    channels = argmax.shape[-1]
    windows = Windows(output_size, _sides(pooled), pool_size, channels)
    parts = tf.split(pooled, groups, axis=-1) if groups > 1 else [pooled]
    unpooled = [windows.spread(part, argmax, checked=True) for part in parts]
    result = tf.concat(unpooled, axis=-1) if groups > 1 else unpooled[0]
    static = [side if isinstance(side, int) else None for side in output_size]
    result.set_shape([pooled.shape[0], *static, pooled.shape[-1]])
    return result


def _sides(x: tf.Tensor) -> tuple[Side, Side]:
    """Height and width of a map: integers where known, scalar tensors elsewhere."""
    dynamic = tf.shape(x)
    height, width = (x.shape[n] if x.shape[n] is not None else dynamic[n] for n in (1, 2))
    return height, width


def _positive(value: Side) -> Side:
    return max(value, 0) if isinstance(value, int) else tf.maximum(value, 0)


def _may_be(value: Side) -> bool:
    """Whether a number of pixels is above 0, or may be when the model runs."""
    return not isinstance(value, int) or value > 0
