"""Argmax pooling and unpooling as functions of tensors; `segnet_tf.layers` has the Keras layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        `(y * width + x) * channels + channel`, counted from 0 in each image. Of equal values
        in a window the first one in row-major order wins.

    Reference:
        https://www.tensorflow.org/api_docs/python/tf/nn/max_pool_with_argmax
    """
    window = {
        "ksize": [1, *pool_size, 1],
        "strides": [1, *strides, 1],
        "padding": padding.upper(),
    }

    @tf.custom_gradient
    def pool(x: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tf.Tensor]]:
        pooled, index = tf.nn.max_pool_with_argmax(
            # Exact, and cheaper than the kernel in 16 bits, which takes three times as long.
            tf.cast(x, tf.float32) if x.dtype.size == 2 else x,
            **window,
            output_dtype=_index_dtype(x.shape),
            include_batch_in_index=False,
        )
        pooled, argmax = tf.cast(pooled, x.dtype), tf.cast(index, tf.int64)

        # TensorFlow's own gradient would hand the int32 index to a kernel that takes int64 only.
        def gradient(upstream: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.MaxPoolGradWithArgmax(input=x, grad=upstream, argmax=argmax, **window)

        return (pooled, argmax), gradient

    return pool(x)


def _index_dtype(shape: tf.TensorShape) -> tf.DType:
    """The dtype in which the kernel computes an index into one image of a map.

    In int32 it takes a third of the time: 9 ms and not 25 of one AMD EPYC core for a float32 map of
    4x192x256x24. A map of unknown size may be too large for that.
    """
    values = shape[1:].num_elements()
    return tf.int32 if values is not None and values <= tf.int32.max else tf.int64


def max_unpool(
    pooled: tf.Tensor, argmax: tf.Tensor, output_size: tuple[int | tf.Tensor, int | tf.Tensor]
) -> tf.Tensor:
    """Puts each pooled value back where max-pooling found it, zeros elsewhere.

    Args:
        pooled: float `(batch, h, w, groups * channels)`; channel `g * channels + c` goes where
            `argmax` says for channel c. One group is SegNet's unpooling.
        argmax: int64 `(batch, h, w, channels)`, from `max_pool_with_argmax`.
        output_size: `(height, width)` of the map that was pooled, in pixels.

    Returns:
        `(batch, height, width, groups * channels)`, dtype of `pooled`. Values with the same
        position are added, which happens only where pooling windows overlapped. The gradient is
        taken at the argmax positions only.

    Raises:
        tf.errors.InvalidArgumentError: an index lies outside `output_size`.
    """
    static = [side if isinstance(side, int) else None for side in output_size]
    height, width = (tf.cast(side, tf.int64) for side in output_size)
    channels = pooled.shape[-1]
    batch = tf.shape(pooled, out_type=tf.int64)[0]
    index = tf.reshape(_of_groups(argmax, channels // argmax.shape[-1]), (batch, -1))
    flat = _scatter(tf.reshape(pooled, (batch, -1)), index, height * width * channels)
    unpooled = tf.reshape(flat, tf.stack([batch, height, width, channels]))
    unpooled.set_shape([pooled.shape[0], *static, channels])
    return unpooled


def _of_groups(argmax: tf.Tensor, groups: int) -> tf.Tensor:
    """The argmax of a map whose channels are the same ones, repeated `groups` times."""
    if groups == 1:
        return argmax
    channels = argmax.shape[-1]
    first = argmax + argmax // channels * (groups - 1) * channels
    return tf.concat([first + group * channels for group in range(groups)], -1)


@tf.custom_gradient
def _scatter(
    values: tf.Tensor, index: tf.Tensor, length: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, None, None]]]:
    """Puts each of the `(batch, n)` values at its index in `(batch, length)`, zeros elsewhere."""
    # The gradient of argmax pooling does exactly this, and its kernel takes a tenth of
    # tf.scatter_nd's time. It asks for 4 * n == length, as of pooling windows of 1x4. Where odd
    # sides make that untrue, zeros are added to the values, or places to the end of the output.
    not_negative = tf.debugging.assert_non_negative(index)
    # The CPU kernel aborts the process at an index outside its output.
    below_length = tf.debugging.assert_less(
        index, length, "An index lies outside the unpooled map."
    )
    batch, count = tf.unstack(tf.shape(values, out_type=tf.int64))
    more = ((0, 0), (0, tf.maximum((length + 3) // 4 - count, 0)))
    with tf.control_dependencies([not_negative, below_length]):
        padded = tf.pad(values, more)[:, tf.newaxis, :, tf.newaxis]
    places = 4 * tf.shape(padded, out_type=tf.int64)[2]
    scattered = tf.raw_ops.MaxPoolGradWithArgmax(
        # The kernel reads the shape of this input, not its values.
        input=tf.raw_ops.Empty(
            shape=tf.cast(tf.stack([batch, 1, places, 1]), tf.int32), dtype=values.dtype
        ),
        grad=padded,
        argmax=tf.pad(index, more)[:, tf.newaxis, :, tf.newaxis],
        ksize=(1, 1, 4, 1),
        strides=(1, 1, 4, 1),
        padding="VALID",
    )

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None, None]:
        return tf.gather(upstream, index, batch_dims=1), None, None

    return scattered[:, 0, :length, 0], gradient
