"""Sums over the samples of a network whose dropout is alive, in batches of samples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.inference.predictors import Predictor
from segnet_tf.models.stochastic import Split, dropped, require_dropout, run, split
from segnet_tf.system.resident import physical_memory

# Of the maps of a batch of samples. Larger batches are no faster on a CPU.
_BUDGET = 512 * 1024**2
_MOST_AT_ONCE = 16
# Maps in float32 are counted, each once. Convolutions need room beside them, argmax has 8 bytes.
_ROOM = 3


@dataclass
class Sums:
    """Added up over the samples of an image at the size that the model sees, in float64.

    float64: a sure pixel's variance and mutual information are below what float32 tells apart.

    Attributes:
        probabilities: `(h, w, classes)`, two classes for a model with one logit.
        squares: `(h, w)`, the sum over the classes of the squared probabilities.
        entropies: `(h, w)`, nats.
    """

    probabilities: Any
    squares: Any
    entropies: Any

    def add(self, other: Sums) -> None:
        """Adds those of other samples."""
        self.probabilities = self.probabilities + other.probabilities
        self.squares = self.squares + other.squares
        self.entropies = self.entropies + other.entropies


class DropoutSampler:
    """Runs a network with its dropout alive and all else as in inference.

    Args:
        predictor: of a Keras model that gives logits or probabilities.

    Raises:
        UserError: a `.tflite` file or another model without dropout.
    """

    def __init__(self, predictor: Predictor):
        if not isinstance(predictor.model, keras.Model):
            raise UserError(
                "`model` must be a Keras model to sample its dropout. "
                f"Received: {predictor.name}, a .tflite file, in which dropout is gone. "
                "Give the run or .keras file that it was exported from."
            )
        require_dropout(predictor.model)
        self.predictor = predictor
        self._parts: dict[tuple[int, int], _Parts] = {}

    def sums(
        self,
        image: np.ndarray,
        samples: int,
        seed: int,
        batch_size: int | None,
        tick: Callable[[int], None] | None,
    ) -> Sums:
        """The sums over samples 0 to `samples - 1`, as NumPy arrays.

        Args:
            image: float32 `(1, h, w, channels)`, as the model sees it.
            samples: their number.
            seed: of the masks.
            batch_size: samples at once; None for what fits well.
            tick: called with the number of samples after each batch.
        """
        size = (image.shape[1], image.shape[2])
        if size not in self._parts:
            self._parts[size] = _Parts(split(self.predictor.model, size), self.predictor)
        parts = self._parts[size]
        at_once = _batch_size(batch_size, samples, _ROOM * parts.split.bytes)
        try:
            crossing, sizes = parts.trunk(tf.constant(image))
            total: Sums | None = None
            for first in range(0, samples, at_once):
                numbers = tf.range(first, min(first + at_once, samples), dtype=tf.int64)
                found = Sums(*parts.sampled(crossing, sizes, numbers, tf.constant(seed, tf.int64)))
                if total is None:
                    total = found
                else:
                    total.add(found)
                if tick:
                    tick(len(numbers))
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                f"`size` must fit into memory. Received: images of {size[0]}x{size[1]} (height x "
                f"width), {at_once} samples at once. Give a smaller size (--size HxW)."
            ) from error
        assert total is not None
        return Sums(*(np.asarray(value) for value in vars(total).values()))


def statistics(sums: Sums, samples: int) -> tuple[np.ndarray, ...]:
    """Mean, predictive entropy, mutual information and variance of an image, float32."""
    mean = sums.probabilities / samples
    logarithms = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
    entropy = -np.einsum("hwc,hwc->hw", mean, logarithms)
    information = entropy - sums.entropies / samples
    variance = (sums.squares / samples - np.einsum("hwc,hwc->hw", mean, mean)) / mean.shape[-1]
    # Rounding may leave less than nothing.
    maps = (np.maximum(each, 0) for each in (entropy, information, variance))
    return tuple(each.astype(np.float32) for each in (mean, *maps))


class _Parts:
    """A network for images of one size, as two functions."""

    def __init__(self, parts: Split, predictor: Predictor):
        self.split = parts
        self.predictor = predictor
        # Traced here and once: the last batch of samples is smaller, and TensorFlow warns of
        # functions that are traced again and again, also of different ones at one line.
        # No autograph: Keras traces its layers without it, too.
        function = functools.partial(tf.function, autograph=False)
        image = tf.TensorSpec(parts.image.shape, tf.float32)
        self.trunk = function(self._trunk).get_concrete_function(image)
        maps = tf.nest.map_structure(
            lambda found: tf.TensorSpec(found.shape, found.dtype), self.trunk.structured_outputs
        )
        self.sampled = function(self._sampled).get_concrete_function(
            *maps, tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64)
        )

    def _trunk(self, image: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        parts = self.split
        values = {id(parts.image): image}
        run(parts.trunk, values)
        crossing = [values[id(tensor)] for tensor in parts.crossing]
        return crossing, [values[id(tensor)] for tensor in parts.sizes]

    def _sampled(
        self,
        crossing: list[tf.Tensor],
        sizes: list[tf.Tensor],
        samples: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        parts = self.split
        values = {
            id(symbol): tf.repeat(value, tf.size(samples), axis=0)
            for symbol, value in zip(parts.crossing, crossing, strict=True)
        }
        values.update(zip(map(id, parts.sizes), sizes, strict=True))
        run(parts.sampled, values, functools.partial(dropped, seed=seed, samples=samples))
        p = tf.cast(self._probabilities(values[id(parts.output)]), tf.float64)
        return (
            tf.reduce_sum(p, 0),
            tf.reduce_sum(p * p, (0, 3)),
            -tf.reduce_sum(tf.math.xlogy(p, p), (0, 3)),
        )

    def _probabilities(self, values: tf.Tensor) -> tf.Tensor:
        """float32 `(samples, h, w, classes)`, at least two classes."""
        output = self.predictor.output
        values = tf.cast(values, tf.float32)
        if output.kind == "probabilities":
            values = (values - output.offset) / output.scale
        elif values.shape[-1] == 1:
            values = tf.sigmoid(values)
        else:
            values = tf.nn.softmax(values)
        return tf.concat([1 - values, values], -1) if values.shape[-1] == 1 else values


def _batch_size(asked: int | None, samples: int, bytes_each: int) -> int:
    """Samples at once.

    Raises:
        UserError: no positive whole number, or more than the machine has memory for.
    """
    if asked is None:
        return max(1, min(samples, _MOST_AT_ONCE, _BUDGET // bytes_each))
    if not isinstance(asked, (int, np.integer)) or isinstance(asked, bool) or asked < 1:
        raise UserError(
            "`batch_size` must be a positive whole number of samples at once, or None. "
            f"Received: batch_size={asked!r}."
        )
    if asked * bytes_each > physical_memory():
        raise UserError(
            f"`batch_size` must be a number of samples whose maps fit into memory, at most "
            f"{max(1, physical_memory() // bytes_each)} here. Received: batch_size={asked}. "
            "Leave it out: as many are taken as fit well, and the result is the same."
        )
    return min(int(asked), samples)
