"""What each Keras layer becomes in TFLite ops: the handlers of `graph.walk` for a conversion.

Most layers need no handler: called as they are, they become one builtin op. A class for each way to
unpool has the handlers of the others.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import (
    averages,
    concatenations,
    delegate_ops,
    graph,
    lowering,
    merging,
    outputs,
    resizing,
)
from segnet_tf.export.conversion.calibration import IMAGE_RANGE, Ranges
from segnet_tf.export.conversion.graph import Value, quantized
from segnet_tf.export.conversion.outputs import Distributed
from segnet_tf.export.conversion.sampling import Distribution, FixedDropout
from segnet_tf.export.conversion.transposed import TransposedConvolution
from segnet_tf.layers import (
    ChannelPadding,
    EvenPadding2D,
    LocalResponseNormalization,
    MaxPoolingWithArgmax2D,
    MaxUnpooling2D,
)


class LayerLowering(abc.ABC):
    """The layers that both ways to unpool have in common.

    Args:
        ranges: of every tensor, for int8; `None` for float.
    """

    argmax_class: ClassVar[type[lowering.Argmax | delegate_ops.Argmax]]

    def __init__(self, ranges: Ranges | None = None) -> None:
        self.ranges = ranges
        self.followers: dict[str, str] = {}

    def lower(self, model: keras.Model, image: tf.Tensor) -> tf.Tensor | Distributed:
        """What `model` gives for `image`, computed by ops that TFLite has."""
        handlers: dict[type, graph.Handler] = {
            MaxPoolingWithArgmax2D: self.pool,
            MaxUnpooling2D: self.unpool,
            # These move values and make none: a range of their own would cost an op that rescales.
            keras.layers.MaxPooling2D: self.keep_range,
            ChannelPadding: self.keep_range,
            EvenPadding2D: self.keep_range,
            keras.layers.Rescaling: self.rescale,
            LocalResponseNormalization: self.float_only,
            keras.layers.Dropout: self.nothing,
            keras.layers.SpatialDropout2D: self.nothing,
            graph.LeftOut: self.nothing,
            FixedDropout: outputs.drop,
            Distribution: outputs.distribution,
            **resizing.HANDLERS,
            **averages.HANDLERS,
            **concatenations.HANDLERS,
            **merging.handlers(self.range_of),
        }
        self.followers = concatenations.followers(model)
        start = quantized(image, None if self.ranges is None else IMAGE_RANGE)
        return graph.bare(graph.walk(model, start, handlers, self.observe))

    def observe(
        self, name: str, value: Value | Distributed | TransposedConvolution | tf.Tensor
    ) -> Value | Distributed:
        """Gives a layer's output its range, unless its handler has done so."""
        if isinstance(value, (Value, Distributed)):
            return value
        found = self.range_of(name)
        tensor = value.write(found) if isinstance(value, TransposedConvolution) else value
        return quantized(tensor, found)

    def range_of(self, name: str) -> graph.Range | None:
        """The range of a layer's output, `None` in float."""
        if self.ranges is None:
            return None
        owner = self.followers.get(name, name)
        if owner not in self.ranges:
            raise UserError(
                "`ranges` must have every tensor of the model. "
                f"Received: none for {owner}. Calibrate again with this model."
            )
        return self.ranges[owner]

    @abc.abstractmethod
    def max_pool(self, layer: MaxPoolingWithArgmax2D, x: Value) -> tuple[Value, Any]:
        """2x2 max-pooling; the second is of `argmax_class`."""

    @abc.abstractmethod
    def max_unpool(self, pooled: Value, argmax: Any) -> Value:
        """Puts `pooled` back where `argmax`, an instance of `argmax_class`, says."""

    def pool(self, layer: MaxPoolingWithArgmax2D, x: Value) -> tuple[Value, Any]:
        """Argmax pooling of the one window that masks can be made for."""
        if layer.pool_size != (2, 2) or layer.strides != (2, 2):
            raise UserError(
                "`pool_size` and `strides` must both be 2 in a model that is exported: the masks "
                f"are made for 2x2 windows. Received: pool_size={layer.pool_size}, "
                f"strides={layer.strides} at {layer.name}."
            )
        return self.max_pool(layer, x)

    def unpool(
        self, layer: MaxUnpooling2D, pooled: Value, argmax: Any, output_size: Any = None
    ) -> Value:
        """Unpooling by an argmax that nothing has worked on, to the size that was pooled."""
        if not isinstance(argmax, self.argmax_class):
            raise UserError(
                "`argmax` of MaxUnpooling2D must come straight from MaxPoolingWithArgmax2D. "
                f"Received: something else at {layer.name}."
            )
        size = tuple(layer.target_size(graph.bare(output_size)))
        if size != argmax.size:
            raise UserError(
                "`output_size` of MaxUnpooling2D must be the size of the pooled map. "
                f"Received: {size} for {argmax.size} at {layer.name}."
            )
        return self.max_unpool(pooled, argmax)

    def keep_range(self, layer: keras.Layer, x: Value) -> Value:
        """The layer itself; its output has its input's range."""
        return quantized(layer(x.tensor), x.range)

    def rescale(self, layer: keras.layers.Rescaling, x: Value) -> Value | None:
        """`scale * x + offset`, in int8 as one op: nothing is rounded between `*` and `+`.

        With a scale of 1, which `input_scale` leaves, that is a subtraction, or nothing.

        The output's range is computed from the input's, and not what calibration has measured.
        Then input and output have the same 256 steps where all channels have one scale, and no
        pixel is rounded. With another range each kernel rounds in its own way, and the first
        convolution passes the difference on.
        """
        if x.range is None:
            return None
        if np.ndim(layer.offset) == 0 and layer.scale == 1:
            if layer.offset == 0:
                return x
            y = tf.subtract(x.tensor, -layer.offset, name=layer.name)
            low, high = x.range
            return quantized(y, (min(low + layer.offset, 0.0), max(high + layer.offset, 0.0)))
        channels = x.tensor.shape[-1]
        scale = np.broadcast_to(np.asarray(layer.scale, np.float32), channels)
        offset = np.broadcast_to(np.asarray(layer.offset, np.float32), channels)
        kernel = np.ascontiguousarray(scale.reshape(1, 1, -1, 1))
        y = tf.nn.depthwise_conv2d(x.tensor, kernel, (1, 1, 1, 1), "SAME")
        y = tf.nn.bias_add(y, offset, name=layer.name)
        ends = np.stack([scale * end + offset for end in x.range])
        return quantized(y, (min(float(ends.min()), 0.0), max(float(ends.max()), 0.0)))

    def float_only(self, layer: keras.Layer, x: Value) -> None:
        """The layer itself, which has no int8 kernel."""
        if x.range is not None:
            raise UserError(
                "`model` must have layers that TFLite can compute in int8. "
                f"Received: {type(layer).__name__} at {layer.name}. "
                "Train segnet_basic with normalization='signed', or "
                'export this one with format="float32" (--float32).'
            )

    def nothing(self, layer: keras.Layer, x: Value, **_: Any) -> Value:
        """Dropout, and layers left out: nothing is to be computed."""
        return x


