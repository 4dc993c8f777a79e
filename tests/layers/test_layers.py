"""The layers against NumPy, by hand, and through Keras's own machinery."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy_pooling import numpy_pool, numpy_unpool

from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

DTYPES = ("float32", "float16", "bfloat16")


# Few values, so that ties of two, three and four and all-zero windows are common.
maps = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9), st.integers(1, 4)),
    elements=st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(x=maps, ceil=st.booleans())
def test_pool_and_unpool_are_numpys(x, ceil):
    pooled, argmax = MaxPoolingWithArgmax2D(padding="same" if ceil else "valid")(x)
    wanted, wanted_argmax = numpy_pool(x, ceil=ceil)
    np.testing.assert_array_equal(pooled, wanted)
    np.testing.assert_array_equal(argmax, wanted_argmax)
    unpooled = MaxUnpooling2D(output_size=x.shape[1:3])(pooled, argmax)
    np.testing.assert_array_equal(unpooled, numpy_unpool(wanted, wanted_argmax, x.shape[1:3]))


@settings(max_examples=30, deadline=None)
@given(x=maps, ceil=st.booleans(), groups=st.integers(2, 3))
def test_each_group_of_channels_goes_where_the_same_argmax_says(x, ceil, groups):
    pooled, argmax = numpy_pool(x, ceil=ceil)
    values = np.random.default_rng(0).random((*pooled.shape[:3], groups * x.shape[-1]), np.float32)
    unpooled = MaxUnpooling2D(output_size=x.shape[1:3])(values, argmax)
    wanted = [numpy_unpool(v, argmax, x.shape[1:3]) for v in np.split(values, groups, axis=-1)]
    np.testing.assert_array_equal(unpooled, np.concatenate(wanted, axis=-1))


def test_window_of_three_with_stride_three_is_numpys():
    x = np.random.default_rng(0).integers(0, 4, (2, 9, 12, 3)).astype(np.float32)
    pooled, argmax = MaxPoolingWithArgmax2D(pool_size=3, strides=None)(x)
    wanted, wanted_argmax = numpy_pool(x, size=3, stride=3)
    np.testing.assert_array_equal(pooled, wanted)
    np.testing.assert_array_equal(argmax, wanted_argmax)


def test_argmax_by_hand():
    # The window of SEGNET.md's example: the 4 stands at row 1, column 1.
    x = np.array([[1, 3], [2, 4]], np.float32).reshape(1, 2, 2, 1)
    pooled, argmax = MaxPoolingWithArgmax2D()(x)
    assert pooled.numpy().item() == 4
    assert argmax.numpy().item() == 3
    unpooled = MaxUnpooling2D(output_size=2)(pooled, argmax)
    np.testing.assert_array_equal(unpooled[0, :, :, 0], [[0, 0], [0, 4]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_index_beyond_2048_survives_every_dtype(dtype):
    # float16 holds no odd integer above 2048; an argmax cast to it would move the value.
    x = np.zeros((2, 64, 64, 3), np.float32)
    x[1, 63, 61, 2] = 1
    x = tf.cast(x, dtype)
    pooled, argmax = MaxPoolingWithArgmax2D(dtype=dtype)(x)
    assert argmax.dtype == tf.int64
    assert pooled.dtype == dtype
    assert int(argmax[1, 31, 30, 2]) == (63 * 64 + 61) * 3 + 2
    unpooled = MaxUnpooling2D(dtype=dtype)(pooled, argmax, output_size=x)
    assert unpooled.dtype == dtype
    np.testing.assert_array_equal(tf.cast(unpooled, tf.float32), tf.cast(x, tf.float32))


def test_one_pixel_survives_ceil_mode():
    x = np.full((1, 1, 1, 2), -3, np.float32)
    pooled, argmax = MaxPoolingWithArgmax2D(padding="same")(x)
    np.testing.assert_array_equal(MaxUnpooling2D(output_size=1)(pooled, argmax), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_gradient_goes_to_the_argmax_only(dtype, padding):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, (2, 5, 7, 3)).astype(np.float32)
    upstream = rng.integers(-8, 9, x.shape).astype(np.float32)
    variable = tf.Variable(tf.cast(x, dtype))
    with tf.GradientTape() as tape:
        pooled, argmax = MaxPoolingWithArgmax2D(padding=padding, dtype=dtype)(variable)
        out = MaxUnpooling2D(dtype=dtype)(pooled, argmax, output_size=variable)
        total = tf.reduce_sum(tf.cast(out, tf.float32) * upstream)
    wanted = np.zeros_like(x)
    _, positions = numpy_pool(x, ceil=padding == "same")
    for n, image in enumerate(positions):
        flat = np.unique(image)
        wanted[n].reshape(-1)[flat] = upstream[n].reshape(-1)[flat]
    gradient = tf.cast(tape.gradient(total, variable), tf.float32)
    np.testing.assert_array_equal(gradient, wanted)


def test_saved_model_of_any_size_loads_with_nothing_passed_in(tmp_path):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    pooled, argmax = MaxPoolingWithArgmax2D(padding="same")(x)
    model = keras.Model(inputs, MaxUnpooling2D()(pooled, argmax, output_size=x))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for size in ((4, 6), (5, 7), (1, 1)):
        image = np.random.default_rng(2).random((2, *size, 3), np.float32)
        np.testing.assert_array_equal(loaded(image), model(image))


def test_config_mirrors_the_constructor():
    pool = MaxPoolingWithArgmax2D(pool_size=(2, 3), strides=(2, 3), padding="same", name="p")
    assert MaxPoolingWithArgmax2D.from_config(pool.get_config()).get_config() == pool.get_config()
    unpool = MaxUnpooling2D(output_size=(5, 7), name="u")
    assert MaxUnpooling2D.from_config(unpool.get_config()).output_size == (5, 7)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_dynamic_sizes_train_with_fit(policy):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", dtype=policy)(inputs)
    pooled, argmax = MaxPoolingWithArgmax2D(dtype=policy)(x)
    x = MaxUnpooling2D(dtype=policy)(pooled, argmax, output_size=x)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, dtype="float32")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    rng = np.random.default_rng(3)
    before = model.get_weights()
    model.fit(rng.random((4, 9, 11, 3), np.float32), rng.integers(0, 2, (4, 9, 11)), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(changed)


def test_bad_input_says_what_to_do():
    with pytest.raises(UserError, match="`padding` must be"):
        MaxPoolingWithArgmax2D(padding="full")
    with pytest.raises(UserError, match="`pool_size` must be"):
        MaxPoolingWithArgmax2D(pool_size=0)
    with pytest.raises(ValueError, match="padding='same'"):
        MaxPoolingWithArgmax2D()(np.zeros((1, 1, 4, 2), np.float32))
    pooled, argmax = MaxPoolingWithArgmax2D()(np.zeros((1, 4, 4, 2), np.float32))
    with pytest.raises(ValueError, match="`output_size` must be given"):
        MaxUnpooling2D()(pooled, argmax)
    with pytest.raises(ValueError, match="must have the shape of `pooled`"):
        MaxUnpooling2D(output_size=4)(pooled, argmax[:, :1])
    three = np.zeros((1, 2, 2, 3), np.float32)
    with pytest.raises(ValueError, match="a whole fraction of its channels"):
        MaxUnpooling2D(output_size=4)(three, argmax)


def test_index_outside_the_output_is_an_error():
    pooled, argmax = MaxPoolingWithArgmax2D()(np.eye(8, dtype=np.float32).reshape(1, 8, 8, 1))
    for outside, size in ((argmax, (4, 4)), (argmax - 1, (8, 8))):
        with pytest.raises(tf.errors.InvalidArgumentError):
            MaxUnpooling2D(output_size=size)(pooled, outside)
