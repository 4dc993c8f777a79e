"""Learning rate schedules that Keras does not have."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="segnet_tf")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise from near zero in front of any schedule, which runs on underneath.

    Args:
        schedule: a `LearningRateSchedule` of the whole run.
        steps: of the rise; step `steps - 1` is the first at the schedule's own rate.

    Call arguments:
        step: the optimizer's iteration, from 0.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int):
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step):
        rise = (ops.cast(step, "float32") + 1.0) / self.steps
        return self.schedule(step) * ops.minimum(rise, 1.0)

    def get_config(self):
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "steps": self.steps,
        }

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["steps"])
