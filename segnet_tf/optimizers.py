"""Optimizer and learning rate schedule of a training configuration."""

import keras
from keras import ops

from segnet_tf.config import TrainConfig


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


def learning_rate(config: TrainConfig, steps_per_epoch: int):
    """The schedule of a run: a `LearningRateSchedule` over its steps."""
    schedules = keras.optimizers.schedules
    total, peak = config.epochs * steps_per_epoch, config.learning_rate
    if config.schedule == "cosine":
        schedule = schedules.CosineDecay(peak, total)
    else:
        # Power 0 would be constant too, but 0 ** 0 at the last step need not be 1.
        end, power = (0.0, 0.9) if config.schedule == "poly" else (peak, 1.0)
        schedule = schedules.PolynomialDecay(peak, total, end_learning_rate=end, power=power)
    rise = round(config.warmup * steps_per_epoch)
    return Warmup(schedule, rise) if rise else schedule


def make_optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """AdamW or SGD with momentum 0.9; no weight decay on biases and batch normalization."""
    arguments = {
        "learning_rate": learning_rate(config, steps_per_epoch),
        "weight_decay": config.weight_decay or None,
        "global_clipnorm": config.clip_norm or None,
    }
    if config.ema:
        arguments |= {"use_ema": True, "ema_momentum": config.ema}
    if config.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(momentum=0.9, **arguments)
    else:
        if arguments["weight_decay"] is None:
            arguments["weight_decay"] = 0.0  # AdamW refuses None
        optimizer = keras.optimizers.AdamW(**arguments)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
