"""Layers and SegNet against PyTorch itself, the full network included (`make test-all`)."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

torch = pytest.importorskip(
    "torch", reason="PyTorch is missing: pip install -c constraints.txt -e '.[torch]'"
)

import make_torch_fixtures as stored  # noqa: E402
import torch_reference as reference  # noqa: E402

from segnet_tf import models  # noqa: E402
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D  # noqa: E402

pytestmark = pytest.mark.torch

# 157 is odd at every second level: 78, 39, 19, 9, 4.
SIZES = {"camvid": (360, 480), "odd": (157, 203)}


@pytest.fixture
def float64_policy():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def logits_of_both(theirs, size, dtype):
    """Logits of Keras and of PyTorch for one random image, with PyTorch's weights in both."""
    images = np.random.default_rng(3).standard_normal((1, *size, 3)).astype(dtype)
    model = models.build("segnet", 12, (*size, 3), normalization="none")
    models.load_torch_state_dict(model, theirs.state_dict())
    ours = keras.ops.convert_to_numpy(model(images, training=False))
    return ours, reference.logits(theirs.to(getattr(torch, dtype)), images)


def relative_difference(ours, theirs):
    """Largest difference as a fraction of the largest expected value."""
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("size", SIZES)
def test_full_segnet_gives_the_logits_of_pytorch_in_float32(size):
    torch.manual_seed(0)
    ours, theirs = logits_of_both(reference.SegNet().eval(), SIZES[size], "float32")
    assert relative_difference(ours, theirs) < 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_full_segnet_gives_the_logits_of_pytorch_in_float64(float64_policy, size):
    # Random statistics spread the activations; among millions of windows float32 rounding
    # then decides a few near-ties otherwise than PyTorch does. In float64 none is left.
    # The classifier stays in float32 under every policy, hence 1e-6.
    ours, theirs = logits_of_both(reference.random_segnet(0), SIZES[size], "float64")
    assert relative_difference(ours, theirs) < 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("padding", "ceil"), [("valid", False), ("same", True)])
@pytest.mark.parametrize("kind", ["normal", "ties", "zero", "relu", "negative"])
def test_pooling_and_unpooling_of_random_shapes(kind, padding, ceil, dtype):
    rng = np.random.default_rng(4)
    pool = MaxPoolingWithArgmax2D(padding=padding, dtype=dtype)
    unpool = MaxUnpooling2D(dtype=dtype)
    for _ in range(20):
        batch, channels = (int(n) for n in rng.integers(1, 5, 2))
        height, width = (int(n) for n in rng.integers(1 if ceil else 2, 24, 2))
        x = stored.values_of(kind, (batch, height, width, channels), rng).astype(dtype)
        weights = rng.standard_normal(x.shape).astype(dtype)
        with tf.GradientTape() as tape:
            source = tf.constant(x)
            tape.watch(source)
            pooled, argmax = pool(source)
            total = tf.reduce_sum(unpool(pooled, argmax, output_size=source) * weights)
        values = rng.standard_normal(pooled.shape).astype(dtype)
        theirs = reference.pool_and_unpool(x, values, weights, ceil=ceil)
        expected = theirs.plane_index * channels + np.arange(channels)
        np.testing.assert_array_equal(pooled, theirs.pooled)
        np.testing.assert_array_equal(argmax, expected)
        unpooled = unpool(values, argmax, output_size=(height, width))
        np.testing.assert_array_equal(unpooled, theirs.unpooled)
        np.testing.assert_array_equal(tape.gradient(total, source), theirs.gradient)


def test_stored_pooling_results_are_those_of_this_pytorch():
    with np.load(stored.POOLING_FILE) as file:
        arrays = {key: value for key, value in file.items() if key != "torch_version"}
    fresh = stored.pooling_arrays()
    assert arrays.keys() == fresh.keys()
    for key, value in fresh.items():
        np.testing.assert_array_equal(arrays[key], value, err_msg=key)


@pytest.mark.parametrize("size", stored.SEGNET_SIZES)
def test_stored_logits_are_those_of_this_pytorch(size):
    with np.load(stored.SEGNET_FILE) as file:
        arrays = dict(file)
    model = reference.SegNet(stored.NARROW_CLASSES, stored.NARROW_WIDTHS).eval()
    state = {
        key.removeprefix("state/"): torch.from_numpy(value)
        for key, value in arrays.items()
        if key.startswith("state/")
    }
    model.load_state_dict(state, strict=True)
    fresh = reference.logits(model, arrays[f"{size}/images"])
    assert relative_difference(fresh, arrays[f"{size}/logits"]) < 1e-5


def test_reference_has_the_parameters_counted_by_hand():
    parameters = dict(reference.SegNet(num_classes=12).named_parameters())
    convolutions = {name: value for name, value in parameters.items() if value.ndim == 4}
    assert len(convolutions) == 13 + 13 + 1
    # 24,929,740 in convolutions: VGG16's 14,714,688, then 7,079,424 + 2,360,064 + 590,208 +
    # 110,720 + 73,856 and the classifier's 780; scale and offset of BatchNorm: 2 x 7,168.
    assert sum(value.numel() for value in parameters.values()) == 24_929_740 + 14_336


def test_stored_lite0_features_are_what_pytorch_says():
    from lite0_reference import features

    from segnet_tf.models.pretrained.lite0 import imagenet_file

    with np.load(stored.LITE0_FILE) as file:
        now = features(str(imagenet_file()), file["image"].astype(np.float32))
        np.testing.assert_allclose(now, file["features"], atol=1e-4)
