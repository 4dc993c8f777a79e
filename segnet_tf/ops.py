"""Argmax pooling and unpooling as functions of tensors. The layers add lifecycle and config."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def max_pool_with_argmax(
    x: tf.Tensor,
    pool_size: Sequence[int] = (2, 2),
    strides: Sequence[int] = (2, 2),
    padding: str = "valid",
) -> tuple[tf.Tensor, tf.Tensor]:
    """Max-pools a map and says where each maximum was.

    Args:
        x: float `(batch, height, width, channels)`.
        pool_size: `(height, width)` of the window, in pixels.
        strides: `(height, width)` between windows, in pixels.
        padding: `"valid"` drops an incomplete last window (floor mode), `"same"` keeps it
            (ceil mode, as the authors' Caffe code does).

    Returns:
        `pooled`, dtype of `x`, and `argmax`, int64 of the same shape:
        `(y * width + x) * channels + channel`, counted in each image on its own. In a window
        of equal values the first one in row-major order wins.

    Reference:
        https://www.tensorflow.org/api_docs/python/tf/nn/max_pool_with_argmax
    """
    pooled, argmax = tf.nn.max_pool_with_argmax(
        x,
        ksize=[1, *pool_size, 1],
        strides=[1, *strides, 1],
        padding=padding.upper(),
        # int64: an index into a 1080p map of 64 channels already needs 27 bits, and a batch
        # of them more than 31.
        output_dtype=tf.int64,
        include_batch_in_index=False,
    )
    return pooled, argmax


def max_unpool(
    pooled: tf.Tensor, argmax: tf.Tensor, output_size: tuple[int | tf.Tensor, int | tf.Tensor]
) -> tf.Tensor:
    """Puts each pooled value back where max-pooling found it, zeros elsewhere.

    Args:
        pooled: float `(batch, h, w, channels)`.
        argmax: int64 of the same shape, from `max_pool_with_argmax`.
        output_size: `(height, width)` of the map that was pooled, in pixels.

    Returns:
        `(batch, height, width, channels)`, dtype of `pooled`. Values that share a place add up;
        that happens only where pooling windows overlapped. The gradient is taken at the argmax
        positions only.

    Raises:
        tf.errors.InvalidArgumentError: an index lies outside `output_size`.
    """
    static = [side if isinstance(side, int) else None for side in output_size]
    height, width = (tf.cast(side, tf.int64) for side in output_size)
    channels = pooled.shape[-1]
    batch = tf.shape(pooled, out_type=tf.int64)[0]
    per_image = height * width * channels
    # Without the image's own offset every image would be scattered into image 0.
    offset = tf.reshape(tf.range(batch) * per_image, [-1, 1, 1, 1])
    index = tf.reshape(tf.cast(argmax, tf.int64) + offset, [-1, 1])
    flat = tf.scatter_nd(index, tf.reshape(pooled, [-1]), tf.reshape(batch * per_image, [1]))
    unpooled = tf.reshape(flat, tf.stack([batch, height, width, channels]))
    unpooled.set_shape([pooled.shape[0], *static, channels])
    return unpooled
