"""Averages over a fixed number of windows, whatever the size of the map."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf.errors import UserError

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="segnet_tf")
class AdaptiveAveragePooling2D(keras.layers.Layer):
    """Averages a map over `bins` x `bins` windows.

    Window i of n along a side of `size` pixels reaches from `floor(i * size / n)` to
    `ceil((i + 1) * size / n)`, as in PyTorch's `AdaptiveAvgPool2d`: neighbors overlap by a pixel
    where n does not divide the size.

    Args:
        bins: windows along each side.

    Call arguments:
        inputs: float `(batch, height, width, channels)`.

    Returns:
        `(batch, bins, bins, channels)`, dtype of `inputs`.

    Raises:
        UserError: `bins` is no positive whole number.
    """

    def __init__(self, bins: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(bins, int) or bins < 1:
            raise UserError(f"`bins` must be a positive whole number. Received: bins={bins!r}.")
        self.bins = bins
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        height, width = tf.shape(inputs)[1], tf.shape(inputs)[2]
        # Two small matrices for the two sides: sizes may be unknown until the model runs.
        rows = tf.cast(averaging_matrix(height, self.bins), inputs.dtype)
        columns = tf.cast(averaging_matrix(width, self.bins), inputs.dtype)
        return tf.einsum("bhwc,ih,jw->bijc", inputs, rows, columns)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(batch, bins, bins, channels)`."""
        return (input_shape[0], self.bins, self.bins, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins}


def averaging_matrix(size: tf.Tensor | int, bins: int) -> tf.Tensor:
    """The weights of each pixel of a side in each window's average.

    Args:
        size: pixels along the side.
        bins: windows along it.

    Returns:
        float32 `(bins, size)`; every row sums to 1.
    """
    window = tf.range(bins)[:, tf.newaxis]
    pixel = tf.range(size)[tf.newaxis]
    first = window * size // bins
    end = -(-(window + 1) * size // bins)  # rounded up
    inside = tf.cast((pixel >= first) & (pixel < end), tf.float32)
    return inside / tf.cast(end - first, tf.float32)
