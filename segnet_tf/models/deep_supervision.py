"""Trains each classifier of a deeply supervised network by a loss of its own."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf.layers import BilinearResizing2D
from segnet_tf.models.architectures.unet_plus_plus import MEAN

Tensors = list[tf.Tensor]


@keras.saving.register_keras_serializable(package="segnet_tf")
class DeeplySupervised(keras.Model):
    """A functional model whose first output is the prediction, the others each classifier's logits.

    In training the loss is the mean of the losses of the classifiers; validation and metrics see
    the prediction alone. Labels stay those of one output.
    """

    def compute_loss(
        self,
        x: Any = None,
        y: tf.Tensor | None = None,
        y_pred: Tensors | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The mean of the classifiers' losses, or on validation the loss of the prediction."""
        prediction, *heads = y_pred or []
        losses = [
            super(DeeplySupervised, self).compute_loss(x, y, logits, sample_weight, training)
            for logits in (heads if training else [prediction])
        ]
        return tf.add_n(losses) / len(losses)

    def compute_metrics(
        self, x: Any, y: tf.Tensor, y_pred: Tensors, sample_weight: tf.Tensor | None = None
    ) -> dict[str, Any]:
        """The metrics of the prediction."""
        return super().compute_metrics(x, y, y_pred[0], sample_weight)


def supervised(model: keras.Model) -> keras.Model:
    """`model` with a loss for each of its classifiers; itself if it has one classifier only.

    Args:
        model: from images to logits; deeply supervised if it has a layer named `MEAN`.

    Returns:
        A model of the same layers, with weights in the same order.
    """
    mean = next((layer for layer in model.layers if layer.name == MEAN), None)
    if mean is None:
        return model
    heads = [
        BilinearResizing2D(dtype="float32", name=f"supervised{number}")(logits, model.output)
        for number, logits in enumerate(mean.input, start=1)
    ]
    return DeeplySupervised(model.input, [model.output, *heads], name=model.name)
