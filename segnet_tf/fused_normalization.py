"""Batch normalization for training, in TensorFlow's fused kernel."""

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


def fused(model: keras.Model) -> keras.Model:
    """A copy of `model` to train, with fresh weights in the same order.

    Args:
        model: a Functional one whose batch normalizations scale and centre the last axis.
    """

    def copy(layer):
        cls = type(layer)
        if cls is keras.layers.BatchNormalization:
            cls = FusedBatchNormalization
        return cls.from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=copy)
