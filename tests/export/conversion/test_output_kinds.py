"""Logits, probabilities and labels out of a file, against NumPy on the Keras model's logits."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models

from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer, formats


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "int8"),
    [
        pytest.param(1, True, id="1-int8"),
        pytest.param(5, False, id="5-float32", marks=pytest.mark.slow),
        pytest.param(1, False, id="1-float32", marks=pytest.mark.slow),
        pytest.param(5, True, id="5-int8", marks=pytest.mark.slow),
    ],
)
def test_output_kinds(channels, int8):
    model = tiny_models.two_stages(channels)
    ranges = calibration.measure_ranges(model, tiny_models.images()) if int8 else None
    image = tiny_models.images(seed=5)[0]
    outputs = {}
    for kind in formats.OUTPUT_KINDS:
        content = convert.convert(
            model,
            tiny_models.SIZE,
            format="int8" if int8 else "float32",
            ranges=ranges,
            output_kind=kind,
        )
        graph = flatbuffer.read(content)
        if int8:
            assert rules.int8_failures(graph) == []
        assert rules.partition_failures(cpu.partitions(content)) == []
        (outputs[kind],) = cpu.run(cpu.open_interpreter(content), image)
        dtype = "int32" if kind == "labels" else "float32"
        assert graph.tensors[graph.outputs[0]].dtype == dtype
    logits = outputs["logits"]
    assert logits.shape == (1, *tiny_models.SIZE, channels)
    if not int8:
        wanted = model(image).numpy()
        assert np.abs(logits - wanted).max() <= 1e-4 * np.abs(wanted).max()
    if channels == 1:
        probabilities = 1 / (1 + np.exp(-logits))
        labels = logits[..., 0] > 0
    else:
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities = powers / powers.sum(axis=-1, keepdims=True)
        labels = logits.argmax(axis=-1)
    # An int8 probability has a step of 1/256.
    np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=0.01 if int8 else 1e-5)
    assert outputs["labels"].dtype == np.int32
    np.testing.assert_array_equal(outputs["labels"], labels)
