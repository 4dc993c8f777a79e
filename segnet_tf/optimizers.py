"""Optimizers that Keras does not have."""

from __future__ import annotations

import re
from typing import Any

import keras
import tensorflow as tf

# Names of the weights that no decay touches: biases, and batch normalization's scale and shift.
UNDECAYED = ("bias", "gamma", "beta")


@keras.saving.register_keras_serializable(package="segnet_tf")
class SGDWithL2(keras.optimizers.SGD):
    """SGD whose weight decay is part of the gradient, as in Caffe and in `torch.optim.SGD`.

    `velocity = momentum * velocity - rate * (gradient + l2 * weight)`, `weight += velocity`.
    Keras's own `weight_decay` is decoupled: `weight -= rate * weight_decay * weight` beside the
    step, which momentum does not add up. With a momentum of 0.9 the same number is ten times as
    strong here.

    Args:
        learning_rate: a number or a schedule.
        l2: factor on the weights, 0 or more. Weights named in `UNDECAYED` are left alone.
        momentum: as Keras's.
        **kwargs: of `keras.optimizers.SGD`.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.01,
        l2: float = 0.0,
        momentum: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.l2 = l2

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        # Keras gives TensorFlow's variable: "encoder1_conv1/bias:0", its copy on a second device
        # "encoder1_conv1/bias/replica_1:0".
        name = re.sub(r"(/replica_\d+)?:0$", "", variable.name)
        if self.l2 and name.rpartition("/")[2] not in UNDECAYED:
            gradient = gradient + self.l2 * tf.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "l2": self.l2}