class BuiltinLowering(LayerLowering):
    """Pools and unpools in builtin ops, see `lowering`.

    Args:
        ranges: of every tensor, for int8; `None` for float.
        largest_kernel: see `lowering.Argmax`.
    """

    argmax_class = lowering.Argmax

    def __init__(self, ranges: Ranges | None, largest_kernel: int | None) -> None:
        super().__init__(ranges)
        self.largest_kernel = largest_kernel

    def max_pool(self, layer: MaxPoolingWithArgmax2D, x: Value) -> tuple[Value, lowering.Argmax]:
        pooled, argmax = lowering.max_pool(
            x.tensor, layer.padding, x.range, layer.name, self.largest_kernel
        )
        return Value(pooled, x.range), argmax

    def max_unpool(self, pooled: Value, argmax: lowering.Argmax) -> Value:
        return quantized(lowering.max_unpool(pooled.tensor, argmax, pooled.range), pooled.range)


class CustomLowering(LayerLowering):
    """Pools and unpools by the two custom ops of `delegate_ops`, in float."""

    argmax_class = delegate_ops.Argmax

    def max_pool(
        self, layer: MaxPoolingWithArgmax2D, x: Value
    ) -> tuple[Value, delegate_ops.Argmax]:
        pooled, argmax = delegate_ops.max_pool(x.tensor, layer.padding, layer.name)
        return Value(pooled), argmax

    def max_unpool(self, pooled: Value, argmax: delegate_ops.Argmax) -> Value:
        return Value(delegate_ops.max_unpool(pooled.tensor, argmax))
