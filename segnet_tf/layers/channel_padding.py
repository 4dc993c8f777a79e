"""Channels of zeros behind those of a map."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf.errors import UserError

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="segnet_tf")
class ChannelPadding(keras.layers.Layer):
    """Adds channels of zeros behind a map's own.

    ENet adds a pooled map to one that has more channels. It has no weights, unlike a 1x1
    convolution in its place.

    Args:
        channels: of the padded map.

    Call arguments:
        inputs: float `(batch, height, width, at most `channels`)`.

    Returns:
        `(batch, height, width, channels)`, dtype of `inputs`.

    Raises:
        UserError: `channels` is no positive integer, or smaller than the map's.

    Reference:
        Paszke et al., 2016, https://arxiv.org/abs/1606.02147
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
            raise UserError(
                f"`channels` must be a positive whole number. Received: channels={channels!r}."
            )
        self.channels = channels
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        missing = self._missing(inputs.shape)
        return tf.pad(inputs, ((0, 0), (0, 0), (0, 0), (0, missing))) if missing else inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(batch, height, width, channels)`; `None` where unknown."""
        self._missing(input_shape)
        return (*input_shape[:3], self.channels)

    def _missing(self, shape: Shape) -> int:
        given = shape[3]
        if given is None or given > self.channels:
            raise UserError(
                "`channels` must be at least the number that the map has. "
                f"Received: channels={self.channels}, inputs.shape={tuple(shape)}."
            )
        return self.channels - given

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}
