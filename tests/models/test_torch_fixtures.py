"""Layers and SegNet against stored results of PyTorch (see make_torch_fixtures.py)."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from make_torch_fixtures import (
    NARROW_CLASSES,
    NARROW_WIDTHS,
    POOLING_CASES,
    POOLING_FILE,
    SEGNET_FILE,
    SEGNET_SIZES,
    modes,
)

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

PADDING = {"floor": "valid", "ceil": "same"}
CASES = [(name, mode) for name, (shape, _) in POOLING_CASES.items() for mode in modes(shape)]


@pytest.fixture(scope="module")
def pooling():
    with np.load(POOLING_FILE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def segnet():
    with np.load(SEGNET_FILE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def state_dict(segnet):
    return {
        key.removeprefix("state/"): value
        for key, value in segnet.items()
        if key.startswith("state/")
    }


def case_of(pooling, name, mode):
    """The arrays of one case, and PyTorch's plane index in the form of `argmax`."""
    prefix = f"{name}/{mode}/"
    case = {key.removeprefix(prefix): pooling[key] for key in pooling if key.startswith(prefix)}
    channels = case["x"].shape[-1]
    return case, case["plane_index"] * channels + np.arange(channels)


def narrow_model(input_shape):
    return models.build(
        "segnet", NARROW_CLASSES, input_shape, normalization="none", widths=NARROW_WIDTHS
    )


def relative_difference(ours, theirs):
    """Largest difference as a fraction of the largest expected value."""
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_pooling_and_argmax_are_those_of_pytorch(pooling, name, mode):
    case, expected = case_of(pooling, name, mode)
    pooled, argmax = MaxPoolingWithArgmax2D(padding=PADDING[mode])(case["x"])
    np.testing.assert_array_equal(pooled, case["pooled"])
    assert argmax.dtype == "int64"
    np.testing.assert_array_equal(argmax, expected)


@pytest.mark.parametrize("size_from", ["integers", "tensor"])
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_unpooling_is_that_of_pytorch(pooling, name, mode, size_from):
    case, argmax = case_of(pooling, name, mode)
    size = case["x"].shape[1:3] if size_from == "integers" else tf.constant(case["x"])
    unpooled = MaxUnpooling2D()(case["values"], argmax, output_size=size)
    np.testing.assert_array_equal(unpooled, case["unpooled"])


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_gradient_is_that_of_pytorch(pooling, name, mode):
    case, _ = case_of(pooling, name, mode)
    x = tf.constant(case["x"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        pooled, argmax = MaxPoolingWithArgmax2D(padding=PADDING[mode])(x)
        unpooled = MaxUnpooling2D()(pooled, argmax, output_size=x)
        total = tf.reduce_sum(unpooled * case["weights"])
    np.testing.assert_array_equal(tape.gradient(total, x), case["gradient"])


@pytest.mark.slow  # The next test has the same logits from one model.
@pytest.mark.parametrize("size", SEGNET_SIZES)
def test_segnet_with_weights_of_pytorch_gives_its_logits(segnet, state_dict, size):
    images, expected = segnet[f"{size}/images"], segnet[f"{size}/logits"]
    model = narrow_model(images.shape[1:])
    models.load_torch_state_dict(model, state_dict)
    assert relative_difference(model.predict(images, verbose=0), expected) < 1e-4


def test_one_segnet_of_unknown_size_gives_the_logits_of_both(segnet, state_dict):
    model = narrow_model((None, None, 3))
    models.load_torch_state_dict(model, state_dict)
    for size in SEGNET_SIZES:
        ours = keras.ops.convert_to_numpy(model(segnet[f"{size}/images"], training=False))
        assert relative_difference(ours, segnet[f"{size}/logits"]) < 1e-4


@pytest.mark.parametrize("change", ["missing", "unknown", "other_shape"])
def test_unfit_state_dict_is_refused_and_nothing_is_written(state_dict, change):
    model = narrow_model((32, 32, 3))
    before = model.get_weights()
    unfit = dict(state_dict)
    if change == "missing":
        del unfit["dec3.6.weight"]
    elif change == "unknown":
        unfit["enc6.0.weight"] = np.zeros(1)
    else:
        unfit["final.bias"] = np.zeros(NARROW_CLASSES + 1)
    with pytest.raises(UserError, match="`state_dict`.*Received: "):
        models.load_torch_state_dict(model, unfit)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
