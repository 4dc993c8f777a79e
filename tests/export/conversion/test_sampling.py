"""Several samples as one network: its masks, and its numbers, against NumPy on Keras's layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import sampled_by_hand
import tiny_models

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import sampling
from segnet_tf.export.tflite_file.uncertainty import Uncertainty


def length_by_search(height, width):
    """The least tile, of 25 pixels or more, of which no 5x5 window has a pixel twice."""
    place = np.arange(height * width).reshape(height, width)
    for length in range(25, height * width):
        if (height * width) % length:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(place % length, (5, 5))
        ordered = np.sort(windows.reshape(-1, 25), axis=1)
        if (np.diff(ordered) > 0).all():
            return length
    return height * width


@pytest.mark.parametrize("size", [(45, 60), (22, 30), (11, 15), (90, 120), (23, 31), (16, 24)])
def test_a_tile_is_as_short_as_a_window_lets_it_be(size):
    assert sampling.period(*size) == length_by_search(*size)


def test_a_map_that_no_tile_divides_has_a_whole_mask():
    assert sampling.period(23, 31) == 23 * 31
    assert sampling.period(3, 4) == 12


@pytest.mark.parametrize(
    ("mask", "tile"),
    [((16, 24, 6), (1, 64, 6)), ((1, 1, 6), (1, 1, 6)), ((16, 24, 1), (16, 24, 1))],
    ids=["values", "channels", "pixels"],
)
def test_a_mask_is_the_seeds(mask, tile):
    layer = sampling.FixedDropout((16, 24, 6), mask, 0.25, (7, 4))
    assert layer.tile.shape == (1, *tile)
    drawn = np.random.default_rng([7, 4, *tile]).random((1, *tile)) < 0.25
    np.testing.assert_array_equal(layer.tile == 0, drawn)
    x = np.random.default_rng(0).normal(size=(2, 16, 24, 6)).astype(np.float32)
    whole = sampled_by_hand.whole(layer.tile, (16, 24))
    np.testing.assert_allclose(layer(x), x * whole, rtol=1e-6)
    assert set(np.unique(layer.tile)) == {0, np.float32(1 / 0.75)}


def test_no_two_masks_of_a_sample_are_one():
    """Nor those of two samples at one place; two places of one shape share their tiles."""
    network = sampling.distribution_of(tiny_models.bayesian(), tiny_models.SIZE, Uncertainty(2, 5))
    masks = sampling.masks_of(network)
    assert len(masks) == 2 * 3
    drawn = {}
    for layer in masks:
        place, sample, _ = layer.name.rsplit("_", 2)
        drawn[place, int(sample)] = layer.tile
    for sample in range(2):
        shapes = [drawn[place, sample] for place in ("encoder1_dropout", "decoder2_dropout")]
        assert shapes[0].shape == shapes[1].shape
        assert (shapes[0] != shapes[1]).any()
    assert all((drawn[place, 0] != drawn[place, 1]).any() for place, _ in drawn)
    share = np.mean(np.concatenate([(layer.tile == 0).ravel() for layer in masks]))
    assert 0.4 < share < 0.6


@pytest.mark.parametrize("channels", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_the_mean_and_its_entropy_are_numpys(channels):
    model = tiny_models.bayesian(channels)
    said = Uncertainty(3, 2)
    network = sampling.distribution_of(model, tiny_models.SIZE, said)
    image = tiny_models.images(seed=4)[0]
    wanted, entropy = sampled_by_hand.distribution(model, image, said)
    found = network(image).numpy()
    assert found.shape == (1, *tiny_models.SIZE, channels + 1)
    np.testing.assert_allclose(found[..., :-1], wanted, atol=1e-5)
    np.testing.assert_allclose(found[..., -1], entropy, atol=1e-5)
    assert np.ptp(entropy) > 0.1


def test_the_model_stays_as_it_is():
    model = tiny_models.bayesian()
    image = tiny_models.images()[0]
    before = model(image).numpy()
    sampling.distribution_of(model, tiny_models.SIZE, Uncertainty(2))
    assert all(len(layer._inbound_nodes) == 1 for layer in model.layers)
    np.testing.assert_array_equal(model(image), before)


def test_dropout_of_nothing_is_left_out():
    network = sampling.distribution_of(
        tiny_models.bayesian(rate=0), tiny_models.SIZE, Uncertainty(2)
    )
    assert sampling.masks_of(network) == []


def test_one_pass_has_no_dropout():
    model = tiny_models.bayesian()
    image = tiny_models.images()[0]
    network = sampling.distribution_of(model, tiny_models.SIZE, Uncertainty())
    logits = model(image).numpy()
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    wanted = powers / powers.sum(-1, keepdims=True)
    np.testing.assert_allclose(network(image).numpy()[..., :-1], wanted, atol=1e-5)
    assert sampling.masks_of(network) == []


def sigmoids():
    image = keras.Input((*tiny_models.SIZE, 3))
    return keras.Model(image, keras.layers.Conv2D(4, 1, activation="sigmoid")(image))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (tiny_models.two_stages, "`model` must have Dropout or SpatialDropout2D layers to sample"),
        (sigmoids, "`model` must give probabilities that sum to 1 over the classes"),
        (lambda: tiny_models.bayesian(rate=1), "`rate` of each Dropout must be below 1"),
    ],
    ids=["no dropout", "sigmoids", "all dropped"],
)
def test_what_cannot_be_sampled_is_one_line(make, words):
    with pytest.raises(UserError, match=words) as caught:
        sampling.distribution_of(make(), tiny_models.SIZE, Uncertainty(2))
    assert "\n" not in str(caught.value)
