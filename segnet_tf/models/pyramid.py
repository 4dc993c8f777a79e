"""Pyramid pooling: averages over windows of several sizes, beside the map they are taken of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras

from segnet_tf.errors import UserError
from segnet_tf.layers import AdaptiveAveragePooling2D, BilinearResizing2D

# From (a map, channels, name) to the map behind a 1x1 convolution.
Reduce = Callable[[keras.KerasTensor, int, str], keras.KerasTensor]


def check_bins(bins: Sequence[int], *, least: int = 1) -> None:
    """UserError unless there are `least` levels, each with a positive number of windows."""
    if len(bins) < least or not all(type(count) is int and count > 0 for count in bins):
        raise UserError(
            "`bins` must be positive whole numbers, the windows along a side of each level. "
            f"Received: bins={tuple(bins)}."
        )


def joined(x: keras.KerasTensor, bins: Sequence[int], reduce: Reduce) -> keras.KerasTensor:
    """A map and its averages over `bins` x `bins` windows each, concatenated.

    Args:
        x: float `(batch, height, width, channels)`.
        bins: windows along each side of the levels.
        reduce: makes the channels of a level fewer: together the levels have as many as `x`.

    Reference:
        Zhao et al., 2017, https://arxiv.org/abs/1612.01105
    """
    levels = [x]
    for count in bins:
        level = AdaptiveAveragePooling2D(count, name=f"pyramid{count}_pool")(x)
        level = reduce(level, max(1, x.shape[-1] // len(bins)), f"pyramid{count}")
        levels.append(BilinearResizing2D(name=f"pyramid{count}_up")(level, x))
    return keras.layers.Concatenate(name="pyramid_join")(levels)
