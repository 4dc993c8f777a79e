"""What a network costs: by hand, by the papers, by TensorFlow's profiler, by a converted file."""

from __future__ import annotations

import re

import keras
import pytest
import tensorflow as tf
from keras import layers

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.export.runtimes.arena import peak_live
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.models.cost import cost_of

MAP = 4 * 8 * 12  # bytes of a float32 map of 8x12 pixels with one channel


def one(layer, size=(9, 11), channels=6):
    """A model of a single layer."""
    image = keras.Input((None, None, channels))
    return cost_of(keras.Model(image, layer(image)), size)


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (layers.Conv2D(4, 3, padding="same"), 9 * 11 * 9 * 6 * 4),
        (layers.Conv2D(4, (5, 3)), 5 * 9 * 15 * 6 * 4),
        (layers.Conv2D(4, 3, strides=2, padding="same"), 5 * 6 * 9 * 6 * 4),
        (layers.Conv2D(4, 3, dilation_rate=2), 5 * 7 * 9 * 6 * 4),
        (layers.Conv2D(4, 3, padding="same", groups=2), 9 * 11 * 9 * 3 * 4),
        (layers.DepthwiseConv2D(3, padding="same"), 9 * 11 * 9 * 6),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), 9 * 11 * 9 * 6 * 2),
        (layers.SeparableConv2D(4, 3, padding="same"), 9 * 11 * (9 * 6 + 6 * 4)),
        # Each of 9x11 pixels of 6 channels is added to 3x3 pixels of 4 channels.
        (layers.Conv2DTranspose(4, 3, strides=2, padding="same"), 9 * 11 * 6 * 9 * 4),
        (layers.Dense(4), 9 * 11 * 6 * 4),
        (layers.BatchNormalization(), 0),
        (layers.UpSampling2D(interpolation="bilinear"), 0),
    ],
)
def test_a_layer_by_hand(layer, macs):
    cost = one(layer)
    assert cost.macs == macs == cost.layers[0].macs
    assert cost.parameters == layer.count_params()
    statistics = 2 * 6 if isinstance(layer, layers.BatchNormalization) else 0
    assert cost.trainable_parameters == cost.parameters - statistics
    assert cost.uncounted == ()


# Badrinarayanan et al.: GMAC and millions of parameters at 360x480.
@pytest.mark.parametrize(
    ("name", "options", "giga", "millions"),
    [
        pytest.param("segnet", {"layout": "caffe"}, 106.7, 29.47, marks=pytest.mark.slow),
        ("segnet_basic", {}, 59.2, 1.42),
    ],
)
def test_the_papers(name, options, giga, millions):
    cost = cost_of(models.build(name, 11, (None, None, 3), **options))
    assert round(cost.macs / 1e9, 1) == giga
    assert round(cost.parameters / 1e6, 2) == millions
    # Two maps of 64 channels at the image's size.
    assert cost.peak_activation_bytes == 2 * 360 * 480 * 64 * 4
    assert cost.uncounted == ()


def profiled(model, size, left_out):
    """The multiply-accumulates of the graph's convolutions, by TensorFlow's profiler."""
    spec = tf.TensorSpec((1, *size, 3))
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options |= {"output": "none", "account_type_regexes": ["Conv2D", "DepthwiseConv2dNative"]}
    waiting = [tf.compat.v1.profiler.profile(graph, cmd="scope", options=options)]
    found = 0
    while waiting:
        node = waiting.pop()
        waiting += node.children
        layer_names = {re.sub(r"_\d+$", "", scope) for scope in node.name.split("/")}  # conv_1
        if not layer_names & left_out:
            found += node.float_ops
    return found // 2  # a multiplication and an addition


@pytest.mark.parametrize(
    "name",
    [
        name if name == "segnet_mini" else pytest.param(name, marks=pytest.mark.slow)
        for name in models.NAMES
    ],
)
def test_every_architecture(name):
    size = (64, 96)
    model = models.build(name, 5, (*size, 3))
    cost = cost_of(model, size)
    assert cost.uncounted == ()
    # TensorFlow computes dilated convolutions on maps that it pads further, and knows no number for
    # transposed ones.
    left_out = {
        layer.name
        for layer in model.layers
        if isinstance(layer, layers.Conv2DTranspose)
        or max(getattr(layer, "dilation_rate", (1,))) > 1
    }
    macs = sum(call.macs for call in cost.layers if call.name not in left_out)
    assert macs == profiled(model, size, left_out)
    assert cost.parameters == model.count_params()
    # The same, whatever size it was built for.
    assert cost_of(models.build(name, 5, (None, None, 3)), size).layers == cost.layers


