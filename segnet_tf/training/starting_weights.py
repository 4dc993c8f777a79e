"""Weights to start from: a pretrained encoder, or the layers of another model that fit."""

from __future__ import annotations

import keras

from segnet_tf.config import TrainConfig
from segnet_tf.models import load_weights
from segnet_tf.models.transfer import take_what_fits
from segnet_tf.runs.checkpoints import load_model


def start_from(config: TrainConfig, model: keras.Model) -> None:
    """Puts `config.initial_weights` into a new model and prints which layers they reach.

    A layer takes the weights of the layer with its name, if all their shapes are the same; from
    another architecture the encoder's layers do.

    Raises:
        UserError: there are no such weights, or no layer takes any.
    """
    name = config.initial_weights
    if name is None:
        return
    if name == "imagenet":
        load_weights(model, name, config.model)
        return
    found = take_what_fits(model, load_model(name), name, "initial_weights")
    print(found.text(name), flush=True)
