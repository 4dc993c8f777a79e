"""Resizing to the size of another map, and adaptive averages, against NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from fresh_process import fresh

from segnet_tf.errors import UserError
from segnet_tf.layers import AdaptiveAveragePooling2D, BilinearResizing2D, CropOrPad2D


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def bilinear_weights(old, new):
    """Weight of each old pixel in each new one; centers of pixels lie at i + 0.5."""
    weights = np.zeros((new, old))
    for i in range(new):
        place = min(max((i + 0.5) * old / new - 0.5, 0), old - 1)
        low = int(np.floor(place))
        high = min(low + 1, old - 1)
        weights[i, low] += 1 - (place - low)
        weights[i, high] += place - low
    return weights


@pytest.mark.parametrize(("old", "new"), [((3, 4), (6, 8)), ((22, 30), (45, 61)), ((1, 1), (5, 7))])
def test_bilinear_resizing_has_half_pixel_centers(old, new):
    x, reference = numbers(2, *old, 3), np.zeros((2, *new, 1), "float32")
    expected = np.einsum(
        "bhwc,ih,jw->bijc", x, bilinear_weights(old[0], new[0]), bilinear_weights(old[1], new[1])
    )
    np.testing.assert_allclose(BilinearResizing2D()(x, reference), expected, atol=1e-5)
    if old == (22, 30):  # XLA compiles TensorFlow's own op to other values there.
        resized = tf.function(BilinearResizing2D(), jit_compile=True, autograph=False)(x, reference)
        np.testing.assert_allclose(resized, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(6, 7), (5, 8), (7, 9), (8, 3)])
def test_crop_or_pad_keeps_the_upper_left_corner(size):
    x = numbers(1, 6, 8, 2)
    expected = np.zeros((1, *size, 2), "float32")
    height, width = min(6, size[0]), min(8, size[1])
    expected[:, :height, :width] = x[:, :height, :width]
    found = CropOrPad2D()(x, np.zeros((1, *size, 5), "float32"))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("bins", "size"), [(1, (5, 7)), (2, (5, 8)), (3, (10, 13)), (6, (45, 4))])
def test_adaptive_averages_have_the_windows_of_pytorch(bins, size):
    x = numbers(2, *size, 3)
    expected = np.empty((2, bins, bins, 3), "float32")
    for i in range(bins):
        for j in range(bins):
            rows = slice(i * size[0] // bins, -(-(i + 1) * size[0] // bins))
            columns = slice(j * size[1] // bins, -(-(j + 1) * size[1] // bins))
            expected[:, i, j] = x[:, rows, columns].mean(axis=(1, 2))
    np.testing.assert_allclose(AdaptiveAveragePooling2D(bins)(x), expected, atol=1e-5)


@pytest.mark.parametrize("bins", [0, -1, 2.0, "3"])
def test_bins_are_positive_whole_numbers(bins):
    with pytest.raises(UserError, match="`bins` must be a positive whole number. Received: bins="):
        AdaptiveAveragePooling2D(bins)


def model_of_all():
    image = keras.Input((None, None, 3))
    x = AdaptiveAveragePooling2D(2)(image)
    x = BilinearResizing2D()(x, image)
    return keras.Model(image, CropOrPad2D()(x, image))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_dtypes_and_gradients_under_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = model_of_all()
    finally:
        keras.config.set_dtype_policy("float32")
    x = tf.Variable(numbers(1, 5, 7, 3))
    with tf.GradientTape() as tape:
        outputs = model(x)
        total = tf.reduce_sum(tf.cast(outputs, "float32"))
    assert outputs.dtype == policy.removeprefix("mixed_") and outputs.shape == (1, 5, 7, 3)
    assert np.isfinite(tape.gradient(total, x)).all()


LOAD = """
import json, sys
import keras, numpy as np, segnet_tf
model = keras.saving.load_model(sys.argv[1])
print(json.dumps(np.asarray(model(np.load(sys.argv[2]))).tolist()))
"""


@pytest.mark.slow
def test_a_saved_model_loads_in_a_fresh_process(tmp_path):
    model, x = model_of_all(), numbers(1, 5, 7, 3)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    found = fresh(LOAD, tmp_path / "model.keras", tmp_path / "x.npy")
    np.testing.assert_allclose(found, model(x), atol=1e-6)
