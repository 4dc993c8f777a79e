"""Rare classes of one image pasted onto another, where they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from segnet_tf.data.census import Census

# A class is rare if it has less than this part of the pixels that it would have if all had alike.
RARE = 0.25

Pair = tuple[tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class Pasting:
    """What is pasted.

    Attributes:
        share: of the images that get pixels of another one, 0..1.
        classes: ids whose pixels they get.
    """

    share: float
    classes: tuple[int, ...]


def rare_classes(census: Census) -> tuple[int, ...]:
    """The ids of the classes that are there and are rare, by `RARE`."""
    even = 1 / len(census.pixels)
    shares = census.shares
    return tuple(int(i) for i in np.flatnonzero((shares > 0) & (shares < RARE * even)))


def paste(pair: Pair, other: Pair, classes: tuple[int, ...]) -> Pair:
    """`pair` with the pixels of `other` that are of these classes.

    Args:
        pair, other: float32 image `(height, width, 3)` and uint8 labels `(height, width)`, of one
            size.
        classes: ids.
    """
    is_pasted = tf.scatter_nd(
        tf.constant(classes, tf.int32, (len(classes), 1)), tf.ones(len(classes), tf.uint8), [256]
    )
    mask = tf.gather(is_pasted, tf.cast(other[1], tf.int32)) > 0
    return tf.where(mask[..., None], other[0], pair[0]), tf.where(mask, other[1], pair[1])
