"""The index of the pooling kernel is computed in 32 bits where that holds every place of a map."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from segnet_tf import ops


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        # 2**15 * 2**10 * 2**6 places, one more than the largest int32, 2**31 - 1.
        ((1, 2**15, 2**10, 2**6), tf.int64),
        ((1, 2**15, 2**10 - 1, 2**6), tf.int32),
        ((99, 720, 960, 64), tf.int32),
        ((None, 720, 960, 64), tf.int32),
        ((1, None, 960, 64), tf.int64),
    ],
)
def test_it_never_overflows(shape, dtype):
    """The graph alone: 2**31 values are 8 GB."""

    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def pool(x):
        return ops.max_pool_with_argmax(x)

    graph = pool.get_concrete_function().graph
    (op,) = [op for op in graph.get_operations() if op.type == "MaxPoolWithArgmax"]
    assert op.get_attr("Targmax") == dtype
    assert graph.outputs[1].dtype == tf.int64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_are_pooled_as_they_are(dtype):
    values = np.random.default_rng(0).normal(size=(2, 6, 8, 3))
    x = tf.cast(values, dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        pooled, argmax = ops.max_pool_with_argmax(x)
    gradient = tape.gradient(pooled, x, output_gradients=pooled)
    windows = np.float32(x).reshape(2, 3, 2, 4, 2, 3).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 4)
    np.testing.assert_array_equal(np.float32(pooled).ravel(), windows.max(1))
    flat = np.float32(x).reshape(2, -1)
    for image in range(2):
        places = argmax.numpy()[image].ravel()
        np.testing.assert_array_equal(flat[image][places], np.float32(pooled)[image].ravel())
        expected = np.zeros_like(flat[image])
        expected[places] = flat[image][places]
        np.testing.assert_array_equal(np.float32(gradient)[image].ravel(), expected)
    assert pooled.dtype == gradient.dtype == x.dtype
