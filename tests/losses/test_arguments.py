"""Losses refuse at once what they could never compute with; labels may have an axis of channels."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from segnet_tf import losses, metrics
from segnet_tf.errors import UserError


@pytest.mark.parametrize("kind", [losses.Dice, losses.CrossentropyDice, metrics.MeanIoU])
@pytest.mark.parametrize("count", [0, -1, 1.5, 256])
def test_no_number_of_classes(kind, count):
    with pytest.raises(UserError, match="`num_classes` must be") as error:
        kind(count)
    assert "\n" not in str(error.value)


def test_too_few_class_weights():
    with pytest.raises(UserError, match="must hold 3 weights, one per class. Received: 2"):
        losses.CrossentropyDice(3, [1, 2])


def test_numbers_of_numpy_can_be_saved():
    for loss in (losses.Dice(np.int64(3)), losses.CrossentropyDice(np.int64(3))):
        assert json.loads(json.dumps(loss.get_config()))["num_classes"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_fit_takes_labels_with_an_axis_of_channels_and_weights_of_images(channels):
    crossentropy = losses.BinaryCrossentropy() if channels == 1 else losses.MaskedCrossentropy()
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)
    labels = rng.integers(0, max(channels, 2), (3, 8, 8)).astype(np.uint8)
    for loss in (crossentropy, losses.Dice(channels), losses.CrossentropyDice(channels)):
        found = []
        for truth in (labels, labels[..., None]):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(channels, 1)])
            scores = [metrics.MeanIoU(channels), metrics.BoundaryF1(channels)]
            model.compile("sgd", loss=loss, metrics=scores)
            found.append(
                model.evaluate(images, truth, sample_weight=np.array([1, 0, 2.0]), verbose=0)
            )
        assert found[0] == found[1]
