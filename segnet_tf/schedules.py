"""Learning rate schedules that Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="segnet_tf")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Multiplies a schedule by a factor that rises linearly to 1 over the first steps.

    `rate(step) = schedule(step) * min((step + 1) / steps, 1)`.

    Args:
        schedule: a `LearningRateSchedule` of the whole run.
        steps: length of the rise; step `steps - 1` is the first at the schedule's own rate.

    Call arguments:
        step: the optimizer's iteration, from 0.
    """

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int
    ) -> None:
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        rise = (ops.cast(step, "float32") + 1.0) / self.steps
        return self.schedule(step) * ops.minimum(rise, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "steps": self.steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Warmup:
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["steps"])
