"""Channels of zeros, judged by NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.layers import ChannelPadding


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_zeros_follow_the_channels_of_the_map(dtype):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(dtype)
    y = ChannelPadding(7, dtype=dtype)(x).numpy()
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (0, 0), (0, 0), (0, 2))))
    np.testing.assert_array_equal(ChannelPadding(5, dtype=dtype)(x), x)


def test_it_is_saved_with_its_number_of_channels(tmp_path):
    image = keras.Input((None, 4, 3))
    keras.Model(image, ChannelPadding(6)(image)).save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert loaded.output_shape == (None, None, 4, 6)
    assert loaded.layers[-1].get_config()["channels"] == 6


@pytest.mark.parametrize("channels", [0, 1.5, True, "2"])
def test_channels_must_be_a_positive_whole_number(channels):
    with pytest.raises(UserError, match="`channels` must be a positive whole number. Received: "):
        ChannelPadding(channels)


def test_it_takes_no_channels_away():
    with pytest.raises(UserError, match="at least the number that the map has. Received: channels"):
        ChannelPadding(2)(np.zeros((1, 4, 4, 3), np.float32))
