"""Zeros for maps of odd size, judged by NumPy, and that no network forgets them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.layers import EvenPadding2D
from segnet_tf.models import functional, registry


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("size", [(5, 7), (5, 6), (4, 7), (4, 6)])
@pytest.mark.parametrize("known", [True, False])
def test_zeros_follow_an_odd_row_or_column(dtype, size, known):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(dtype)
    expected = np.pad(x, ((0, 0), (0, size[0] % 2), (0, size[1] % 2), (0, 0)))
    image = keras.Input((*(size if known else (None, None)), 3), dtype=dtype)
    y = keras.Model(image, EvenPadding2D(dtype=dtype)(image)).predict(x, verbose=0)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, expected)


def test_sizes_that_only_the_run_knows():
    """As `predict` traces a model that has been given images of several sizes."""
    model = keras.Sequential([keras.Input((None, None, 3)), EvenPadding2D()])
    for size in ((5, 7), (4, 6), (7, 4), (6, 9)):
        x = np.ones((1, *size, 3), np.float32)
        expected = np.pad(x, ((0, 0), (0, size[0] % 2), (0, size[1] % 2), (0, 0)))
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_row_more_moves_no_window(kernel):
    x = np.random.default_rng(1).normal(size=(1, 45, 9, 2)).astype(np.float32)
    convolve = keras.layers.DepthwiseConv2D(kernel, strides=2, padding="same")
    even = convolve(x[:, :44, :8]).numpy()
    odd = convolve(EvenPadding2D()(x)).numpy()
    assert odd.shape == (1, 23, 5, 2)
    # All windows that lie in both maps.
    np.testing.assert_allclose(odd[:, :21, :3], even[:, :21, :3], rtol=1e-5, atol=1e-6)
    assert np.abs(convolve(x).numpy()[:, :21, :3] - even[:, :21, :3]).max() > 0.1  # without it


STRIDED = {
    **{name: {} for name in ("enet", "segnet_lite", "segnet_nano")},
    **{
        name: {"encoder": "lite0"}
        for name in ("unet", "unet_plus_plus", "deeplab_v3_plus", "pspnet")
    },
}


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("segnet_lite", "unet") else pytest.param(name, marks=pytest.mark.slow)
        for name in registry.NAMES
    ],
)
def test_every_strided_convolution_of_a_network_sees_an_even_map(name):
    model = models.build(name, 3, (None, None, 3), **STRIDED.get(name, {}))
    nodes = functional.nodes_in_order(functional.functional_of(model))
    makers = {id(tensor): node.operation for node in nodes for tensor in node.outputs}
    strided = [
        node
        for node in nodes
        if isinstance(node.operation, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
        and max(node.operation.strides) > 1
        and max(node.operation.kernel_size) > 2
    ]
    for node in strided:
        assert type(makers[id(node.input_tensors[0])]) is EvenPadding2D, node.operation.name
    assert bool(strided) == (name in STRIDED)
