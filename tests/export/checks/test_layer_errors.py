"""The table of `--debug`: errors that were put there on purpose, and NumPy's own sums."""

from __future__ import annotations

import keras
import mobile_model
import numpy as np
import pytest
import tiny_models

from segnet_tf.export.checks import layer_errors
from segnet_tf.export.conversion import calibration, convert


def measured(model, ranges, size=tiny_models.SIZE):
    content = convert.convert(model, size, format="int8", ranges=ranges)
    rows = layer_errors.measure(content, model, ranges, tiny_models.images(size, count=2))
    return {row["layer"]: row for row in rows}


@pytest.fixture(scope="module")
def model():
    return tiny_models.two_stages()


@pytest.fixture(scope="module")
def ranges(model):
    return calibration.measure_ranges(model, tiny_models.images(count=2))


def test_every_layer_that_becomes_int8_is_in_it(model, ranges):
    rows = measured(model, ranges)
    # The deepest pooling hands its map to the unpooling inside the masks, under no name.
    assert set(ranges) - set(rows) == {"encoder2_pool"}
    for row in rows.values():
        assert 0 <= row["added"] <= row["error"]
        if row["snr_db"] is not None:
            assert row["error"] == pytest.approx(10 ** (-row["snr_db"] / 20))


def test_a_transposed_convolution_is_left_out_since_the_file_has_it_in_parts():
    image = keras.Input((*tiny_models.SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="half")(image)
    x = keras.layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
    x = keras.layers.ReLU(name="whole")(x)
    network = keras.Model(image, keras.layers.Conv2D(5, 1, name="last")(x))
    rows = measured(network, calibration.measure_ranges(network, tiny_models.images(count=2)))
    assert {"half", "last"} <= set(rows) and "whole" not in rows


@pytest.mark.slow
def test_mobile_layers_are_in_it():
    model = mobile_model.build()
    ranges = calibration.measure_ranges(model, tiny_models.images(count=2))
    rows = measured(model, ranges)
    assert {"stem_relu", "depth_relu", "add", "concat", "context_conv", "classifier"} <= set(rows)


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["encoder1_relu1", "encoder2_relu1", "decoder1_relu1"])
def test_a_spoilt_range_is_found(model, ranges, layer):
    """A range that cuts off most of a layer's values: that layer adds by far the most."""
    spoilt = ranges | {layer: (0.0, ranges[layer][1] / 8)}
    rows = measured(model, spoilt)
    assert rows[layer]["added"] > 0.3
    others = [row["added"] for name, row in rows.items() if name != layer and "unpool" not in name]
    assert max(others) < 0.8 * rows[layer]["added"]


def test_the_error_is_that_of_rounding(model, ranges):
    """A range 16 times as wide as the output: NumPy rounds Keras's output to its codes."""
    wide = tuple(16 * end for end in ranges["encoder1_relu1"])
    row = measured(model, ranges | {"encoder1_relu1": wide})["encoder1_relu1"]
    inner = keras.Model(model.input, model.get_layer("encoder1_relu1").output)
    values = np.concatenate([np.asarray(inner(image)) for image in tiny_models.images(count=2)])
    step = wide[1] / 255
    rounded = np.round(values / step) * step
    expected = np.sqrt(np.square(rounded - values).mean() / np.square(values).mean())
    assert row["error"] == pytest.approx(expected, rel=0.1)


def test_the_image_loses_nothing(model, ranges):
    assert measured(model, ranges)["normalization"]["error"] < 1e-3
