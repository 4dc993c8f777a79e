"""Weights to start from: a pretrained encoder, or the layers of another model that fit."""

from __future__ import annotations

import keras

from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.models import load_weights
from segnet_tf.runs.checkpoints import load_model


def start_from(config: TrainConfig, model: keras.Model) -> None:
    """Puts `config.initial_weights` into a new model and prints which layers they reach.

    A layer takes the weights of the layer with its name, if all their shapes are the same.

    Raises:
        UserError: there are no such weights, or no layer takes any.
    """
    name = config.initial_weights
    if name is None:
        return
    if name == "imagenet":
        load_weights(model, name, config.model)
        return
    source = {layer.name: layer for layer in load_model(name).layers}
    fresh, taken = [], 0
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name in source and _shapes(source[layer.name]) == _shapes(layer):
            layer.set_weights(source[layer.name].get_weights())
            taken += 1
        else:
            fresh.append(layer.name)
    if not taken:
        raise UserError(
            f"`initial_weights` must share layers with {config.model}, by name and shape. "
            f"Received: {name}, which shares none. Take a model of the same architecture."
        )
    print(f"{taken} layers start from {name}; fresh: {', '.join(fresh) or 'none'}", flush=True)


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in layer.weights]
