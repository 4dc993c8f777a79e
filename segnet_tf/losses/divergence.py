"""How far the class probabilities of one network are from another's."""

from __future__ import annotations

import tensorflow as tf


def divergence(taught: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence of the class probabilities, in float32 whatever the logits are.

    Args:
        taught: logits of the network to be like, float `(batch, height, width, channels)`; one
            channel is the logit of the second of two classes.
        logits: of the other network, of that shape.

    Returns:
        A scalar: the mean over all pixels, in nats.
    """
    taught, logits = tf.cast(taught, tf.float32), tf.cast(logits, tf.float32)
    if logits.shape[-1] == 1:  # of two classes, the first with the logit 0
        taught, logits = (tf.pad(x, ((0, 0), (0, 0), (0, 0), (1, 0))) for x in (taught, logits))
    told = tf.nn.log_softmax(taught)
    apart = told - tf.nn.log_softmax(logits)
    return tf.reduce_mean(tf.reduce_sum(tf.exp(told) * apart, axis=-1))
