"""Batch normalization's statistics over the training images, judged by NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf.data.classes import Classes
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError
from segnet_tf.training.batch_statistics import normalizations, recompute_batch_statistics

EPSILON = 1e-3


def samples_of(images):
    labels = [np.zeros(image.shape[:2], np.uint8) for image in images]
    return Samples(
        "test",
        "train",
        Classes(("a", "b"), ((0, 0, 0), (9, 9, 9))),
        tuple(map(str, range(len(images)))),
        lambda index: (images[index], labels[index]),
    )


def images(*sizes, channels=3):
    """Images of different brightness, so that batches differ."""
    rng = np.random.default_rng(3)
    found = []
    for number, size in enumerate(sizes):
        image = rng.normal(20 * number, 10, (*size, channels))
        found.append(np.clip(image, 0, 255).astype(np.uint8))
    return found


def two_layers(channels=3, **norm):
    """1x1 convolutions, which NumPy does as products of matrices."""
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, channels))
    x = keras.layers.Rescaling(1 / 64)(image)
    x = keras.layers.Conv2D(4, 1, name="first")(x)
    x = keras.layers.BatchNormalization(epsilon=EPSILON, name="norm1", **norm)(x)
    x = keras.layers.Dropout(0.5)(keras.layers.ReLU()(x))
    x = keras.layers.Conv2D(4, 1, name="second")(x)
    x = keras.layers.BatchNormalization(epsilon=EPSILON, name="norm2", **norm)(x)
    return keras.Model(image, keras.layers.Conv2D(2, 1)(x))


def expected(model, pictures, batch_size):
    """Mean and variance of what comes into both layers; float64, each batch by its own values."""

    def conv(x, name):
        kernel, bias = (np.float64(value) for value in model.get_layer(name).get_weights())
        return x @ kernel[0, 0] + bias

    order = np.random.default_rng(0).permutation(len(pictures))
    first, second = [], []
    for start in range(0, len(order), batch_size):
        batch = [pictures[i].reshape(-1, 3) / 64.0 for i in order[start : start + batch_size]]
        x = conv(np.concatenate(batch), "first")
        first.append(x)
        gamma, beta = (np.float64(v) for v in model.get_layer("norm1").get_weights()[:2])
        x = gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + EPSILON) + beta
        second.append(conv(np.maximum(x, 0), "second"))
    return [(x.mean(0), x.var(0)) for x in map(np.concatenate, (first, second))]


@pytest.mark.parametrize(
    ("sizes", "batch_size", "batches_of"),
    [([(6, 8)] * 7, 3, 3), ([(6, 8), (8, 6), (5, 5), (9, 3)], 3, 1)],
)
def test_both_layers_against_numpy(sizes, batch_size, batches_of):
    model, pictures = two_layers(), images(*sizes)
    rng = np.random.default_rng(0)
    for layer in normalizations(model):
        layer.set_weights([rng.uniform(0.5, 2, 4) for _ in range(4)])
    wanted = expected(model, pictures, batches_of)
    kept = [w.copy() for layer in model.layers for w in layer.get_weights()[:2]]
    seen = []
    count = recompute_batch_statistics(
        model,
        samples_of(pictures),
        batch_size=batch_size,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert count == 2
    assert seen[-1] == (len(sizes), len(sizes)) and len(seen) == -(-len(sizes) // batches_of)
    for layer, (mean, variance) in zip(normalizations(model), wanted, strict=True):
        np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-4)
    # Kernels, biases, scale and shift are as they were.
    now = [w for layer in model.layers for w in layer.get_weights()[:2]]
    assert all(np.array_equal(one, other) for one, other in zip(kept, now, strict=True))


def test_equal_calls_give_equal_statistics():
    """Whatever the moving statistics were, and whatever random numbers came before."""
    found = []
    for value in (0.0, 50.0):
        model = two_layers()
        for layer in normalizations(model):
            layer.moving_mean.assign(np.full(layer.moving_mean.shape, value))
        keras.utils.set_random_seed(int(value))
        recompute_batch_statistics(model, samples_of(images(*[(6, 8)] * 5)))
        found.append([layer.get_weights() for layer in normalizations(model)])
    np.testing.assert_equal(found[0], found[1])


@pytest.mark.slow
@pytest.mark.parametrize("norm", [{"trainable": False}, {"scale": False, "center": False}])
def test_frozen_and_bare_normalizations_are_measured_too(norm):
    model, plain = two_layers(**norm), two_layers()
    pictures = samples_of(images(*[(6, 8)] * 4))
    for each in (model, plain):
        recompute_batch_statistics(each, pictures)
    for one, other in zip(normalizations(model), normalizations(plain), strict=True):
        np.testing.assert_allclose(one.moving_mean.numpy(), other.moving_mean.numpy(), rtol=1e-6)
        assert one.trainable is norm.get("trainable", True)


@pytest.mark.slow
def test_a_model_in_a_model_and_one_that_is_called_twice():
    keras.utils.set_random_seed(0)
    inner = two_layers()
    image = keras.Input((None, None, 3))
    norm = keras.layers.BatchNormalization(name="shared")
    first = norm(keras.layers.Rescaling(1 / 64)(image))
    twice = norm(keras.layers.Rescaling(1 / 8)(image))
    x = keras.layers.Concatenate()([inner(image), first, twice])
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(x))
    pictures = images(*[(6, 8)] * 3)
    assert recompute_batch_statistics(model, samples_of(pictures)) == 3
    x = np.stack(pictures).reshape(-1, 3) / 64.0
    both = np.concatenate([x, 8 * x])
    np.testing.assert_allclose(norm.moving_mean.numpy(), both.mean(0), rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance.numpy(), both.var(0), rtol=1e-4)
    wanted = expected(inner, pictures, 4)[1][0]
    np.testing.assert_allclose(
        inner.get_layer("norm2").moving_mean.numpy(), wanted, rtol=1e-4, atol=1e-5
    )


def test_what_cannot_be_measured_is_refused_and_left_alone():
    data = samples_of(images((6, 8), (6, 8)))
    image = keras.Input((None, None, 3))
    with pytest.raises(UserError, match="must have batch normalization"):
        recompute_batch_statistics(keras.Model(image, keras.layers.Conv2D(2, 1)(image)), data)
    with pytest.raises(UserError, match="images of the 4 channels .* Received: 3"):
        recompute_batch_statistics(two_layers(channels=4), data)
    model = two_layers()
    model.get_layer("second").bias.assign([0, np.inf, 0, 0])
    before = model.get_layer("norm1").get_weights()
    with pytest.raises(UserError, match="NaN or infinity before norm2"):
        recompute_batch_statistics(model, data)
    np.testing.assert_equal(model.get_layer("norm1").get_weights(), before)
