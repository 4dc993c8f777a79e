"""Networks without pooling indices on the other runtimes: GPU, browser, aarch64, MediaPipe."""

from __future__ import annotations

from functools import cache

import family_models
import numpy as np
import pytest
import tiny_models

from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu, mediapipe_client, registry
from segnet_tf.export.tflite_file import metadata

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SIZE = family_models.SIZE
CELLS = [
    (runtime, network, form)
    for runtime in ("gpu-float32", "browser-wasm", "aarch64")
    for network in family_models.NETWORKS
    for form in ("float32", "int8")
    # The emulator starts for a minute: these two have all the ops of the others.
    if runtime != "aarch64" or (network in ("deeplab_v3_plus", "pspnet") and form == "int8")
]


@cache
def model(network):
    return family_models.build(network)


@cache
def content(network, form):
    images = tiny_models.images(SIZE)
    ranges = calibration.measure_ranges(model(network), images) if form == "int8" else None
    return convert.convert(model(network), SIZE, form, ranges=ranges)


def on_xnnpack(network, form, image):
    return cpu.run(cpu.open_interpreter(content(network, form)), image)[0]


@pytest.mark.parametrize(("runtime", "network", "form"), CELLS)
def test_every_runtime_gives_the_same_classes(runtime, network, form):
    row = registry.get(runtime)
    if reason := row.unavailable():
        pytest.skip(reason)
    image = tiny_models.images(SIZE, 1, seed=5)[0]
    ((found,),) = row.run(content(network, form), [image]).outputs
    wanted = on_xnnpack(network, form, image)
    size = np.abs(wanted).max()
    if form == "float32":
        keras_logits = model(network)(image).numpy()
        np.testing.assert_allclose(found, keras_logits, atol=1e-4 * size)
        assert (found.argmax(-1) == keras_logits.argmax(-1)).mean() > 0.999
    elif runtime == "gpu-float32":
        # It computes an int8 file in float, and rounds elsewhere.
        assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.999
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("network", family_models.NETWORKS)
def test_mediapipe_gives_the_classes_of_the_file(network):
    if reason := mediapipe_client.unavailable("python"):
        pytest.skip(reason)
    labels = tuple(f"class {index}" for index in range(11))
    file = metadata.attach(content(network, "int8"), "logits", labels)
    image = tiny_models.images(SIZE, 1, seed=5)[0]
    (found,) = mediapipe_client.segment(file, [image[0].astype(np.uint8)], "python")
    assert found.labels == labels
    np.testing.assert_array_equal(found.category, on_xnnpack(network, "int8", image)[0].argmax(-1))
