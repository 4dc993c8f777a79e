"""Optimizer and learning rate schedule of a training configuration."""

from __future__ import annotations

import keras

from segnet_tf.config import TrainConfig
from segnet_tf.optimizers import UNDECAYED, SGDWithL2
from segnet_tf.schedules import Warmup


def learning_rate(
    config: TrainConfig, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of a run, a function of its steps."""
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
        "global_clipnorm": config.clip_norm or None,
    }
    if config.ema:
        arguments |= {"use_ema": True, "ema_momentum": config.ema}
    if config.decay == "l2":
        return SGDWithL2(l2=config.weight_decay or 0.0, momentum=0.9, **arguments)
    arguments["weight_decay"] = config.weight_decay or None
    if config.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(momentum=0.9, **arguments)
    else:
        if arguments["weight_decay"] is None:
            arguments["weight_decay"] = 0.0  # AdamW refuses None
        optimizer = keras.optimizers.AdamW(**arguments)
    optimizer.exclude_from_weight_decay(var_names=list(UNDECAYED))
    return optimizer