def unet(image):
    """A small network with a map that waits for its reader, and an image that does, too."""
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(image))
    skip = layers.ReLU()(x)
    x = layers.Conv2D(24, 3, strides=2, padding="same", activation="relu")(skip)
    x = layers.Conv2D(24, 3, padding="same", activation="relu")(x)
    x = layers.UpSampling2D()(x)
    x = layers.Concatenate()([skip, x])
    x = layers.Conv2D(5, 1)(x)
    return layers.Concatenate()([x, image])


def test_memory_is_that_of_a_converted_file():
    image = keras.Input((16, 24, 3), batch_size=1)
    model = keras.Model(image, unet(image))
    # Not with `from_keras_model`, which asks for a folder and takes longer.
    concrete = tf.function(lambda x: model(x, training=False)).get_concrete_function(
        tf.TensorSpec((1, 16, 24, 3))
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    assert cost_of(model, (16, 24)).peak_activation_bytes == peak_live(converter.convert())


def peak(make, channels=1):
    image = keras.Input((8, 12, channels))
    return cost_of(keras.Model(image, make(image)), (8, 12)).peak_activation_bytes


def test_maps_are_kept_to_their_last_reader():
    def conv(filters):
        return layers.Conv2D(filters, 3, padding="same")

    def chain(x):
        for filters in (2, 7, 5):
            x = layers.Dropout(0.1)(layers.ReLU()(layers.BatchNormalization()(conv(filters)(x))))
        return x

    def skipping(x):
        first = conv(4)(x)
        return layers.Add()([first, conv(4)(conv(16)(first))])

    def read_twice(x):
        first = conv(4)(x)
        return layers.Add()([layers.ReLU()(first), first])

    def two_outputs(x):
        first = conv(4)(x)
        return [first, conv(20)(conv(16)(first))]

    assert peak(chain) == MAP * (7 + 5)
    assert peak(skipping) == MAP * (4 + 16 + 4)
    # The ReLU cannot overwrite what the sum reads.
    assert peak(read_twice) == MAP * (4 + 4 + 4)
    assert peak(lambda x: layers.Reshape((12, 8, 5))(conv(5)(x))) == MAP * (1 + 5)
    assert peak(layers.ReLU()) == MAP
    assert peak(two_outputs) == MAP * (4 + 16 + 20)


def test_an_index_is_a_byte_and_the_pooled_map_is_not_kept():
    def pooling(x):
        wide = layers.Conv2D(16, 1)(x)
        pooled, argmax = MaxPoolingWithArgmax2D()(wide)
        small = layers.Conv2D(100, 1)(pooled)
        small = layers.Conv2D(16, 1)(small)
        return MaxUnpooling2D()(small, argmax, output_size=wide)

    # While the 100 channels are read: they, their 16 and 16 indices, at a quarter of the pixels.
    assert peak(pooling) == MAP // 4 * (100 + 16) + 8 * 12 // 4 * 16


def test_models_in_models():
    def block(channels, filters):
        image = keras.Input((None, None, channels))
        return keras.Model(image, layers.ReLU()(layers.Conv2D(filters, 3, padding="same")(image)))

    inner = keras.Sequential([block(3, 4), layers.Conv2D(5, 1, name="last")])
    image = keras.Input((None, None, 3))
    cost = cost_of(keras.Model(image, layers.Softmax()(inner(image))), (8, 12))
    assert cost.macs == 8 * 12 * (9 * 3 * 4 + 4 * 5)
    assert cost.peak_activation_bytes == MAP * (4 + 5)
    assert "last" in [call.name for call in cost.layers]
    assert cost_of(inner, (8, 12)).macs == cost.macs


@keras.saving.register_keras_serializable(package="test_cost")
class Mystery(layers.Layer):
    def call(self, inputs):
        return tf.matmul(inputs, tf.ones((3, 3)))


def test_an_unknown_layer_is_named():
    image = keras.Input((None, None, 3))
    mystery = Mystery(name="mystery")
    x = layers.Conv2D(3, 1)(mystery(mystery(image)))
    x = keras.ops.relu(keras.ops.add(x, 1.0))  # known operations
    cost = cost_of(keras.Model(image, keras.ops.matmul(x, keras.ops.ones((3, 3)))), (8, 12))
    assert cost.uncounted[0] == "mystery" and "matmul" in cost.uncounted[1]
    assert len(cost.uncounted) == 2
    assert cost.macs == 8 * 12 * 3 * 3


def test_wrong_models_and_sizes():
    mini = models.build("segnet_mini", 2, (None, None, 3))
    with pytest.raises(UserError, match="`size` must be a size.*Received: 16x480"):
        cost_of(mini, (16, 480))
    with pytest.raises(UserError, match="must take one image"):
        cost_of(keras.Sequential([keras.Input((4,)), layers.Dense(2)]))

    class Subclassed(keras.Model):
        input_shape = (None, None, None, 3)

    with pytest.raises(UserError, match="`model` must be a Functional or Sequential.*Subclassed"):
        cost_of(Subclassed())
