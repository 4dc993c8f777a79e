"""Several samples of a network's dropout as one network, with masks that never change.

The layers before the first dropout are called once, all others once for each sample. They are the
same Keras layers: the converter stores their weights once, whatever the number of samples.

Masks: a whole mask a sample would be larger than the network (5.6 MB of int8 for 8 samples of a
SegNet-Mini at 360x480, whose weights take 0.5 MB). A mask here is a tile of 25 pixels or a few
more, with a value for each channel, which is repeated along the rows and from each row to the next.
The tile is as long as it must be for a window of 5x5 pixels, two convolutions, to hold no pixel of
it twice: a convolution sees independent values, only pixels farther away share some. Repeating is a
RESHAPE to (1, pixels / tile, tile, channels) and one MUL. Dropout of whole channels would be
cheaper still, but it is another dropout than the one that the network was trained with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import graph
from segnet_tf.export.tflite_file.uncertainty import Uncertainty
from segnet_tf.layers import MaxPoolingWithArgmax2D
from segnet_tf.models import output_kind, stochastic
from segnet_tf.models.functional import Step, nodes_in_order, trace
from segnet_tf.models.output_kind import Output

# Pixels from the middle of the window in which no pixel of a tile comes twice.
REACH = 2


class FixedDropout(keras.layers.Layer):
    """Dropout by one mask, in training and after it: kept values are divided by `1 - rate`.

    Args:
        shape: `(height, width, channels)` of what it takes.
        mask: `(height, width, channels)` of the mask, 1 where all places of a side share a value.
        rate: share of the values that become 0.
        key: of the random numbers: those of another mask of the same shape have another key.

    Call arguments:
        x: float `(batch, height, width, channels)`; all images get the same mask.

    Returns:
        A tensor of the shape and dtype of `x`.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        mask: tuple[int, int, int],
        rate: float,
        key: tuple[int, int],
        name: str | None = None,
    ):
        super().__init__(name=name, dtype="float32")
        self.rate = rate
        height, width, channels = shape
        pixels, length = height * width, period(height, width)
        repeats = mask == shape and length < pixels
        side = (1, length, channels) if repeats else mask
        # What the map is reshaped to, unless the mask has a value for each pixel. A mask of whole
        # channels would fit any shape. Straight behind a convolution the converter would multiply
        # it into the weights, which the samples then could not share.
        is_raster = repeats or mask[:2] == (1, 1)
        self.view = (pixels // length, length, channels) if is_raster else shape
        rng = np.random.default_rng([*key, *side])
        # float32 (1, *side): the factor of each value.
        self.tile = np.where(rng.random((1, *side)) < rate, 0, 1 / (1 - rate)).astype(np.float32)

    def call(self, x: Any) -> Any:
        ops, shape = keras.ops, tuple(x.shape[1:])
        return ops.reshape(ops.reshape(x, (-1, *self.view)) * self.tile, (-1, *shape))


class Distribution(keras.layers.Layer):
    """The mean of the probabilities of several samples, and its entropy in nats.

    Args:
        output: what the values of a sample mean.

    Call arguments:
        values: a list of float `(batch, height, width, channels)`, one a sample.

    Returns:
        float32 `(batch, height, width, channels + 1)`: the mean, and behind it the entropy. One
        channel is the probability of the second of two classes.
    """

    def __init__(self, output: Output, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.output_meaning = output

    def call(self, values: list[Any]) -> Any:
        ops = keras.ops
        made = [self._probabilities(value) for value in values]
        mean = sum(made[1:], made[0]) / len(made)
        classes = mean if mean.shape[-1] > 1 else ops.concatenate([1 - mean, mean], -1)
        logarithms = ops.log(ops.maximum(classes, np.finfo(np.float32).tiny))
        entropy = -ops.sum(classes * logarithms, axis=-1, keepdims=True)
        return ops.concatenate([mean, ops.maximum(entropy, 0)], -1)

    def _probabilities(self, values: Any) -> Any:
        meaning = self.output_meaning
        if gives_probabilities(meaning):
            return (values - meaning.offset) / meaning.scale
        is_sigmoid = meaning.activation == "sigmoid"
        return keras.ops.sigmoid(values) if is_sigmoid else keras.ops.softmax(values)


def gives_probabilities(output: Output) -> bool:
    """Whether `graph.network_of` leaves probabilities where they are: it cannot take them off."""
    return output.kind == "probabilities" and output.maker is None


def distribution_of(
    model: keras.Model, size: tuple[int, int], uncertainty: Uncertainty
) -> keras.Model:
    """A network from an image to the mean probabilities and their entropy, see `Distribution`.

    Mask k of the dropout number n, in the order of the calls, has the key
    `(seed, (k + n) % count)`, `count` being the larger one of the numbers of samples and of
    dropouts. Two dropouts of one shape thus share most tiles, and never one in the same sample.

    Args:
        model: from RGB 0..255 to logits or probabilities; it stays as it is.
        size: `(height, width)` of the image in pixels.
        uncertainty: how many samples, and of which seed.

    Raises:
        UserError: no dropout to sample, one that drops everything, or an output that is no
            distribution over the classes.
    """
    output = output_kind.of(model)
    if output.activation == "sigmoid" and model.output_shape[-1] > 1:
        raise UserError(
            "`model` must give probabilities that sum to 1 over the classes, whose entropy is the "
            f"uncertainty. Received: {model.name}, which ends in a sigmoid for each of "
            f"{model.output_shape[-1]} classes. Train it with a softmax, or with logits."
        )
    network = graph.network_of(model, copied=True)
    image = keras.Input((*size, model.input_shape[-1]))
    if uncertainty.samples == 1:
        symbol = keras.KerasTensor((1, *image.shape[1:]))
        steps, (last,) = trace(network, [symbol])
        values = {id(symbol): image}
        stochastic.run(steps, values)
        made = [values[id(last)]]
    else:
        made = list(_samples(network, image, size, uncertainty))
    return keras.Model(image, Distribution(output)(made), name=model.name)


def _samples(
    network: keras.Model, image: Any, size: tuple[int, int], uncertainty: Uncertainty
) -> Iterator[Any]:
    parts = stochastic.split(network, size)
    count = max(uncertainty.samples, len(parts.dropouts))
    values = {id(parts.image): image}
    stochastic.run(parts.trunk, values)
    for sample in range(uncertainty.samples):

        def drop(step: Step, x: Any, number: int, sample: int = sample) -> Any:
            layer = step.operation
            if layer.rate == 0:
                return x  # the converter would leave out a multiplication by 1
            height, width, channels = map(int, x.shape[1:])
            shape = height, width, channels
            rows, columns, values = map(int, stochastic.mask_shape(step, (1, *shape)))
            mask = rows, columns, values
            key = (uncertainty.seed, (sample + number) % count)
            return FixedDropout(shape, mask, layer.rate, key, f"{layer.name}_{sample}_{number}")(x)

        own = dict(values)
        stochastic.run(parts.sampled, own, drop)
        yield own[id(parts.output)]


def period(height: int, width: int) -> int:
    """Pixels of a tile: the least divisor of `height * width` that keeps `REACH`.

    Where only the whole map does, such as 23x31, the tile is the whole map.
    """
    pixels, reach = height * width, 2 * REACH
    offsets = [
        down * width + across
        for down, across in itertools.product(range(reach + 1), range(-reach, reach + 1))
        if down * width + across > 0
    ]
    for length in range((reach + 1) ** 2, pixels // 2 + 1):
        if pixels % length == 0 and all(offset % length for offset in offsets):
            return length
    return pixels


def pools_of(network: keras.Model) -> list[str]:
    """The names of the argmax pooling layers of a `distribution_of`, once for each call."""
    return [
        node.operation.name
        for node in nodes_in_order(graph.functional_of(network))
        if isinstance(node.operation, MaxPoolingWithArgmax2D)
    ]


def masks_of(network: keras.Model) -> list[FixedDropout]:
    """The dropouts of a `distribution_of`, sample by sample."""
    return [layer for layer in network.layers if isinstance(layer, FixedDropout)]


def largest_entropy(channels: int) -> float:
    """Nats, of a pixel that may be of any class."""
    return math.log(max(channels, 2))
