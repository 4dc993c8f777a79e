"""The depthwise convolution of training against Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.layers import TrainingDepthwiseConv2D
from segnet_tf.training.preparation import fused

SHAPE = (2, 9, 11, 6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 5, "padding": "same"},
        {"kernel_size": 5, "padding": "same", "strides": 2, "use_bias": False},
        {"kernel_size": 5, "padding": "valid", "activation": "relu"},
        {"kernel_size": 5, "padding": "same", "dilation_rate": 2},
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": 5, "depth_multiplier": 2},
    ],
)
def test_output_and_gradients_are_kerass(policy, options):
    keras.utils.set_random_seed(0)
    theirs = keras.layers.DepthwiseConv2D(**options, dtype=policy)
    mine = TrainingDepthwiseConv2D(**options, dtype=policy)
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=SHAPE), keras.DTypePolicy(policy).compute_dtype)
    for layer in (theirs, mine):
        layer.build(SHAPE)
    weights = [rng.normal(size=w.shape) for w in theirs.get_weights()]
    found = []
    for layer in (theirs, mine):
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            wide = tf.cast(y, tf.float32)
            loss = tf.reduce_sum(wide * tf.cos(tf.stop_gradient(wide)))
        found.append([y, *tape.gradient(loss, [x, *layer.trainable_variables])])
    for got, wanted in zip(found[1], found[0], strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(
            tf.cast(got, tf.float32), tf.cast(wanted, tf.float32), rtol=2e-2, atol=1e-2
        )


@pytest.mark.parametrize(("size", "computes_in"), [(5, tf.float32), (3, tf.bfloat16)])
def test_kernel_of_5_learns_in_float32(size, computes_in):
    layer = TrainingDepthwiseConv2D(size, padding="same", dtype="mixed_bfloat16")
    layer.build(SHAPE)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            y = layer(x)
        return tape.gradient(y, layer.trainable_variables)

    operations = step.get_concrete_function(tf.TensorSpec(SHAPE, tf.bfloat16)).graph
    found = [
        op.inputs[0].dtype
        for op in operations.get_operations()
        if op.type == "DepthwiseConv2dNativeBackpropFilter"
    ]
    # Beside it may stand one that nothing reads: TensorFlow makes both gradients of an op.
    assert found[0] == computes_in


def test_model_to_train_has_it():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.DepthwiseConv2D(5, name="conv")(image))
    assert type(fused(model).get_layer("conv")) is TrainingDepthwiseConv2D
