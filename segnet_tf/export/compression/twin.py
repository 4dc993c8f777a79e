"""A tf_keras copy of a Keras 3 model, since tensorflow-model-optimization takes tf_keras only.

Both run in one process. The copy, a twin, has the layers of its model under the same names: weights
are copied layer by layer, there and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf
import tf_keras

from segnet_tf import ops
from segnet_tf.errors import UserError
from segnet_tf.export.conversion import graph
from segnet_tf.layers import (
    AdaptiveAveragePooling2D,
    BilinearResizing2D,
    ChannelPadding,
    CropOrPad2D,
    EvenPadding2D,
    LocalResponseNormalization,
    MaxPoolingWithArgmax2D,
    MaxUnpooling2D,
)


class TwinPool(tf_keras.layers.Layer):
    """`MaxPoolingWithArgmax2D`: `(pooled, argmax)` of a map."""

    def __init__(
        self,
        pool_size: tuple[int, int],
        strides: tuple[int, int],
        padding: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options: dict[str, Any] = {
            "pool_size": pool_size,
            "strides": strides,
            "padding": padding,
        }

    def call(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return ops.max_pool_with_argmax(inputs, **self.options)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}


class TwinUnpool(tf_keras.layers.Layer):
    """`MaxUnpooling2D` of `[pooled, argmax]` or `[pooled, argmax, the map that was pooled]`.

    A flat list: tf_keras's `clone_model` loses arguments that come one by one.
    """

    def __init__(self, output_size: tuple[int, int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = output_size

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        pooled, argmax, *before = inputs
        if before:
            size = tf.shape(before[0])
            height, width = before[0].shape[1:3]
            height = size[1] if height is None else height
            width = size[2] if width is None else width
        else:
            assert self.output_size is not None  # `build` has set it
            height, width = self.output_size
        return ops.max_unpool(pooled, argmax, (height, width))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size}


class TwinOfOwn(tf_keras.layers.Layer):
    """A layer of ours that has no weights, by its own arithmetic.

    Args:
        kind: name of a class in `_OWN`.
        options: the arguments of its constructor.

    Call arguments:
        inputs: its input, or a flat list of them.
    """

    def __init__(self, kind: str, options: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.options = kind, options

    def call(self, inputs: tf.Tensor | list[tf.Tensor]) -> tf.Tensor:
        layer = _OWN[self.kind](**self.options)
        return layer.call(*inputs) if isinstance(inputs, (list, tuple)) else layer.call(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "options": dict(self.options)}


class FrozenStatistics(tf_keras.layers.BatchNormalization):
    """Batch normalization by its moving statistics in training too; scale and offset are trained.

    An exported file has the moving statistics in its filters. Training for it must use them too,
    and not those of each small batch.
    """

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        return super().call(inputs, training=False, mask=mask)


_CONV = ("kernel_size", "strides", "padding", "dilation_rate", "use_bias", "activation")
_POOL = ("pool_size", "strides", "padding")
# Keras 3 layer -> its twin and the arguments they share.
_TWINS: dict[type, tuple[type, tuple[str, ...]]] = {
    keras.layers.Conv2D: (tf_keras.layers.Conv2D, ("filters", "groups", *_CONV)),
    keras.layers.DepthwiseConv2D: (
        tf_keras.layers.DepthwiseConv2D,
        ("depth_multiplier", *_CONV),
    ),
    keras.layers.Conv2DTranspose: (
        tf_keras.layers.Conv2DTranspose,
        ("filters", "output_padding", *_CONV),
    ),
    keras.layers.BatchNormalization: (
        tf_keras.layers.BatchNormalization,
        ("axis", "momentum", "epsilon", "center", "scale"),
    ),
    keras.layers.ReLU: (tf_keras.layers.ReLU, ("max_value", "negative_slope", "threshold")),
    keras.layers.PReLU: (tf_keras.layers.PReLU, ("shared_axes",)),
    keras.layers.Activation: (tf_keras.layers.Activation, ("activation",)),
    keras.layers.Add: (tf_keras.layers.Add, ()),
    keras.layers.Average: (tf_keras.layers.Average, ()),
    keras.layers.Multiply: (tf_keras.layers.Multiply, ()),
    keras.layers.Concatenate: (tf_keras.layers.Concatenate, ("axis",)),
    keras.layers.Rescaling: (tf_keras.layers.Rescaling, ("scale", "offset")),
    keras.layers.ZeroPadding2D: (tf_keras.layers.ZeroPadding2D, ("padding",)),
    keras.layers.Cropping2D: (tf_keras.layers.Cropping2D, ("cropping",)),
    keras.layers.UpSampling2D: (tf_keras.layers.UpSampling2D, ("size", "interpolation")),
    keras.layers.Resizing: (tf_keras.layers.Resizing, ("height", "width", "interpolation")),
    keras.layers.MaxPooling2D: (tf_keras.layers.MaxPooling2D, _POOL),
    keras.layers.AveragePooling2D: (tf_keras.layers.AveragePooling2D, _POOL),
    keras.layers.GlobalAveragePooling2D: (
        tf_keras.layers.GlobalAveragePooling2D,
        ("keepdims",),
    ),
    keras.layers.Dropout: (tf_keras.layers.Dropout, ("rate",)),
    keras.layers.SpatialDropout2D: (tf_keras.layers.SpatialDropout2D, ("rate",)),
    MaxPoolingWithArgmax2D: (TwinPool, _POOL),
    MaxUnpooling2D: (TwinUnpool, ("output_size",)),
}
# Layers of ours without weights, and the arguments of their constructors.
_OWN_OPTIONS: dict[type[keras.Layer], tuple[str, ...]] = {
    LocalResponseNormalization: ("size", "alpha", "beta"),
    AdaptiveAveragePooling2D: ("bins",),
    BilinearResizing2D: (),
    ChannelPadding: ("channels",),
    CropOrPad2D: (),
    EvenPadding2D: (),
}
_OWN = {cls.__name__: cls for cls in _OWN_OPTIONS}
# Classes that tf_keras must be given to copy a twin.
CUSTOM: dict[str, type] = {
    cls.__name__: cls for cls in (TwinPool, TwinUnpool, TwinOfOwn, FrozenStatistics)
}


def build(model: keras.Model, *, frozen_statistics: bool = False) -> tf_keras.Model:
    """The twin of `model`: same graph, same names, same weights, same outputs in float32.

    Args:
        model: as `graph.walk` takes it.
        frozen_statistics: whether batch normalizations keep their statistics in training.

    Raises:
        UserError: a layer has no twin.
    """
    made: dict[int, tf_keras.layers.Layer] = {}

    def layer_of(operation: keras.Layer) -> tf_keras.layers.Layer:
        if id(operation) not in made:  # a layer may be called twice
            made[id(operation)] = _twin_layer(operation, frozen_statistics)
        return made[id(operation)]

    def one(operation: keras.Layer, *inputs: Any, **_: Any) -> Any:
        return layer_of(operation)(inputs[0] if len(inputs) == 1 else list(inputs))

    def unpool(operation: MaxUnpooling2D, pooled: Any, argmax: Any, output_size: Any = None) -> Any:
        if hasattr(output_size, "shape"):
            return layer_of(operation)([pooled, argmax, output_size])
        layer_of(operation).output_size = operation.target_size(output_size)
        return layer_of(operation)([pooled, argmax])

    handlers = {
        type(operation): unpool if isinstance(operation, MaxUnpooling2D) else one
        for operation in _operations(model)
    }
    image = tf_keras.Input(model.input_shape[1:], name=graph.INPUT)
    twin = tf_keras.Model(image, graph.walk(model, image, handlers, lambda name, value: value))
    set_weights(twin, model)
    return twin


def _operations(model: keras.Model) -> Iterator[keras.Layer]:
    """All layers of a model that compute something; UserError for one without a twin."""
    functional = getattr(model, "_functional", None) or model
    for operation in getattr(functional, "operations", ()):
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        elif not isinstance(operation, keras.layers.InputLayer):
            if type(operation) not in _TWINS and type(operation) not in _OWN_OPTIONS:
                raise UserError(
                    "`model` must have layers that tensorflow-model-optimization can be shown in "
                    f"tf_keras. Received: {type(operation).__name__} at {operation.name}. "
                    "Export it without compression (--qat, --prune, --cluster)."
                )
            yield operation


def _twin_layer(operation: keras.Layer, frozen_statistics: bool) -> tf_keras.layers.Layer:
    config = operation.get_config()
    if type(operation) in _OWN_OPTIONS:
        options = {name: config[name] for name in _OWN_OPTIONS[type(operation)]}
        return TwinOfOwn(type(operation).__name__, options, name=operation.name)
    cls, names = _TWINS[type(operation)]
    if frozen_statistics and cls is tf_keras.layers.BatchNormalization:
        cls = FrozenStatistics
    return cls(name=operation.name, **{name: config[name] for name in names if name in config})


def set_weights(twin: tf_keras.Model, model: keras.Model) -> None:
    """Copies the weights of `model` into its twin."""
    layers = {layer.name: layer for layer in twin.layers}
    for operation in _operations(model):
        layers[operation.name].set_weights(operation.get_weights())


def get_weights(twin: tf_keras.Model, model: keras.Model) -> keras.Model:
    """A copy of `model` with the weights of its twin; `model` stays as it is."""
    layers = {layer.name: layer for layer in twin.layers}
    copy = keras.models.clone_model(model)
    for operation in _operations(copy):
        operation.set_weights(layers[operation.name].get_weights())
    return copy
