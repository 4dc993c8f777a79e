"""A temperature in the last layer: softmax(logits / T) of every network, the same classes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.layers import BilinearResizing2D, CropOrPad2D
from segnet_tf.models.temperature import apply_temperature, logit_layers

layers = keras.layers


def image(seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)


def softmax(logits):
    parts = np.exp(logits - logits.max(-1, keepdims=True))
    return parts / parts.sum(-1, keepdims=True)


def small(*end, channels=4):
    keras.utils.set_random_seed(1)
    x = [keras.Input((32, 32, 3)), layers.Rescaling(1 / 50), layers.Conv2D(6, 3, padding="same")]
    return keras.Sequential([*x, layers.ReLU(), conv(channels), *end])


def conv(channels, **options):
    """A last convolution whose bias matters."""
    return layers.Conv2D(channels, 1, bias_initializer="random_normal", **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
def test_architectures(name):
    options = {"deep_supervision": True} if name == "unet_plus_plus" else {}
    keras.utils.set_random_seed(2)
    model = models.build(name, 5, (32, 32, 3), **tiny_models.NARROW[name], **options)
    model = tiny_models.alive(model)
    before = model(image()).numpy()
    apply_temperature(model, 1.7)
    after = model(image()).numpy()
    np.testing.assert_allclose(after, before / 1.7, rtol=1e-4, atol=1e-5 * np.abs(before).max())
    np.testing.assert_array_equal(after.argmax(-1), before.argmax(-1))


def test_ends_of_the_architectures():
    """A transposed convolution that is cut, and two heads whose mean is enlarged."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(inputs)
    up = CropOrPad2D()(
        layers.Conv2DTranspose(4, 3, strides=2, use_bias=False, name="up")(x), inputs
    )
    heads = [conv(4, name=name)(x) for name in ("first", "second")]
    mean = BilinearResizing2D()(layers.Average()(heads), inputs)
    for outputs, names in ((up, ["up"]), (mean, ["first", "second"])):
        model = keras.Model(inputs, outputs)
        assert [layer.name for layer in logit_layers(model)] == names
        before = model(image()).numpy()
        apply_temperature(model, 1.7)
        after = model(image()).numpy()
        np.testing.assert_allclose(after, before / 1.7, rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(after.argmax(-1), before.argmax(-1))


def test_a_power_of_two_divides_to_the_bit():
    model = small()
    before = model(image()).numpy()
    apply_temperature(model, 0.25)
    np.testing.assert_array_equal(model(image()).numpy(), 4 * before)


@pytest.mark.parametrize("end", ["Softmax", "Activation", "in the convolution", "sigmoid, 255"])
def test_what_makes_probabilities_stays(end):
    ends = {
        "Softmax": [layers.Softmax()],
        "Activation": [layers.Cropping2D(2), layers.Activation("softmax")],
        "in the convolution": [conv(4, activation="softmax")],
        "sigmoid, 255": [layers.Activation("sigmoid"), layers.Rescaling(255.0)],
    }[end]
    model = small(*ends, channels=1 if end.startswith("sigmoid") else 4)
    logits = keras.Model(model.inputs[0], model.layers[-len(ends)].input)(image()).numpy()
    if end == "in the convolution":
        logits = (
            logits @ model.layers[-1].get_weights()[0][0, 0] + model.layers[-1].get_weights()[1]
        )
    if end == "Activation":
        logits = logits[:, 2:-2, 2:-2]
    apply_temperature(model, 2.5)
    wanted = 255 / (1 + np.exp(-logits / 2.5)) if "255" in end else softmax(logits / 2.5)
    np.testing.assert_allclose(model(image()).numpy(), wanted, rtol=1e-4)


def test_a_model_in_a_model():
    inner = small()
    outer = keras.Sequential([keras.Input((32, 32, 3)), inner, layers.UpSampling2D(2)])
    before = outer(image()).numpy()
    apply_temperature(outer, 3.0)
    np.testing.assert_allclose(outer(image()).numpy(), before / 3, rtol=1e-5, atol=1e-6)


def test_ends_that_cannot_take_one():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(3, 1)(inputs)
    shared = layers.Conv2D(3, 1)
    # What the layer gives is needed twice, once not linearly.
    gated = layers.Add()([x, layers.ReLU()(x)])
    twice = shared(layers.ReLU()(shared(x)))
    for outputs, why in (
        (layers.BatchNormalization()(x), "BatchNormalization"),
        (layers.Rescaling(2.0, 1.0)(x), "Rescaling"),
        (layers.ReLU()(x), "ReLU"),
        (gated, "several layers"),
        (twice, "more than once"),
        (layers.Lambda(lambda v: v * 2)(x), "Lambda"),
    ):
        model = keras.Model(inputs, outputs)
        weights = model.get_weights()
        with pytest.raises(UserError, match=f"must end in a convolution.*({why})"):
            apply_temperature(model, 2.0)
        for old, new in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "temperature",
    [0, -1.5, float("nan"), float("inf"), 1e-45, 1e40, 1e300, True, "2", None],
)
def test_numbers_that_are_none(temperature):
    model = small()
    before = model.get_weights()
    with pytest.raises(UserError, match="`temperature` must.*Received: temperature="):
        apply_temperature(model, temperature)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
