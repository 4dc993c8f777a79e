"""Images that were divided by 255 already: a warning, since the model sees them as black."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

import segnet_tf
from segnet_tf.data.classes import Classes, default_colors
from segnet_tf.data.decoded import DecodedSamples
from segnet_tf.data.samples import Samples


@pytest.fixture
def model():
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.layers.Conv2D(2, 1)(image))


def test_predict_warns(model):
    image = np.random.default_rng(0).random((8, 8, 3))
    with pytest.warns(UserWarning, match=r"`image` should hold 0\.\.255.*nothing above 0\.99"):
        segnet_tf.predict(model, image)


def test_predict_warns_of_normalized_images(model):
    image = np.random.default_rng(0).normal(size=(8, 8, 3))
    with pytest.warns(UserWarning, match=r"`image` should hold 0\.\.255.*Received: -\d.* too"):
        segnet_tf.predict(model, image)


@pytest.mark.parametrize("brightest", [0, 2, 255])
def test_a_dark_image_and_a_black_one_are_images(model, brightest):
    image = np.full((8, 8, 3), brightest, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        segnet_tf.predict(model, image)


@pytest.mark.parametrize(("brightest", "count"), [(1, 1), (2, 0), (0, 0)])
def test_data_warns_once_for_all_of_it(brightest, count):
    def read(index):
        return np.full((8, 8, 3), brightest, np.uint8), np.zeros((8, 8), np.uint8)

    samples = Samples("x", "train", Classes(("a", "b"), default_colors(2)), ("0", "1"), read)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        DecodedSamples(samples)
    assert len([warning for warning in seen if "0..255" in str(warning.message)]) == count
