"""The fused training step against Keras's own batch normalization."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.layers import FusedBatchNormalization
from segnet_tf.training.preparation import fused

# bfloat16 has 8 binary digits.
POLICIES = {"float32": 1e-5, "mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}


def step(layer, x, upstream, **call):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **call)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * upstream)
    return y, tape.gradient(loss, [x, *layer.trainable_variables])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
def test_training_step_is_keras_s(policy, epsilon):
    rng = np.random.default_rng(0)
    # Far from 0 and of few pixels, where a variance of another kind would show.
    x = tf.constant(rng.normal(2, 3, (2, 3, 4, 5)), keras.DTypePolicy(policy).compute_dtype)
    upstream = rng.normal(size=x.shape).astype("float32")
    theirs = keras.layers.BatchNormalization(momentum=0.8, epsilon=epsilon, dtype=policy)
    mine = FusedBatchNormalization(momentum=0.8, epsilon=epsilon, dtype=policy)
    for layer in (theirs, mine):
        layer.build(x.shape)
        layer.gamma.assign([0.5, 1, 2, -1, 3])
        layer.beta.assign([0, 1, -2, 0.5, 4])
    wanted, wanted_gradients = step(theirs, x, upstream, training=True)
    got, gradients = step(mine, x, upstream, training=True)
    assert got.dtype == wanted.dtype
    tolerance = {"rtol": POLICIES[policy], "atol": 10 * POLICIES[policy]}
    pairs = [(got, wanted), *zip(gradients, wanted_gradients, strict=True)]
    for mine_now, theirs_now in pairs:
        np.testing.assert_allclose(
            tf.cast(mine_now, tf.float32), tf.cast(theirs_now, tf.float32), **tolerance
        )
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), **tolerance)
    mine.set_weights(theirs.get_weights())
    np.testing.assert_array_equal(mine(x, training=False), theirs(x, training=False))


@pytest.mark.parametrize(
    ("channels", "computes_in"),
    [(24, tf.float32), (16, tf.bfloat16)],
)
def test_bfloat16_is_left_where_the_processor_has_no_kernel_for_its_channels(channels, computes_in):
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    layer.build((2, 4, 4, channels))
    step = tf.function(lambda x: layer(x, training=True))
    graph = step.get_concrete_function(tf.TensorSpec((2, 4, 4, channels), tf.bfloat16)).graph
    found = [op.inputs[0].dtype for op in graph.get_operations() if "FusedBatchNorm" in op.type]
    assert found == [computes_in]
    assert step(tf.ones((2, 4, 4, channels), tf.bfloat16)).dtype == tf.bfloat16


def test_copy_has_the_weights_in_the_same_order():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-4, name="bn")(x)
    model = keras.Model(image, keras.layers.ReLU(6.0)(x))
    copy = fused(model)
    assert type(copy.get_layer("bn")) is FusedBatchNormalization
    assert (copy.get_layer("bn").momentum, copy.get_layer("bn").epsilon) == (0.7, 1e-4)
    copy.set_weights(model.get_weights())
    x = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(copy(x), model(x))
