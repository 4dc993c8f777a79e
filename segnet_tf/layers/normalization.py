"""Batch normalization for training, and the LRN of SegNet-Basic."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="segnet_tf")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with one op for its training step, which Keras 3 makes of ten.

    They read each map again and again, in float32 whatever the policy: a third of SegNet-Lite's
    training step on two CPU cores. Inference, weights and moving statistics are Keras's.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.cast(self.gamma, "float32"),
            tf.cast(self.beta, "float32"),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The op gives the variance of the population that the batch is a sample of; Keras keeps
        # the batch's own.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        variance *= (count - 1) / count
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(package="segnet_tf")
class LocalResponseNormalization(keras.layers.Layer):
    """Caffe's LRN across channels, as SegNet-Basic has it on its input.

    Divides by `(1 + alpha / size * sum of squares over size channels) ** beta`; shape and dtype
    stay. TFLite has no int8 form of it.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.alpha = alpha
        self.beta = beta

    def call(self, inputs):
        # TensorFlow's alpha is not divided by the window's size, Caffe's is.
        return tf.nn.local_response_normalization(
            inputs, depth_radius=self.size // 2, alpha=self.alpha / self.size, beta=self.beta
        )

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
        }
