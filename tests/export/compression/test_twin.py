"""The tf_keras copy of a model, judged by the Keras 3 model itself."""

from __future__ import annotations

import family_models
import keras
import mobile_model
import numpy as np
import pytest
import tf_keras
import tiny_models

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.export.compression import twin
from segnet_tf.layers import (
    AdaptiveAveragePooling2D,
    BilinearResizing2D,
    ChannelPadding,
    CropOrPad2D,
)
from segnet_tf.runs.checkpoints import load_model


def assert_same_answers(model, size=tiny_models.SIZE):
    copy = twin.build(model)
    assert isinstance(copy, tf_keras.Model)
    for image in tiny_models.images(size, count=2):
        expected = np.asarray(model(image))
        difference = np.abs(copy(image).numpy() - expected).max()
        assert difference < 2e-6 * max(1, np.abs(expected).max())
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "segnet" else [])
        for name in tiny_models.WIDTHS
    ],
)
def test_an_architecture_has_a_twin(name):
    assert_same_answers(tiny_models.build(name))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_odd_sizes_have_a_twin(padding):
    model = tiny_models.two_stages(size=tiny_models.ODD, padding=padding)
    assert_same_answers(model, tiny_models.ODD)


def test_mobile_layers_have_a_twin():
    assert_same_answers(mobile_model.build())


@pytest.mark.slow
def test_a_model_of_any_size_has_a_twin():
    model = models.build("segnet_mini", 5, (None, None, 3), widths=(4,) * 5)
    assert_same_answers(model, (50, 70))


def test_what_mobile_net_is_padded_and_resized_by_has_a_twin():
    image = keras.Input((32, 48, 3))
    x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(image)
    x = keras.layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)(x)
    x = keras.layers.AveragePooling2D(2)(keras.layers.Activation("relu")(x))
    x = keras.layers.Cropping2D(1)(keras.layers.Resizing(18, 26)(x))
    whole = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = keras.layers.Multiply()([x, keras.layers.SpatialDropout2D(0.5)(whole)])
    x = keras.layers.UpSampling2D(2, interpolation="bilinear")(x)
    assert_same_answers(keras.Model(image, keras.layers.Conv2D(4, 1)(x)))


def test_layers_of_networks_without_indices_have_a_twin():
    image = keras.Input((32, 48, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same")(image)
    level = AdaptiveAveragePooling2D(3)(keras.layers.PReLU(shared_axes=[1, 2])(x))
    x = keras.layers.Concatenate()([x, BilinearResizing2D()(level, x)])
    up = keras.layers.Conv2DTranspose(5, 3, strides=2, padding="same")(ChannelPadding(14)(x))
    heads = [keras.layers.Conv2D(4, 1)(CropOrPad2D()(up, image)) for _ in range(2)]
    model = keras.Model(image, keras.layers.Average()(heads))
    for weight in model.weights:  # slopes and biases too
        weight.assign(np.random.default_rng(1).normal(0, 0.3, weight.shape))
    assert_same_answers(model)


@pytest.mark.slow
@pytest.mark.parametrize(("network", "encoder"), family_models.CELLS)
def test_the_family_has_twins(network, encoder):
    assert_same_answers(family_models.build(network, encoder), family_models.SIZE)


def test_an_unknown_layer_is_refused_by_name():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.LayerNormalization(name="odd_one")(image))
    with pytest.raises(UserError, match="LayerNormalization at odd_one") as caught:
        twin.build(model)
    assert "\n" not in str(caught.value)


def test_weights_come_back():
    model = tiny_models.two_stages()
    copy = twin.build(model)
    copy.set_weights([weight + 0.5 for weight in copy.get_weights()])
    back = twin.get_weights(copy, model)
    for old, new in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_allclose(new, old + 0.5)
    assert not np.allclose(np.asarray(model.weights[0]), np.asarray(back.weights[0]))


def test_frozen_statistics_are_those_of_the_file():
    model = tiny_models.two_stages()
    image = tiny_models.images()[0]
    expected = np.asarray(model(image))
    frozen = twin.build(model, frozen_statistics=True)
    np.testing.assert_allclose(frozen(image, training=True).numpy(), expected, atol=1e-5)
    assert np.abs(twin.build(model)(image, training=True).numpy() - expected).max() > 0.1


@pytest.mark.slow
def test_the_shipped_weights_have_a_twin():
    assert_same_answers(load_model("weights:segnet_mini_camvid"), (96, 128))
