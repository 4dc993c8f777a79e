"""What a file gives for a pixel, out of what its network gives, and how unsure it is.

The uncertainty is the entropy `-sum(p * ln(p))`: LOG, MUL and a 1x1 CONV_2D that sums over the
channels. In float XNNPACK takes all of it. In int8 it leaves out SOFTMAX and LOG, for which LiteRT
has kernels of its own that look up a table; they stand behind the network, which stays whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from segnet_tf.export.conversion import lowering
from segnet_tf.export.conversion.graph import Value
from segnet_tf.export.conversion.sampling import (
    Distribution,
    FixedDropout,
    gives_probabilities,
    largest_entropy,
)
from segnet_tf.export.tflite_file.formats import OutputKind
from segnet_tf.models.output_kind import Output

# Probabilities below it count as it in a logarithm: the least normal number of float16. The
# entropy of 11 classes changes by less than 0.001 nats.
LEAST_PROBABILITY = 2.0**-14
# int8 probabilities are multiples of 1/256; LiteRT's int8 LOG gives the end of its range for 0.
LEAST_LOGARITHM = -math.log(256)


@dataclass(frozen=True)
class Distributed:
    """Of each pixel, float.

    Attributes:
        probabilities: `(batch, height, width, channels)`.
        entropy: `(batch, height, width, 1)`, nats.
    """

    probabilities: tf.Tensor
    entropy: tf.Tensor


def finish(values: tf.Tensor, output: Output, output_kind: OutputKind) -> tf.Tensor:
    """What the file gives for a pixel, out of what the network gives."""
    is_probability = gives_probabilities(output)
    if is_probability and (output.scale, output.offset) != (1, 0):
        values = (values - output.offset) / output.scale
    if output_kind == "labels":
        if values.shape[-1] == 1:
            return tf.cast(values[..., 0] > (0.5 if is_probability else 0), tf.int32)
        return tf.argmax(values, axis=-1, output_type=tf.int32)
    if output_kind == "probabilities" and not is_probability:
        return tf.sigmoid(values) if output.activation == "sigmoid" else tf.nn.softmax(values)
    return values


def distribution(layer: Distribution, values: list[Value]) -> Distributed:
    """The mean of the samples and its entropy; the handler of `sampling.Distribution`."""

    def ranged(x: tf.Tensor, low: float, high: float) -> tf.Tensor:
        return x if values[0].range is None else lowering.fake_quantize(x, (low, high))

    mean, *others = (finish(v.tensor, layer.output_meaning, "probabilities") for v in values)
    # One after the other: a sample's maps are not needed any more once it is added.
    for count, sample in enumerate(others, start=2):
        mean = ranged(mean + sample, 0.0, float(count))
    # Not a softmax itself: of that and LOG the converter makes LOG_SOFTMAX, which the GPU delegate
    # refuses. The range of one pass is the softmax's own, and costs no op.
    mean = ranged(mean / len(values), 0.0, 1.0) if others else ranged(mean, 0.0, 255 / 256)
    classes = mean
    if mean.shape[-1] == 1:
        kernel = np.array([-1, 1], np.float32).reshape(1, 1, 1, 2)
        both = tf.nn.bias_add(tf.nn.conv2d(mean, kernel, 1, "VALID"), np.array([1, 0], np.float32))
        classes = ranged(both, 0.0, 1.0)
    # In int8 the kernel itself knows what to do with 0, and XNNPACK has no int8 MAXIMUM.
    safe = tf.maximum(classes, LEAST_PROBABILITY) if values[0].range is None else classes
    terms = ranged(classes * ranged(tf.math.log(safe), LEAST_LOGARITHM, 0.0), -1 / math.e, 0.0)
    minus_one = -np.ones((1, 1, classes.shape[-1], 1), np.float32)
    entropy = tf.nn.conv2d(terms, minus_one, 1, "VALID")
    return Distributed(mean, ranged(entropy, 0.0, largest_entropy(classes.shape[-1])))


def drop(layer: FixedDropout, x: Value) -> Value:
    """Dropout by a constant mask; the handler of `sampling.FixedDropout`.

    In int8 a kept value keeps its code, and the scale is what is divided by `1 - rate`.
    """
    shape = tuple(x.tensor.shape)
    found = None
    if x.range is not None:
        found = (x.range[0] / (1 - layer.rate), x.range[1] / (1 - layer.rate))
    viewed = tf.reshape(x.tensor, (shape[0], *layer.view))
    kept = tf.multiply(viewed, layer.tile, name=layer.name)
    if found is not None:
        kept = lowering.fake_quantize(kept, found)
    return Value(tf.reshape(kept, shape), found)
