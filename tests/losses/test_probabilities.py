"""A model that ends in softmax or sigmoid, in `fit`: losses want logits, scores can tell."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import losses, metrics
from segnet_tf.errors import UserError

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)


def network(channels, activation, policy="float32"):
    image = keras.Input((8, 8, 3))
    convolution = keras.layers.Conv2D(channels, 1, dtype=policy)
    model = keras.Model(
        image, keras.layers.Activation(activation, dtype=policy)(convolution(image))
    )
    kernel = np.zeros((1, 1, 3, channels), np.float32)
    kernel[0, 0, 0], kernel[0, 0, 1] = 0.02, -0.02
    convolution.set_weights([kernel, np.zeros(channels, np.float32)])
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("channels", "activation", "loss"),
    [
        (3, "softmax", losses.MaskedCrossentropy()),
        (3, "softmax", losses.Dice(3)),
        (1, "sigmoid", losses.BinaryCrossentropy()),
        (1, "sigmoid", losses.CrossentropyDice(1)),
    ],
)
def test_our_losses_refuse_probabilities(channels, activation, loss, policy):
    model = network(channels, activation, policy)
    model.compile("sgd", loss=loss)
    with pytest.raises(UserError, match="`y_pred` must be logits. Received: probabilities"):
        model.fit(IMAGES, np.zeros((2, 8, 8)), verbose=0)


@pytest.mark.parametrize("eager", [True, False])
def test_scores_of_sigmoid_are_those_of_its_logit(eager):
    """Above 0, where every probability is, all would be foreground."""
    model = network(1, "sigmoid")
    truth = (IMAGES[..., 0] > IMAGES[..., 1]).astype(np.uint8)
    model.compile(loss="binary_crossentropy", metrics=[metrics.MeanIoU(1)], run_eagerly=eager)
    assert model.evaluate(IMAGES, truth[..., None], verbose=0, return_dict=True)["mean_iou"] == 1


def test_class_weight_of_fit_says_where_weights_belong():
    import tensorflow as tf

    model = network(3, "linear")
    model.compile("sgd", loss=losses.MaskedCrossentropy())
    pairs = tf.data.Dataset.from_tensors((IMAGES, np.zeros((2, 8, 8), np.uint8)))
    with pytest.raises(ValueError, match="Weights of classes belong into the loss"):
        model.fit(pairs, class_weight={0: 1.0, 1: 2.0, 2: 1.0}, verbose=0)
