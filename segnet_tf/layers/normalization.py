"""Batch normalization for training, and the LRN of SegNet-Basic."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="segnet_tf")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's `BatchNormalization`, with a single op for its training step.

    Keras 3 uses ten ops. Each reads the whole map once more, in float32 under every policy, and
    together they take a third of SegNet-Lite's training step on two CPU cores. Arguments,
    inference, weights and moving statistics are Keras's.
    """

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        # No single op normalizes over several devices.
        if not (training and self.trainable) or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.cast(inputs, "float32") if _slow_in_bfloat16(inputs) else inputs,
            tf.cast(self.gamma, "float32"),
            tf.cast(self.beta, "float32"),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The op returns the unbiased variance, sum((x - mean)**2) / (count - 1); Keras's moving
        # variance takes sum((x - mean)**2) / count.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        variance *= (count - 1) / count
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return tf.cast(outputs, inputs.dtype)


def _slow_in_bfloat16(inputs: tf.Tensor) -> bool:
    """Whether the CPU's kernel for this map falls back to plain loops.

    oneDNN's for bfloat16 wants channels in groups of 16. Of 4x256x320x24 a step takes 157 ms on one
    core of an AMD EPYC with bfloat16, in float32 31 ms: half of SegNet-Mini's whole step.
    """
    return inputs.dtype == tf.bfloat16 and inputs.shape[-1] % 16 != 0


@keras.saving.register_keras_serializable(package="segnet_tf")
class LocalResponseNormalization(keras.layers.Layer):
    """Caffe's LRN across channels, as SegNet-Basic has it on its input.

    `y = x / (1 + alpha / size * sum of x**2 over size channels) ** beta`. TFLite has no int8 form
    of it.

    Args:
        size: channels in a sum, odd.
        alpha: factor on the mean of the squares.
        beta: exponent.

    Call arguments:
        inputs: float `(batch, height, width, channels)`.

    Returns:
        Shape and dtype of `inputs`.
    """

    def __init__(
        self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.alpha = alpha
        self.beta = beta

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        # TensorFlow's alpha is not divided by the window's size, Caffe's is.
        return tf.nn.local_response_normalization(
            inputs, depth_radius=self.size // 2, alpha=self.alpha / self.size, beta=self.beta
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
        }
