"""Keras model in, .tflite bytes out. Says nothing of files, checks or reports."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import delegate_ops, graph, lowering, order
from segnet_tf.export.conversion.calibration import IMAGE_RANGE, Ranges
from segnet_tf.export.tflite_file import formats
from segnet_tf.export.tflite_file.formats import Format, IoType, OutputKind, Unpool
from segnet_tf.layers import LocalResponseNormalization, MaxPoolingWithArgmax2D, MaxUnpooling2D

# From this many elements on the converter's dynamic range quantization rounds a constant to int8.
DYNAMIC_RANGE_ELEMENTS = 1024


def convert(
    model: keras.Model,
    input_size: tuple[int, int],
    format: Format = "float32",
    *,
    ranges: Ranges | None = None,
    io: IoType = "float32",
    output_kind: OutputKind = "logits",
    batch: int = 1,
    unpool: Unpool = "builtin",
) -> bytes:
    """Writes `model` in TFLite ops, all builtin unless asked otherwise.

    Args:
        model: from RGB 0..255 to logits, as `graph.walk` takes it.
        input_size: `(height, width)` in pixels.
        format: how the file stores and computes, one of `formats.FORMATS`.
        ranges: of every tensor, from `calibration.measure_ranges`, for int8; `None` for others.
        io: dtype of the file's input and output, `"float32"`, or in int8 `"uint8"` or `"int8"`. A
            label map is int32 always.
        output_kind: `"logits"`, `"probabilities"` (softmax or sigmoid) or `"labels"` (class ids).
        batch: images at a time.
        unpool: `"builtin"`, or in float32 and float16 `"custom"`: the delegates' own pair of
            `delegate_ops`.

    Returns:
        The .tflite file's content: input `(batch, height, width, 3)`, output
        `(batch, height, width, classes)`, or `(batch, height, width)` for labels.

    Raises:
        UserError: the options do not go together, or the model cannot be written so.
    """
    formats.check(format, io, output_kind, batch, unpool)
    if (format == "int8") != (ranges is not None):
        raise UserError(
            "`ranges` must be given for int8, and for no other format. "
            f"Received: {'none' if ranges is None else 'ranges'} for {format}. "
            "Measure them with calibration.measure_ranges, or leave them out."
        )
    model = graph.as_float32(model)
    largest_kernel = DYNAMIC_RANGE_ELEMENTS - 1 if format == "dynamic" else None

    def forward(image):
        return {output_kind: _forward(model, image, ranges, output_kind, largest_kernel, unpool)}

    signature = tf.TensorSpec((batch, *input_size, 3), tf.float32, name=graph.INPUT)
    # AutoGraph would turn a UserError into a page of its own.
    function = tf.function(forward, input_signature=[signature], autograph=False)
    # The converter freezes only variables that a tf.Module owns; the others it leaves unset.
    owner = tf.Module()
    owner.owned = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], owner
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if format == "int8":
        # The ranges are in the graph, so no representative data set is asked for.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        io_type = tf.as_dtype(io)
        converter.inference_input_type = io_type
        converter.inference_output_type = tf.float32 if output_kind == "labels" else io_type
    elif format != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if format == "float16":
            converter.target_spec.supported_types = [tf.float16]
    if unpool == "custom":
        converter.allow_custom_ops = True
        return delegate_ops.named(converter.convert())
    return order.masks_first(converter.convert())


def _forward(
    model: keras.Model,
    image: Any,
    ranges: Ranges | None,
    output_kind: str,
    largest_kernel: int | None,
    form: str,
) -> Any:
    """The lowered graph. `known` maps a tensor to its range, by identity."""
    known: dict[int, tuple[float, float]] = {}

    def quantize(value, span):
        if ranges is None:
            return value
        value = lowering.fake_quantize(value, span)
        known[id(value)] = span
        keep.append(value)  # an id is only good while its tensor lives
        return value

    keep: list[Any] = []

    def observe(name, value):
        if ranges is None or id(value) in known:
            return value
        if name not in ranges:
            raise UserError(
                "`ranges` must have every tensor of the model. "
                f"Received: none for {name}. Calibrate again with this model."
            )
        return quantize(value, ranges[name])

    def pool(layer, x):
        _check_window(layer)
        if form == "custom":
            return delegate_ops.max_pool(x, layer.padding, layer.name)
        span = known.get(id(x))
        pooled, argmax = lowering.max_pool(x, layer.padding, span, layer.name, largest_kernel)
        if span is not None:
            known[id(pooled)] = span
            keep.append(pooled)
        return pooled, argmax

    def unpool(layer, pooled, argmax, output_size=None):
        if not isinstance(argmax, (lowering.Argmax, delegate_ops.Argmax)):
            raise UserError(
                "`argmax` of MaxUnpooling2D must come straight from MaxPoolingWithArgmax2D. "
                f"Received: something else at {layer.name}."
            )
        if tuple(layer.target_size(output_size)) != argmax.size:
            raise UserError(
                "`output_size` of MaxUnpooling2D must be the size of the pooled map. "
                f"Received: {layer.target_size(output_size)} for {argmax.size} at {layer.name}."
            )
        if isinstance(argmax, delegate_ops.Argmax):
            return delegate_ops.max_unpool(pooled, argmax)
        span = known.get(id(pooled))
        x = lowering.max_unpool(pooled, argmax, span)
        return quantize(x, span) if span is not None else x

    def keep_range(layer, x):
        span = known.get(id(x))
        return None if span is None else quantize(layer(x), span)

    def upsample(layer, x):
        if layer.interpolation != "nearest":
            return keep_range(layer, x)
        # Keras repeats at rank 5; this is one op, RESIZE_NEAREST_NEIGHBOR.
        size = [side * factor for side, factor in zip(x.shape[1:3], layer.size, strict=True)]
        span = known.get(id(x))
        x = tf.image.resize(x, size, "nearest")
        return x if span is None else quantize(x, span)

    def rescale(layer, x):
        if ranges is None:
            return None
        # One op with a bias of 32 bits: no step between product and sum to round at.
        scale = np.broadcast_to(np.asarray(layer.scale, np.float32), x.shape[-1])
        offset = np.broadcast_to(np.asarray(layer.offset, np.float32), x.shape[-1])
        kernel = np.ascontiguousarray(scale.reshape(1, 1, -1, 1))
        y = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME")
        y = tf.nn.bias_add(y, offset, name=layer.name)
        span = known.get(id(x))
        if span is None:
            return y
        # What it can be, not what was seen: with one scale for all channels a code stays a code.
        # Each kernel rounds another scale in its own way, and the first layer hands that on.
        ends = np.stack([scale * end + offset for end in span])
        return quantize(y, (min(float(ends.min()), 0.0), max(float(ends.max()), 0.0)))

    def float_only(layer, x):
        if ranges is None:
            return None
        raise UserError(
            "`model` must have layers that TFLite can compute in int8. "
            f"Received: {type(layer).__name__} at {layer.name}. "
            "Train segnet_basic with normalization='signed', or export this one with --float32."
        )

    def nothing(layer, x, **_):
        return x  # the identity at inference

    handlers: dict[type, graph.Handler] = {
        MaxPoolingWithArgmax2D: pool,
        MaxUnpooling2D: unpool,
        # They move values and make none: another range would cost an op that rescales.
        keras.layers.MaxPooling2D: keep_range,
        keras.layers.UpSampling2D: upsample,
        keras.layers.Rescaling: rescale,
        LocalResponseNormalization: float_only,
        keras.layers.Dropout: nothing,
        keras.layers.SpatialDropout2D: nothing,
    }
    logits = graph.walk(model, quantize(image, IMAGE_RANGE), handlers, observe)
    return _finish(logits, output_kind)


def _finish(logits: Any, output_kind: str) -> Any:
    binary = logits.shape[-1] == 1
    if output_kind == "labels":
        if binary:
            return tf.cast(logits[..., 0] > 0, tf.int32)
        return tf.argmax(logits, axis=-1, output_type=tf.int32)
    if output_kind == "probabilities":
        return tf.sigmoid(logits) if binary else tf.nn.softmax(logits)
    return logits


def _check_window(layer: MaxPoolingWithArgmax2D) -> None:
    if layer.pool_size != (2, 2) or layer.strides != (2, 2):
        raise UserError(
            "`pool_size` and `strides` must both be 2 in a model that is exported: the masks are "
            f"made for 2x2 windows. Received: pool_size={layer.pool_size}, "
            f"strides={layer.strides} at {layer.name}."
        )
