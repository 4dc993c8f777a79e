"""Temperature: logits divided by one number, so that their softmax is as sure as it should be.

The division goes into the kernels and biases of the last layers, so that whatever reads the model
(`predict`, `export` to int8, a page) has it without knowing of it, at no cost. int8 codes stay what
they were: the scales are divided instead.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.models import output_kind
from segnet_tf.models.functional import functional_of, nodes_in_order

# What gives twice the output when its weights are doubled.
_LINEAR = ("Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D")
# What gives twice the output for twice the input, and keeps each pixel's channels.
_HOMOGENEOUS = (
    *("BilinearResizing2D", "Resizing", "UpSampling2D", "AveragePooling2D", "CropOrPad2D"),
    *("Cropping2D", "CenterCrop", "ZeroPadding2D", "Dropout", "SpatialDropout2D", "Identity"),
    *("Average", "Add", "Activation"),
)
# float32's smallest number with all its digits, and as far above it as these digits reach: beside
# such a largest weight no other loses a digit that matters.
_SMALLEST = float(np.finfo(np.float32).tiny / np.finfo(np.float32).eps)
_LARGEST = float(np.finfo(np.float32).max)
# Their second input gives a size and no value.
_REFERENCED = ("BilinearResizing2D", "CropOrPad2D")


def check_temperature(temperature: float) -> None:
    """Raises UserError unless logits can be divided by `temperature`."""
    is_number = isinstance(temperature, Real) and not isinstance(temperature, bool)
    if not (is_number and 0 < temperature < math.inf):
        raise UserError(
            "`temperature` must be a finite number above 0, by which logits are divided. "
            f"Received: temperature={temperature!r}. "
            "1 changes nothing, 1.5 makes a model less sure."
        )


def apply_temperature(model: keras.Model, temperature: float) -> None:
    """Divides the logits of a model, in place: `softmax(logits / temperature)`.

    The class that wins is the same wherever two logits are further apart than the rounding of
    float32. A softmax or sigmoid at the end stays; its logits are divided.

    Args:
        model: a functional or sequential model that ends in a linear `Conv2D`, `Conv2DTranspose`
            or `Dense`, or in several of them that are averaged or added; resizing, cropping and an
            activation that makes probabilities may follow.
        temperature: above 0.

    Raises:
        UserError: another temperature, a model that ends otherwise, or weights beyond float32. The
            model is unchanged then.
    """
    check_temperature(temperature)
    divided: list[tuple[keras.Variable, np.ndarray]] = []
    for layer in logit_layers(model):
        values = [np.asarray(variable, np.float64) / temperature for variable in layer.weights]
        largest = max(float(np.max(np.abs(value))) for value in values)
        if largest and not _SMALLEST < largest < _LARGEST:
            raise UserError(
                "`temperature` must leave weights that float32 holds. "
                f"Received: temperature={temperature}. Take one nearer to 1."
            )
        divided += zip(layer.weights, values, strict=True)
    for variable, value in divided:
        variable.assign(value.astype(variable.dtype))


def logit_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers whose weights scale the logits, and nothing else.

    Raises:
        UserError: a model that has none, see `apply_temperature`.
    """
    output = output_kind.of(model)
    if output.kind == "labels" or (output.kind == "probabilities" and output.maker is None):
        raise _unsuitable(model, "an output that is not made of logits by a softmax or sigmoid")
    functional = functional_of(model)
    # An activation that makes probabilities, and the Rescaling behind it, are passed by.
    passed = {id(layer) for layer in (output.maker, *output.rescalings) if layer is not None}
    found: list[keras.layers.Layer] = []
    _follow(model, functional, functional.outputs[0], passed, found)
    return found


def _follow(
    model: keras.Model,
    functional: keras.Model,
    tensor: keras.KerasTensor,
    passed: set[int],
    found: list[keras.layers.Layer],
) -> None:
    """Adds to `found` the layers that a tensor of `functional`, a part of `model`, is linear in."""
    operation, node_index, tensor_index = tensor._keras_history
    node = operation._inbound_nodes[node_index]
    name = type(operation).__name__
    inner = getattr(operation, "_functional", None) or operation
    if node.is_input or len(_calls(functional, operation)) != 1:
        raise _unsuitable(model, f"{operation.name}, which is the input or is used more than once")
    if len(_takers(functional, tensor)) > 1:
        raise _unsuitable(model, f"{operation.name}, whose output goes to several layers")
    if hasattr(inner, "_nodes_by_depth"):
        _follow(model, inner, inner.outputs[tensor_index], passed, found)
        return
    is_plain = getattr(operation, "activation", None) in (None, keras.activations.linear)
    if name in _LINEAR and (is_plain or id(operation) in passed):
        found.append(operation)
    elif id(operation) in passed or (name in _HOMOGENEOUS and is_plain):
        count = 1 if name in _REFERENCED else None
        for before in node.input_tensors[:count]:
            _follow(model, functional, before, passed, found)
    else:
        raise _unsuitable(model, f"{operation.name}, a {name}")


def _calls(functional: keras.Model, operation: Any) -> list[Any]:
    return [node for node in nodes_in_order(functional) if node.operation is operation]


def _takers(functional: keras.Model, tensor: keras.KerasTensor) -> list[Any]:
    """The calls in a graph that a tensor goes into."""
    return [
        node
        for node in nodes_in_order(functional)
        if any(given is tensor for given in node.input_tensors)
    ]


def _unsuitable(model: keras.Model, what: str) -> UserError:
    return UserError(
        "`model` must end in a convolution that makes logits, whose weights are divided by the "
        f"temperature. Received: {model.name}, which ends in {what}. "
        "End it in a Conv2D, and in a softmax if you like."
    )
