"""What the numbers mean that a network gives for a pixel: logits, probabilities or class ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.models.input_size import check_shapes

Kind = Literal["logits", "probabilities", "labels"]
Activation = Literal["softmax", "sigmoid"]

# Functions and layers, by name, whose output is a probability. `softmax_v2` is `tf.nn.softmax`.
_NAMES: dict[str, Activation] = {
    "softmax": "softmax",
    "softmax_v2": "softmax",
    "sparsemax": "softmax",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "sigmoid",
    "sparse_sigmoid": "sigmoid",
}
# Those without which the network gives logits: the others are no softmax or sigmoid of anything.
_EXACT = ("softmax", "softmax_v2", "sigmoid")
# They move or drop pixels of a map and change no value: softmax before or after them is the same.
_MOVES = ("Cropping2D", "CropOrPad2D", "Dropout", "SpatialDropout2D", "Identity", "Reshape")
# They mix neighbors: softmax before them is another thing than after them.
_MIXES = ("Resizing", "BilinearResizing2D", "UpSampling2D", "AveragePooling2D", "CenterCrop")
# They take a size, and no value, from their second input.
_REFERENCED = ("CropOrPad2D", "BilinearResizing2D")
_PROBE_SIDE = 64  # pixels, of images for a network that takes any size
# int8 probabilities are multiples of 1/256, and a sum of many is off by a few of them.
_SUM_TOLERANCE = 0.03


@dataclass(frozen=True)
class Output:
    """The meaning of a network's output.

    Attributes:
        kind: "logits", "probabilities" or "labels".
        activation: what makes probabilities of its logits, or has made them.
        scale, offset: of probabilities p the network gives `scale * p + offset`; 1 and 0, unless it
            ends in a Rescaling.
        maker: the layer or operation whose activation makes them; None for logits, and where
            logits cannot be had by leaving it out.
        rescalings: the Rescaling layers behind `maker`.
    """

    kind: Kind
    activation: Activation
    scale: float = 1.0
    offset: float = 0.0
    maker: Any = None
    rescalings: tuple[keras.layers.Layer, ...] = ()

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities, float32, out of the network's values `(..., channels)`."""
        if self.kind == "probabilities":
            return ((values - self.offset) / self.scale).astype(np.float32)
        function = tf.sigmoid if self.activation == "sigmoid" else tf.nn.softmax
        return function(tf.cast(values, tf.float32)).numpy()


def of(model: keras.Model) -> Output:
    """What a Keras model gives, by its last activation, or else by its values on a few images.

    Args:
        model: from images `(batch, height, width, channels)` to one map each.

    Raises:
        UserError: it is no such model, or ends in a softmax over one channel, which is 1
            everywhere.
    """
    check_shapes(model, model.name)
    spec = model.outputs[0] if getattr(model, "outputs", None) else None
    if spec is not None and (spec.ndim == 3 or "int" in str(spec.dtype)):
        return Output("labels", "softmax")
    found = _by_last_activation(model)
    if found is None:
        found = _by_values(model)
    channels = model.output_shape[-1]
    if found.kind == "probabilities" and found.activation == "softmax" and channels == 1:
        raise UserError(
            "`model` must not end in a softmax over one channel, which is 1 everywhere. "
            f"Received: {model.name}. Use sigmoid, or two channels, and train it again."
        )
    return found


