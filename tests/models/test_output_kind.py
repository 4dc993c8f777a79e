"""What a network's output means: told by its last activation, or else by its values."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.models import output_kind

layers = keras.layers


def network(end, channels=3):
    image = keras.Input((16, 16, 3))
    start = layers.Conv2D(channels, 1)
    model = keras.Model(image, end(start(image)))
    # Red against green: logits of a few units, on both sides of 0.
    kernel = np.zeros((1, 1, 3, channels), np.float32)
    kernel[0, 0, 0], kernel[0, 0, 1] = 0.02, -0.02
    kernel[..., 0] *= 1.5
    start.set_weights([kernel, np.zeros(channels, np.float32)])
    return model


def inner(*ends):
    return keras.Sequential([keras.Input((16, 16, 3)), *ends])


def by_hand(x):
    powers = keras.ops.exp(x)
    return powers / keras.ops.sum(powers, -1, keepdims=True)


SOFTMAX = {
    "layer": layers.Softmax(),
    "activation": layers.Activation("softmax"),
    "of a convolution": layers.Conv2D(3, 1, activation="softmax"),
    "TensorFlow's": layers.Conv2D(3, 1, activation=tf.nn.softmax),
    "a layer as activation": layers.Conv2D(3, 1, activation=layers.Softmax()),
    "operation": keras.ops.softmax,
    "nested": inner(layers.Conv2D(3, 1), layers.Softmax()),
    "then nothing": lambda x: layers.Activation("linear", dtype="float32")(layers.Softmax()(x)),
    "then enlarged": lambda x: layers.UpSampling2D()(layers.Softmax()(x)),
    "then enlarged inside": lambda x: inner(layers.UpSampling2D())(layers.Softmax()(x)),
    "then resized": lambda x: layers.Resizing(32, 32)(layers.Softmax()(x)),
    "in a Lambda": layers.Lambda(lambda x: tf.nn.softmax(x)),
    "by hand": by_hand,
}


@pytest.mark.parametrize("end", SOFTMAX)
def test_softmax_gives_probabilities(end):
    found = output_kind.of(network(SOFTMAX[end]))
    assert (found.kind, found.activation) == ("probabilities", "softmax")
    # Logits can be had where it is the last thing that is done to values.
    assert (found.maker is None) == (end in ("then resized", "in a Lambda", "by hand"))


@pytest.mark.parametrize(
    "end",
    [
        layers.Activation("sigmoid"),
        layers.Activation("hard_sigmoid"),
        layers.Conv2D(1, 1, activation="sigmoid"),
        keras.ops.sigmoid,
        layers.Lambda(lambda x: tf.sigmoid(x)),
    ],
)
def test_sigmoid_gives_probabilities(end):
    found = output_kind.of(network(end, channels=1))
    assert (found.kind, found.activation) == ("probabilities", "sigmoid")


@pytest.mark.parametrize(
    "end",
    [
        lambda x: x,
        lambda x: layers.BatchNormalization()(x),
        lambda x: layers.Conv2D(2, 3, padding="same")(x),
        lambda x: layers.Resizing(32, 32)(x),
        lambda x: layers.Add()([x, x]),
        lambda x: layers.Conv2D(1, 1)(layers.Activation("sigmoid")(x)),
        lambda x: layers.Lambda(lambda y: y + 0.0)(x),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_everything_else_gives_logits(end, channels):
    assert output_kind.of(network(end, channels)).kind == "logits"


def test_class_ids_are_labels():
    assert output_kind.of(network(lambda x: keras.ops.argmax(x, -1))).kind == "labels"


def test_a_rescaling_behind_is_undone():
    model = network(lambda x: layers.Rescaling(255.0, 10.0)(keras.ops.sigmoid(x)), channels=1)
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
    kernel, bias = model.layers[1].get_weights()
    wanted = 1 / (1 + np.exp(-(image @ kernel[0, 0] + bias)))
    found = output_kind.of(model)
    np.testing.assert_allclose(found.probabilities(model(image).numpy()), wanted, atol=1e-5)


def test_a_layer_that_is_used_twice_stays():
    softmax = layers.Softmax()
    found = output_kind.of(network(lambda x: softmax(layers.Conv2D(3, 1)(softmax(x)))))
    assert found.kind == "probabilities" and found.maker is None


def test_softmax_over_one_channel_is_refused():
    with pytest.raises(UserError, match="softmax over one channel") as error:
        output_kind.of(network(layers.Softmax(), channels=1))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[[0.2, 0.8]], [[1.0, 0.0]]], "probabilities"),
        ([[[0.2, 0.8]], [[0.6, 0.3]]], "logits"),
        ([[[1.2, -0.2]], [[1.0, 0.0]]], "logits"),
        ([[[0.1]], [[0.9]]], "probabilities"),
        ([[[0.7]], [[0.9]]], "logits"),  # nothing is background: no probabilities of a mask
        ([[[-0.1]], [[0.9]]], "logits"),
        ([[[np.nan, 1.0]]], "logits"),
    ],
)
def test_values_say_what_they_can_be(values, kind):
    assert output_kind.kind_of_values(np.array(values, np.float32)) == kind
