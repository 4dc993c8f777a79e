"""The scale of the image's normalization, moved into the convolution that reads it.

`scale * x + offset` in int8 is a depthwise convolution of three channels, which fills no vector
register: 1 ms of the 20 that a fast network takes for 352x480. `x + offset / scale` alone is one
SUB of 0.07 ms, whose codes are those of the image, and the factor costs nothing in the kernel.

In float the factor stays where it is: there it is one cheap pass, and a kernel of 1/128 the size
would leave float16's normal numbers.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from segnet_tf.layers import EvenPadding2D
from segnet_tf.models import functional

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def moved(model: keras.Model) -> keras.Model:
    """A model with the scale of each `Rescaling` in the kernel of the one convolution behind it.

    The model itself if it has no such pair. One with a scale or an offset for each channel stays.
    All layers but the pair are the model's own: those of `sampling` and many a user's cannot be
    made anew from their configuration.

    Args:
        model: a Functional or Sequential model.
    """
    pairs = _pairs(model)
    if not pairs:
        return model

    def copy(layer: keras.Layer) -> keras.Layer:
        if layer.name not in pairs and layer.name not in pairs.values():
            return layer
        # Its precision is in there too, which need not be Keras's at the moment.
        config = layer.get_config()
        if layer.name in pairs:
            config |= {"scale": 1.0, "offset": layer.offset / layer.scale}
        return type(layer).from_config(config)

    twin = keras.models.clone_model(model, clone_function=copy)
    for name, convolution in pairs.items():
        kernel, *bias = model.get_layer(convolution).get_weights()
        kernel = kernel * model.get_layer(name).scale
        twin.get_layer(convolution).set_weights([kernel, *bias])
    return twin


def _pairs(model: keras.Model) -> dict[str, str]:
    """Name of a `Rescaling` with one scale -> of the convolution that alone reads it.

    Zeros that are added between them are zeros in both.
    """
    nodes = functional.nodes_in_order(functional.functional_of(model))
    calls = [node.operation for node in nodes]
    found = {}
    for node in nodes:
        layer = node.operation
        if type(layer) is not keras.layers.Rescaling or layer.scale == 1:
            continue
        if np.ndim(layer.scale) or np.ndim(layer.offset) or not layer.scale > 0:
            continue
        readers = _readers(node, nodes)
        while len(readers) == 1 and type(readers[0].operation) is EvenPadding2D:
            readers = _readers(readers[0], nodes)
        if len(readers) != 1:
            continue
        reader = readers[0].operation
        if type(reader) in _CONVOLUTIONS and calls.count(reader) == calls.count(layer) == 1:
            found[layer.name] = reader.name
    return found


def _readers(node: Any, nodes: list[Any]) -> list[Any]:
    return [
        other
        for other in nodes
        if any(tensor is output for tensor in other.input_tensors for output in node.outputs)
    ]
