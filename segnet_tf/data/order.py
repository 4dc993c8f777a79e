"""In which order an epoch shows its images: a function of (seed, epoch), alike on every machine."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of each global batch that one of several workers reads: neighbors in its order.

    Attributes:
        worker: which one, from 0.
        workers: how many there are.
        replicas: devices of all workers together; a batch is divided evenly among them.
    """

    worker: int = 0
    workers: int = 1
    replicas: int = 1

    def position(self, number: tf.Tensor, batch_size: int) -> tf.Tensor:
        """The position in an epoch of the `number`th image that this worker reads in it, int64.

        Args:
            number: int64 of any shape, from 0.
            batch_size: images of a global batch, a multiple of `replicas`.
        """
        own = batch_size // self.workers
        return number // own * batch_size + self.worker * own + number % own


def epoch_key(seed: int, epoch: tf.Tensor | int) -> tf.Tensor:
    """int64 `(2,)`, what all that is random in an epoch begins with."""
    return tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])


def epoch_order(seed: int, epoch: tf.Tensor | int, count: int) -> tf.Tensor:
    """int64 `(count,)`, the indices of all images in the order of an epoch.

    All indices are shuffled, not a window of images: 8 bytes an image, 8 MB for a million. Step s
    of global batches of b images has the positions s*b to s*b+b-1, whoever reads them.
    """
    indices = tf.range(count, dtype=tf.int64)
    return tf.random.experimental.stateless_shuffle(indices, seed=epoch_key(seed, epoch))


def position_key(seed: int, epoch: tf.Tensor | int, position: tf.Tensor) -> tf.Tensor:
    """int64 `(2,)`, what the augmentation at a position of an epoch begins with."""
    return tf.random.experimental.stateless_fold_in(epoch_key(seed, epoch), position)
