"""A network with its dropout alive: what is computed once, and what anew for each sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.models.functional import Step, trace
from segnet_tf.models.input_size import too_small
from segnet_tf.models.map_memory import alive_bytes, values_read

# From a call of dropout, its input and its number in the network to its output.
Drop = Callable[[Step, tf.Tensor, int], tf.Tensor]


@dataclass(frozen=True)
class Split:
    """The calls of a network for an image of one size, in order.

    Attributes:
        image: what goes in, `(1, height, width, channels)`.
        trunk: the calls that no dropout changes.
        sampled: all others. The first of each path is a dropout.
        crossing: the maps of the trunk, or the image, whose values the sampled part reads.
        sizes: those of which it reads the size only.
        output: what comes out.
        dropouts: the calls of dropout among `sampled`.
        bytes: of all maps that are kept at the same time, in float32, for one sample.
    """

    image: keras.KerasTensor
    trunk: tuple[Step, ...]
    sampled: tuple[Step, ...]
    crossing: tuple[keras.KerasTensor, ...]
    sizes: tuple[keras.KerasTensor, ...]
    output: keras.KerasTensor
    dropouts: tuple[Step, ...]
    bytes: int


def split(model: keras.Model, size: tuple[int, int]) -> Split:
    """Divides a network where its first dropouts are. No value is computed.

    Args:
        model: a Functional or Sequential model from one image to one map; may be nested.
        size: `(height, width)` of the image in pixels.

    Raises:
        UserError: a subclassed model, one without dropout or one that drops everything, or a size
            that is too small for it.
    """
    require_dropout(model)
    image = keras.KerasTensor((1, *size, model.input_shape[-1]))
    try:
        steps, (output,) = trace(model, [image])
    except ValueError as error:
        raise too_small("size", size, error) from error
    changed: set[int] = set()
    trunk, sampled = [], []
    for step in steps:
        if is_alive(step) or any(id(tensor) in changed for tensor in step.tensors()):
            changed.update(map(id, step.outputs))
            sampled.append(step)
        else:
            trunk.append(step)
    read = {id(tensor) for step in sampled for tensor in values_read(step)}
    outside = {
        id(tensor): tensor
        for step in sampled
        for tensor in step.tensors()
        if id(tensor) not in changed
    }
    return Split(
        image,
        tuple(trunk),
        tuple(sampled),
        tuple(tensor for key, tensor in outside.items() if key in read),
        tuple(tensor for key, tensor in outside.items() if key not in read),
        output,
        tuple(filter(is_alive, sampled)),
        max(alive_bytes(steps, image, [output])),
    )


def require_dropout(model: keras.Model) -> None:
    """Raises UserError unless a model has layers that sampling switches on, and none drops all."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dropout)]
    for layer in found:
        if layer.rate >= 1:
            raise UserError(
                "`rate` of each Dropout must be below 1 in a model that is sampled. "
                f"Received: {layer.rate} at {layer.name}. Build it with dropout=0.5."
            )
    if not found:
        raise UserError(
            "`model` must have Dropout or SpatialDropout2D layers to sample. "
            f"Received: {model.name} without any. Build and train it with bayesian=True "
            "(--model-option bayesian=true), or leave out the samples (--mc-samples)."
        )


def is_alive(step: Step) -> bool:
    """Whether a call is one of dropout, by values or by channels, that sampling switches on."""
    return step.is_a({"Dropout"})  # the spatial ones derive from it


def run(steps: Sequence[Step], values: dict[int, tf.Tensor], drop: Drop | None = None) -> None:
    """Makes calls, each but dropout as in inference: batch normalization keeps its statistics.

    Args:
        steps: in order.
        values: tensors by the `id` of their symbol; the outputs are added to it.
        drop: makes the calls of dropout; None where there is none.
    """
    number = 0

    def value(argument: Any) -> Any:
        return values[id(argument)] if isinstance(argument, keras.KerasTensor) else argument

    for step in steps:
        if is_alive(step) and drop is not None:
            found: Any = drop(step, value(step.tensors()[0]), number)
            number += 1
        else:
            arguments, keywords = keras.tree.map_structure(value, (step.arguments, step.keywords))
            found = step.operation(*arguments, **keywords)
        outputs = keras.tree.flatten(found)
        values.update(zip(map(id, step.outputs), outputs, strict=True))


def dropped(
    step: Step, x: tf.Tensor, number: int, seed: tf.Tensor, samples: tf.Tensor
) -> tf.Tensor:
    """What a call of dropout gives, row k of the batch being sample `samples[k]`.

    Args:
        step: the call.
        x: float `(len(samples), ...)`.
        number: of the call among those of dropout, from 0.
        seed: int64, from 0.
        samples: int64, the samples' numbers.
    """
    layer = step.operation
    x = tf.cast(x, layer.compute_dtype)
    shape = mask_shape(step, tf.unstack(tf.shape(x)))
    masks = tf.map_fn(
        lambda sample: keep_mask(shape, layer.rate, seed, sample, number),
        samples,
        fn_output_signature=tf.bool,
    )
    found = tf.where(masks, x * (1 / (1 - layer.rate)), tf.zeros((), x.dtype))
    return tf.ensure_shape(found, x.shape)  # unpooling compares the sides that are known


def mask_shape(step: Step, shape: Sequence[Any]) -> list[Any]:
    """The shape of a dropout's mask for one sample: a side is 1 where all positions share it.

    Args:
        step: the call of dropout.
        shape: of its input, the batch first.
    """
    layer = step.operation
    if step.is_a({"BaseSpatialDropout"}):
        last = getattr(layer, "data_format", "channels_last") == "channels_last"
        sides = len(shape) - 2
        return [1] * sides + [shape[-1]] if last else [shape[1]] + [1] * sides
    noise = getattr(layer, "noise_shape", None) or [None] * len(shape)
    return [side if asked is None else asked for asked, side in zip(noise, shape, strict=True)][1:]


def keep_mask(shape: Sequence[Any], rate: float, seed: Any, sample: Any, number: int) -> tf.Tensor:
    """Which values a dropout keeps: drawn by counters, so that a sample depends on nothing else.

    All images get the same mask: sample k is one network, whatever it looks at.

    Args:
        shape: of the mask, without the batch.
        rate: share of the values that are set to 0.
        seed, sample, number: int64 from 0: of the user, of the sample, of the dropout.

    Returns:
        bool, `shape`.
    """
    pair = tf.stack([tf.cast(seed, tf.int64), tf.cast(sample, tf.int64)])
    pair = tf.random.experimental.stateless_fold_in(pair, number)
    return tf.random.stateless_uniform(shape, pair) >= rate