def of_values(run: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int, int]) -> Kind:
    """Whether what a network gives for a few images are probabilities; logits if it fails on them.

    Args:
        run: the network, from float32 `(1, height, width, channels)`, 0..255, to one map.
        shape: of an image, `(height, width, channels)`.
    """
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (2, -(-shape[0] // 8), -(-shape[1] // 8), shape[2]))
    blotches = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : shape[0], : shape[1]]
    images = [np.full(shape, value) for value in (0, 128, 255)] + list(blotches)
    try:
        values = np.stack([np.asarray(run(image[None].astype(np.float32))) for image in images])
    except Exception:  # a size that it cannot take: whoever calls it next will say so
        return "logits"
    return kind_of_values(values)


def kind_of_values(values: np.ndarray) -> Kind:
    """Whether values `(..., channels)` of several images can only be probabilities."""
    if not (np.isfinite(values).all() and values.min() > -1e-3 and values.max() < 1 + 1e-3):
        return "logits"
    if values.shape[-1] == 1:
        # Logits that are all between 0 and 1 would mean foreground everywhere.
        both = (values < 0.5).any() and (values > 0.5).any()
        return "probabilities" if both else "logits"
    sums_to_one = np.abs(values.sum(-1, dtype=np.float64) - 1).max() < _SUM_TOLERANCE
    return "probabilities" if sums_to_one else "logits"


def _by_last_activation(model: keras.Model) -> Output | None:
    """None where the graph does not say."""
    usual: Activation = "sigmoid" if model.output_shape[-1] == 1 else "softmax"
    scale, offset, removable = 1.0, 0.0, True
    rescalings: list[keras.layers.Layer] = []
    for operation in _backwards(model):
        name = type(operation).__name__
        function = _function_of(operation)
        if function in _NAMES:
            if getattr(operation, "axis", -1) not in (-1, 3):
                return None
            removable = removable and function in _EXACT and _uses(model, operation) == 1
            maker = operation if removable else None
            kept = tuple(rescalings) if maker is not None else ()
            return Output("probabilities", _NAMES[function], scale, offset, maker, kept)
        if name == "Rescaling":
            if np.ndim(operation.scale) or np.ndim(operation.offset) or not operation.scale:
                return None
            # y = scale * (s * p + o) + offset
            scale, offset = scale * operation.scale, scale * operation.offset + offset
            rescalings.append(operation)
        elif name in _MIXES:
            nearest = getattr(operation, "interpolation", "") == "nearest"
            removable = removable and (nearest or name == "CenterCrop")
        elif name in _MOVES or (name == "Activation" and function == "linear"):
            continue
        elif function == "linear" and getattr(operation, "weights", None):
            return Output("logits", usual)
        else:
            return None
    return None


def _by_values(model: keras.Model) -> Output:
    height, width, channels = (side or _PROBE_SIDE for side in model.input_shape[1:])
    kind = of_values(lambda image: model(image, training=False), (height, width, channels))
    return Output(kind, "sigmoid" if model.output_shape[-1] == 1 else "softmax")


def _function_of(operation: Any) -> str:
    """The name of the function that makes its output, "linear" for none."""
    activation = getattr(operation, "activation", None)
    if activation is None:
        name = type(operation).__name__
        return name.lower() if name in ("Softmax", "Sigmoid", "HardSigmoid") else "linear"
    if isinstance(activation, keras.layers.Layer):
        return _function_of(activation)
    return str(getattr(activation, "__name__", ""))


def _uses(model: keras.Model, operation: Any) -> int:
    """How often a model runs a layer or operation of it."""
    functional = getattr(model, "_functional", None) or model
    count = 0
    for node in (node for nodes in functional._nodes_by_depth.values() for node in nodes):
        if node.operation is operation:
            count += 1
        elif isinstance(node.operation, keras.Model):
            count += _uses(node.operation, operation)
    return count


def _backwards(model: keras.Model) -> Iterator[Any]:
    """The operations from the output to the first that computes with several inputs."""
    functional = getattr(model, "_functional", None) or model
    if len(getattr(functional, "outputs", None) or ()) != 1:
        return
    tensor = functional.outputs[0]
    while True:
        operation, node_index, _ = tensor._keras_history
        node = operation._inbound_nodes[node_index]
        if node.is_input:
            return
        if isinstance(operation, keras.Model):
            yield from _backwards(operation)
        else:
            yield operation
        if len(node.input_tensors) != 1 and type(operation).__name__ not in _REFERENCED:
            return
        tensor = node.input_tensors[0]
