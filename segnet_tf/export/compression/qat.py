"""Quantization-aware training: filters and ranges are trained with int8 rounding in the graph."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf
import tf_keras

from segnet_tf.export.compression import fake_quant, finetune, twin
from segnet_tf.export.conversion import concatenations
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

# The learning rate, as a fraction of the one that the model was trained with. It is small because
# the weights are good already.
RATE = 0.02
# In an exported file the range of their output follows from that of their input, see
# `conversion.layer_lowering`.
_RANGE_OF_INPUT = (
    keras.layers.Rescaling,
    MaxPoolingWithArgmax2D,
    MaxUnpooling2D,
    *concatenations.RANGE_KEEPING,
)


def train(
    model: keras.Model,
    ranges: Ranges,
    how: finetune.Recipe,
    *,
    epochs: int,
    checkpoint: Path | None = None,
    keep_zeros: bool = False,
) -> tuple[keras.Model, Ranges]:
    """Fine-tunes a model with the int8 arithmetic of its file in the graph.

    Args:
        model: as `twin.build` takes it.
        ranges: of its tensors, from `calibration.measure_ranges`; training begins with them.
        how: data and loss.
        epochs: passes over the training images.
        checkpoint: see `finetune.fit`.
        keep_zeros: whether filter values that are 0 stay 0, as after pruning.

    Returns:
        A model with the new weights, and the ranges that were learned with them, all that
        `convert.convert` needs.
    """
    network = build(model, ranges)
    finetune.fit(
        network,
        how,
        label="qat",
        epochs=epochs,
        learning_rate=RATE * how.learning_rate,
        checkpoint=checkpoint,
        zeros=_zeros(network) if keep_zeros else (),
    )
    return finished(model, ranges, network)


def build(model: keras.Model, ranges: Ranges) -> tf_keras.Model:
    """The tf_keras network that computes what the int8 file of `model` will."""
    copy = twin.build(model, frozen_statistics=True)
    given = {layer.name for layer in model._flatten_layers() if isinstance(layer, _RANGE_OF_INPUT)}
    # The concatenation that reads their output rounds it.
    given |= concatenations.followers(model).keys()
    own = {name: span for name, span in ranges.items() if name not in given}
    return fake_quant.quantized(copy, own, (twin.TwinPool, twin.TwinUnpool), twin.CUSTOM)


def finished(
    model: keras.Model, ranges: Ranges, network: tf_keras.Model
) -> tuple[keras.Model, Ranges]:
    """Weights and ranges out of a network of `build`, in the form of what went in."""
    weights, learned = fake_quant.learned(network)
    trained = keras.models.clone_model(model)
    trained.set_weights(model.get_weights())
    for layer in trained._flatten_layers(include_self=False, recursive=True):
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
    return trained, ranges | learned


def _zeros(network: tf_keras.Model) -> list[tuple[tf.Variable, tf.Tensor]]:
    return [
        (filter_, tf.cast(filter_ != 0, filter_.dtype))
        for wrapper in network.layers
        for filter_, _, _ in getattr(wrapper, "_weight_vars", ())
    ]
