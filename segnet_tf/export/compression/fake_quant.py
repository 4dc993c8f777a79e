"""How tensorflow-model-optimization imitates our int8 files while it trains.

Its defaults do not fit them: one scale for a whole depthwise filter, and activations that start
with the range -6 to 6 and follow the extremes of each batch. Our files have one scale for each
channel, and ranges that clip outliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras

from segnet_tf.export.conversion.calibration import IMAGE_RANGE, Ranges

_quantization: Any = tfmot.quantization.keras
# Adam changes a number by about the learning rate in each step. The logarithm of a range changes
# RANGE_RATE times as much, or a few hundred steps of 1e-4 would hardly change it.
RANGE_RATE = 10.0


class LearnedRange(_quantization.quantizers.Quantizer):
    """8 bits between two ends that are trained, `low <= 0 <= high`.

    Args:
        low, high: where they begin. Each keeps its sign; an end at 0 stays there.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def build(
        self, tensor_shape: tf.TensorShape, name: str, layer: tf_keras.layers.Layer
    ) -> dict[str, tf.Variable]:
        return {
            end: layer.add_weight(f"{name}_{end}", shape=(), initializer="zeros", trainable=True)
            for end in ("low", "high")
        }

    def __call__(
        self, inputs: tf.Tensor, training: bool, weights: dict[str, tf.Variable], **kwargs: Any
    ) -> tf.Tensor:
        low, high = self.ends(weights)
        return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high, num_bits=8)

    def ends(self, weights: dict[str, tf.Variable]) -> tuple[tf.Tensor, tf.Tensor]:
        """The range now."""
        return (
            self.low * tf.exp(RANGE_RATE * weights["low"]),
            self.high * tf.exp(RANGE_RATE * weights["high"]),
        )

    def get_config(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


class PerChannel(_quantization.quantizers.Quantizer):
    """A filter in 8 bits, symmetric, one scale for each output channel, as files store it.

    Args:
        depthwise: the filter is `(height, width, channels, multiplier)` and each of the last two
            is an output, not only the last.
    """

    def __init__(self, depthwise: bool) -> None:
        self.depthwise = depthwise

    def build(
        self, tensor_shape: tf.TensorShape, name: str, layer: tf_keras.layers.Layer
    ) -> dict[str, tf.Variable]:
        return {}

    def __call__(
        self, inputs: tf.Tensor, training: bool, weights: dict[str, tf.Variable], **kwargs: Any
    ) -> tf.Tensor:
        shape = inputs.shape
        flat = tf.reshape(inputs, (-1, shape[2] * shape[3] if self.depthwise else shape[3]))
        return tf.reshape(_rounded(flat, tf.reduce_max(tf.abs(flat), axis=0)), shape)

    def get_config(self) -> dict[str, Any]:
        return {"depthwise": self.depthwise}


class PerOffset(_quantization.quantizers.Quantizer):
    """The filter of a transposed convolution, `(height, width, filters, channels)`, in 8 bits.

    A file has an ordinary convolution in its place, see `conversion.transposed`, with an output
    channel for each filter and each offset of a pixel in the stride. Each has a scale of its own,
    and the taps whose places differ by a multiple of the stride.

    Args:
        strides: of the layer.
    """

    def __init__(self, strides: tuple[int, int]) -> None:
        self.strides = tuple(strides)

    def build(
        self, tensor_shape: tf.TensorShape, name: str, layer: tf_keras.layers.Layer
    ) -> dict[str, tf.Variable]:
        return {}

    def __call__(
        self, inputs: tf.Tensor, training: bool, weights: dict[str, tf.Variable], **kwargs: Any
    ) -> tf.Tensor:
        height, width, filters, channels = inputs.shape
        down, across = self.strides
        rows, columns = -(-height // down), -(-width // across)
        largest = tf.pad(
            tf.reduce_max(tf.abs(inputs), axis=3),
            ((0, rows * down - height), (0, columns * across - width), (0, 0)),
        )
        largest = tf.reshape(largest, (rows, down, columns, across, filters))
        largest = tf.reduce_max(largest, axis=(0, 2))
        largest = tf.tile(largest, (rows, columns, 1))[:height, :width]
        flat = tf.reshape(tf.transpose(inputs, (3, 0, 1, 2)), (channels, -1))
        flat = _rounded(flat, tf.reshape(largest, [-1]))
        return tf.transpose(tf.reshape(flat, (channels, height, width, filters)), (1, 2, 3, 0))

    def get_config(self) -> dict[str, Any]:
        return {"strides": self.strides}


def _rounded(flat: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    """`(any, channels)` in 8 bits, of the largest size `(channels,)` each."""
    # A channel of zeros needs a range too.
    largest = tf.stop_gradient(tf.where(largest > 0, largest, 1.0))
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        flat, -largest, largest, num_bits=8, narrow_range=True
    )


class LayerConfig(_quantization.QuantizeConfig):
    """The parts of one layer that become int8: its filter, if it has one, and maybe its output.

    Args:
        output: `(low, high)` that the output's range begins with; `None` leaves the output alone,
            because the next layer fuses with this one or its range follows from its input's.
    """

    def __init__(self, output: tuple[float, float] | None = None) -> None:
        self.output = None if output is None else tuple(output)

    def get_weights_and_quantizers(
        self, layer: tf_keras.layers.Layer
    ) -> list[tuple[tf.Variable, PerChannel | PerOffset]]:
        name = _filter_name(layer)
        if name is None:
            return []
        if isinstance(layer, tf_keras.layers.Conv2DTranspose):  # a Conv2D for tf_keras
            return [(layer.kernel, PerOffset(layer.strides))]
        return [(getattr(layer, name), PerChannel(name == "depthwise_kernel"))]

    def set_quantize_weights(
        self, layer: tf_keras.layers.Layer, quantize_weights: Sequence[tf.Tensor]
    ) -> None:
        name = _filter_name(layer)
        if name is not None:
            setattr(layer, name, quantize_weights[0])

    def get_activations_and_quantizers(self, layer: tf_keras.layers.Layer) -> list[Any]:
        return []

    def set_quantize_activations(
        self, layer: tf_keras.layers.Layer, quantize_activations: Sequence[tf.Tensor]
    ) -> None:
        pass

    def get_output_quantizers(self, layer: tf_keras.layers.Layer) -> list[LearnedRange]:
        return [] if self.output is None else [LearnedRange(*self.output)]

    def get_config(self) -> dict[str, Any]:
        return {"output": self.output}


def _filter_name(layer: tf_keras.layers.Layer) -> str | None:
    if isinstance(layer, tf_keras.layers.DepthwiseConv2D):  # a Conv2D for tf_keras
        return "depthwise_kernel"
    return "kernel" if isinstance(layer, tf_keras.layers.Conv2D) else None


def quantized(
    twin: tf_keras.Model, ranges: Ranges, bare: tuple[type, ...], custom: dict[str, type]
) -> tf_keras.Model:
    """`twin` with fake quantization where the exported file quantizes.

    Args:
        twin: the model.
        ranges: of each output to quantize, by layer.
        bare: layers that are not touched.
        custom: name -> class of the layers in `twin` that are not tf_keras's own.
    """

    def annotate(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        if isinstance(layer, (*bare, tf_keras.layers.InputLayer)):
            return layer
        return _quantization.quantize_annotate_layer(layer, LayerConfig(ranges.get(layer.name)))

    known = {cls.__name__: cls for cls in (LayerConfig, LearnedRange, PerChannel, PerOffset)}
    with _quantization.quantize_scope(known | custom):
        annotated = tf_keras.models.clone_model(twin, clone_function=annotate)
        network = _quantization.quantize_apply(annotated)
    # tfmot quantizes the image too, to the extremes of the images so far: it gets our range.
    for layer in network.layers:
        if hasattr(layer, "quantizer_vars"):
            layer.quantizer_vars["min_var"].assign(IMAGE_RANGE[0])
            layer.quantizer_vars["max_var"].assign(IMAGE_RANGE[1])
    return network


def learned(network: tf_keras.Model) -> tuple[dict[str, list[np.ndarray]], Ranges]:
    """The weights and ranges of a `quantized` network after its training.

    Returns:
        Layer -> its weights, not quantized, in the order of `layer.get_weights()` of the twin;
        and layer -> range of its output.
    """
    weights, ranges = {}, {}
    for wrapper in network.layers:
        if not isinstance(wrapper, _quantization.QuantizeWrapperV2):
            continue
        layer = wrapper.layer
        # The layer now holds the quantized filter, and the wrapper the filter as it was trained.
        found = [filter_.numpy() for filter_, _, _ in wrapper._weight_vars]
        weights[layer.name] = found + [
            variable.numpy()
            for variable in layer.weights
            if all(variable is not filter_ for filter_, _, _ in wrapper._weight_vars)
        ]
        for quantizer in wrapper._output_quantizers:
            ends = quantizer.ends(wrapper._output_quantizer_vars)
            ranges[layer.name] = (float(ends[0]), float(ends[1]))
    return weights, ranges
