"""A temperature in an exported file: int8 codes stay what they were, their scale is divided."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models

import segnet_tf
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.models.temperature import apply_temperature


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [2.0, 0.61])
def test_int8_keeps_its_codes(temperature, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (8, *tiny_models.SIZE, 3)).astype(np.uint8)
    model = tiny_models.two_stages()
    logits = []
    for name in ("plain", "calm"):
        output = tmp_path / f"{name}.tflite"
        segnet_tf.export(model, format="int8", data=images, output=output)
        logits.append(TFLiteModel(output).on_batch(images))
        if name == "plain":
            apply_temperature(model, temperature)
    plain, calm = logits
    # The file gives multiples of one number.
    step = np.diff(np.unique(plain)).min()
    off = np.abs(temperature * calm - plain) / step
    if temperature == 2:
        np.testing.assert_array_equal(2 * calm, plain)
    # A code may be one beside its own where another scale is rounded otherwise.
    assert off.max() < 1.1 and (off > 0.1).mean() < 0.01
    assert np.ptp(plain) > 100 * step
