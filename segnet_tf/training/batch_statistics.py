"""Mean and variance of every batch normalization over the training images, measured anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.data import Samples
from segnet_tf.data.pipeline import evaluation_batches
from segnet_tf.errors import UserError
from segnet_tf.inference.predictors import Predictor, open_predictor, resized

# Images a batch; the authors measured with the four they trained with.
BATCH = 4


def recompute_batch_statistics(
    model: keras.Model | Predictor,
    samples: Samples,
    *,
    batch_size: int = BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Sets the moving mean and variance of every `BatchNormalization` to those of `samples`.

    Training keeps a running average, in which early steps and small batches leave their mark.
    Here all images pass once, whole and without augmentation, through a network that normalizes
    each batch by the batch itself, as it was trained, with dropout off. A layer gets the mean and
    the variance of all that came into it: exact for the first one, and for a deeper one under the
    batches' statistics in the layers before it. SegNet's authors do the same in one pass, but take
    the mean of the batches' variances; here the variance of the batches' means is added, because
    one mean has to serve them all (Wu and Johnson, 2021).

    Args:
        model: a functional model, changed in place, or a `Predictor` of one.
        samples: the training images. They come in a fixed order that mixes the neighbors of a
            video, so that equal calls give equal statistics.
        batch_size: images at once; images of several sizes come one by one.
        progress: called with (images done, images).

    Returns:
        The number of batch normalizations.

    Raises:
        UserError: no batch normalization, images of other channels than the model's, a model that
            is no functional one, or whose values are not finite. The model is unchanged then.

    Reference:
        https://github.com/alexgkendall/SegNet-Tutorial, Scripts/compute_bn_statistics.py;
        Wu and Johnson, 2021, https://arxiv.org/abs/2105.07576
    """
    predictor = open_predictor(model)
    network = normalized_network(predictor)
    measured = _measuring(network)
    order = np.random.default_rng(0).permutation(len(samples))
    samples = samples.subset(order).in_channels(network.input_shape[-1])
    forward = tf.function(lambda images: measured(images, training=False), reduce_retracing=True)
    done = 0
    for images, _ in evaluation_batches(samples, batch_size=batch_size):
        _require_channels(images.shape[-1], network)
        forward(resized(images, predictor.scale.seen(tuple(images.shape[1:3]))))
        done += len(images)
        if progress:
            progress(done, len(samples))
    found = [layer.statistics() for layer in normalizations(measured)]
    for layer, (mean, variance) in zip(normalizations(network), found, strict=True):
        if not (np.isfinite(mean).all() and np.isfinite(variance).all()):
            raise UserError(
                "`model` must give finite values on the training images. Received: NaN or infinity "
                f"before {layer.name}. Its training diverged; train again at a lower rate."
            )
    for layer, (mean, variance) in zip(normalizations(network), found, strict=True):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
    return len(found)


def normalized_network(predictor: Predictor) -> keras.Model:
    """The network of a predictor; UserError if it is not in Keras or has no batch normalization."""
    network = predictor.model
    if not isinstance(network, keras.Model):
        raise UserError(
            "`model` must be a Keras model: a .tflite file has its batch normalization folded into "
            f"the convolutions. Received: {predictor.name}. Give the run or .keras file of it."
        )
    if not list(normalizations(network)):
        raise UserError(
            "`model` must have batch normalization, whose statistics are recomputed. "
            f"Received: {predictor.name} without any. It needs no recomputation."
        )
    return network


def normalizations(model: keras.Model) -> Iterator[keras.layers.BatchNormalization]:
    """The batch normalizations of a model and of the models in it, in their order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from normalizations(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            yield layer


class _Measuring(keras.layers.BatchNormalization):
    """Normalizes by the batch, also outside training, and adds up what comes in."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        channels = self.moving_mean.shape
        # float64: the square of a mean is taken off at the end. No weights of Keras's, so that
        # the layer takes those of the layer it measures for.
        self.count = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.sum = tf.Variable(tf.zeros(channels, tf.float64), trainable=False)
        self.squares = tf.Variable(tf.zeros(channels, tf.float64), trainable=False)

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        outputs = super().call(inputs, training=True, mask=mask)
        # With momentum 0 these are now the batch's own.
        mean = tf.cast(self.moving_mean.value, tf.float64)
        variance = tf.cast(self.moving_variance.value, tf.float64)
        values = tf.size(inputs, tf.int64) // self.moving_mean.shape[0]
        count = tf.cast(values, tf.float64)
        self.count.assign_add(count)
        self.sum.assign_add(count * mean)
        self.squares.assign_add(count * (variance + mean**2))
        return outputs

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of all that came in, float64 `(channels,)`."""
        mean = (self.sum / self.count).numpy()
        return mean, np.maximum((self.squares / self.count).numpy() - mean**2, 0.0)


def _measuring(model: keras.Model) -> keras.Model:
    """A copy of `model` with its weights, whose batch normalizations measure."""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            # A frozen one would normalize by its moving statistics.
            return _Measuring.from_config(config | {"momentum": 0.0, "trainable": True})
        return type(layer).from_config(config)

    try:
        measured = keras.models.clone_model(model, clone_function=copy, recursive=True)
    except ValueError as error:
        raise UserError(
            "`model` must be a functional or sequential model. "
            f"Received: {model.name}, a {type(model).__name__}. Build it with keras.Model(inputs, "
            "outputs)."
        ) from error
    measured.set_weights(model.get_weights())
    return measured


def _require_channels(channels: int, model: keras.Model) -> None:
    wanted = model.input_shape[-1]
    if channels != wanted:
        raise UserError(
            f"`data` must have images of the {wanted} channels that {model.name} takes. "
            f"Received: {channels}. Use images of the kind that it was trained on."
        )
