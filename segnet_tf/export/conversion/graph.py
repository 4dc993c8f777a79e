"""Walks a Keras model layer by layer: the one way to measure it, lower it and quantize it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import lowering
from segnet_tf.models import functional, output_kind

# `(min, max)` of a tensor's values, zero included.
Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor that an observer or a handler of `walk` has given an int8 range.

    Attributes:
        tensor: the tensor.
        range: what its 256 int8 values span; `None` in float.
    """

    tensor: tf.Tensor
    range: Range | None = None


def quantized(tensor: tf.Tensor, range: Range | None) -> Value:
    """A tensor that the converter stores as int8 of that range; in float (`None`) as it is."""
    return Value(tensor if range is None else lowering.fake_quantize(tensor, range), range)


def bare(value: Any) -> Any:
    """The tensor of a `Value`; anything else as it is."""
    return value.tensor if isinstance(value, Value) else value


# Called as handler(layer, *args, **kwargs); a `None` result means: call the layer itself.
Handler = Callable[..., Any]
# Called with the name of a tensor and the tensor; what it returns takes the tensor's place.
Observer = Callable[[str, Any], Any]

INPUT = "image"


class LeftOut(keras.layers.Layer):
    """Stands in a copy of a model where a layer was left out, and gives what it takes."""

    def call(self, inputs: tf.Tensor, mask: None = None) -> tf.Tensor:  # softmax layers take a mask
        return inputs


def network_of(model: keras.Model, *, copied: bool = False) -> keras.Model:
    """A copy of `model` that computes in float32, whatever precision it was trained in.

    The softmax or sigmoid that it ends in is left out, if it can be: then the copy gives logits.

    Args:
        model: as `walk` takes it.
        copied: whether it is always a copy, also of a model that is such already.
    """
    functional_of(model)
    output = output_kind.of(model)

    def copy(layer: keras.Layer) -> keras.Layer:
        if layer is output.maker and "activation" in layer.get_config():
            config = {**layer.get_config(), "activation": "linear"}
        elif layer is output.maker or layer in output.rescalings:
            return LeftOut(name=layer.name)
        elif not isinstance(layer, keras.Layer):
            return layer  # an operation of `keras.ops`, which has no weights
        else:
            config = layer.get_config()
        config["dtype"] = "float32"
        return layer.__class__.from_config(config)

    is_float32 = all(
        layer.compute_dtype == "float32" for layer in model._flatten_layers(False, True)
    )
    if is_float32 and output.maker is None and not copied:
        return model
    twin = keras.models.clone_model(model, clone_function=copy, recursive=True)
    twin.set_weights(model.get_weights())
    return twin


def functional_of(model: keras.Model) -> keras.Model:
    """The graph of a model, whose layers can be walked.

    Raises:
        UserError: the model is subclassed, or has several inputs or outputs.
    """
    found = functional.functional_of(model)
    if len(found.inputs) != 1 or len(found.outputs) != 1:
        raise UserError(
            "`model` must have one input and one output. "
            f"Received: {len(found.inputs)} and {len(found.outputs)}."
        )
    return found


def walk(model: keras.Model, image: Any, handlers: dict[type, Handler], observe: Observer) -> Any:
    """Runs `model` on `image`, lets `handlers` replace layers and `observe` see the tensors.

    Args:
        model: a Functional or Sequential model with one input and one output; may be nested.
        image: the input tensor.
        handlers: layer class -> what is called in its place. A handler may return any object for
            a tensor, as long as another handler takes it. A `Value` goes to a handler as it is,
            and as its tensor to a layer without one.
        observe: called with each tensor that is also one in the exported graph. The output of a
            convolution is none if only a normalization or an activation reads it: the converter
            fuses the two.

    Returns:
        The model's output.

    Raises:
        UserError: the model is subclassed, or has several inputs or outputs.
    """
    network = functional_of(model)
    nodes = functional.nodes_in_order(network)
    readers: dict[int, list[Any]] = {}
    for node in nodes:
        for tensor in node.input_tensors:
            readers.setdefault(id(tensor), []).append(node.operation)
    values = {id(network.inputs[0]): image}
    for node in nodes:
        operation = node.operation
        handler = handlers.get(type(operation))
        if handler is None and any(not _is_tensor(values[id(t)]) for t in node.input_tensors):
            raise UserError(
                "`model` must hand the argmax of a pooling layer straight to MaxUnpooling2D. "
                f"Received: {operation.name} ({type(operation).__name__}), which takes it too."
            )
        args, kwargs = node.arguments.fill_in(values)
        outputs = handler(operation, *args, **kwargs) if handler else None
        if outputs is None and isinstance(operation, keras.Model):
            outputs = walk(operation, args[0], handlers, observe)
        elif outputs is None:
            tensors = {id(t): bare(values[id(t)]) for t in node.input_tensors}
            args, kwargs = node.arguments.fill_in(tensors)
            outputs = operation(*args, **kwargs)
        if not isinstance(outputs, (tuple, list)):
            outputs = (outputs,)
        for index, (symbol, value) in enumerate(zip(node.outputs, outputs, strict=True)):
            # Only a layer's first output is a value to quantize; pooling's second is its argmax.
            if index == 0 and not _fuses(operation, readers.get(id(symbol), [])):
                value = observe(operation.name, value)
            values[id(symbol)] = value
    return values[id(network.outputs[0])]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Value) or (hasattr(value, "shape") and hasattr(value, "dtype"))


def _fuses(operation: Any, readers: list[Any]) -> bool:
    """Whether the converter merges `operation` into its only reader."""
    if len(readers) != 1:
        return False
    activations = (keras.layers.ReLU,)
    linear = getattr(operation, "activation", None) in (None, keras.activations.linear)
    convolutions = (
        keras.layers.Conv2D,
        keras.layers.DepthwiseConv2D,
        keras.layers.Conv2DTranspose,
    )
    if isinstance(operation, convolutions):
        return linear and isinstance(readers[0], (keras.layers.BatchNormalization, *activations))
    if isinstance(operation, (keras.layers.BatchNormalization, keras.layers.Add)):
        return isinstance(readers[0], activations)
    return False
