"""What a file with an uncertainty gives on LiteRT, by NumPy on Keras's layers with its masks."""

from __future__ import annotations

import numpy as np
import pytest
import sampled_by_hand
import tiny_models
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.export.checks import dropout_masks, rules
from segnet_tf.export.conversion import calibration, convert, sampling
from segnet_tf.export.runtimes import arena, cpu, registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

SAID = Uncertainty(3, 2)
ONE = Uncertainty()


def network_of(channels=5, said=SAID):
    return sampling.distribution_of(tiny_models.bayesian(channels), tiny_models.SIZE, said)


def file(format, kind="probabilities", said=SAID, channels=5, io="float32", batch=1):
    model = tiny_models.bayesian(channels)
    ranges = None
    if format == "int8":
        ranges = calibration.ranges_of_network(network_of(channels, said), tiny_models.images())
    return convert.convert(
        model,
        tiny_models.SIZE,
        format,
        ranges=ranges,
        io=io,
        output_kind=kind,
        batch=batch,
        uncertainty=said,
    )


@pytest.fixture(scope="module")
def float32():
    return file("float32")


@pytest.fixture(scope="module")
def image():
    return tiny_models.images(seed=4)[0]


def run(content, image, runtime="xnnpack"):
    return cpu.run(cpu.open_interpreter(content, runtime), image)


def stored_bytes(content):
    model = schema.ModelT.InitFromPackedBuf(content)
    return [bytes(buffer.data) for buffer in model.buffers if buffer.data is not None]


def test_float32_gives_numpys_numbers(float32, image):
    mean, entropy = sampled_by_hand.distribution(tiny_models.bayesian(), image, SAID)
    for runtime in ("xnnpack", "reference"):
        uncertainty, probabilities = run(float32, image, runtime)
        np.testing.assert_allclose(probabilities, mean, atol=1e-5)
        np.testing.assert_allclose(uncertainty[..., 0], entropy, atol=1e-4)
    assert cpu.partitions(float32).count == 1 and cpu.partitions(float32).left_out == ()
    network = network_of()
    graph = flatbuffer.read(float32)
    assert rules.mask_failures(graph, len(sampling.pools_of(network))) == []
    assert dropout_masks.stored_failures(graph, sampling.masks_of(network)) == []


def test_weights_are_stored_once(float32):
    """Each sample's convolutions have the same kernels, and the file has them once."""
    kept = stored_bytes(float32)
    graph = flatbuffer.read(float32)
    convolutions = [op for op in graph.ops if op.name == "CONV_2D"]
    # 1 in the trunk, 4 a sample, 1 for the entropy.
    assert len(convolutions) == 1 + 4 * SAID.samples + 1
    long = [data for data in kept if len(data) > 100]
    assert len(long) == len(set(long))
    kernels = {graph.tensors[op.inputs[1]].data.tobytes() for op in convolutions}
    assert len(kernels) == 1 + 4 + 1


@pytest.mark.slow
def test_a_sample_is_over_before_the_next_begins():
    """What is alive at the same time does not grow with the samples, but for their sum."""
    few, many = (arena.peak_live(file("float32", said=Uncertainty(n, 2))) for n in (2, 8))
    assert many <= few + 4 * np.prod((*tiny_models.SIZE, 5))


@pytest.mark.slow
@pytest.mark.parametrize(("said", "channels"), [(SAID, 5), (SAID, 1), (ONE, 5), (ONE, 1)])
def test_int8_is_int8_and_exact(said, channels, image):
    content = file("int8", said=said, channels=channels)
    graph = flatbuffer.read(content)
    assert rules.int8_failures(graph) == []
    assert rules.partition_failures(cpu.partitions(content), True) == []
    assert "LOG_SOFTMAX" not in rules.describe(graph)["ops"]  # which GPU delegates refuse
    network = network_of(channels, said)
    assert dropout_masks.stored_failures(graph, sampling.masks_of(network)) == []
    for runtime in cpu.KERNELS:
        if said.samples > 1:
            wrong, values = dropout_masks.count_wrong(content, [image], runtime)
            assert wrong == 0 and values == said.samples * (16 * 24 * 4 * 2 + 8 * 12 * 6)
        assert rules.count_mask_mismatches(content, [image], runtime)[0] == 0
        uncertainty, probabilities = run(content, image, runtime)
        expected = network(image).numpy()
        assert np.abs(probabilities - expected[..., :-1]).mean() < 0.02
        assert np.abs(uncertainty - expected[..., -1:]).mean() < 0.04
        assert uncertainty.min() >= 0


@pytest.mark.slow
@pytest.mark.parametrize("format", ["float32", "float16", "dynamic", "int8"])
def test_labels_come_with_their_uncertainty(format, image):
    content = file(format, "labels", io="uint8" if format == "int8" else "float32")
    uncertainty, labels = run(content, image)
    assert labels.dtype == np.int32 and labels.shape == (1, *tiny_models.SIZE)
    assert uncertainty.shape == (1, *tiny_models.SIZE, 1)
    expected = network_of()(image).numpy()
    assert (labels == expected[..., :-1].argmax(-1)).mean() > (0.8 if format == "int8" else 0.98)
    assert np.abs(uncertainty - expected[..., -1:]).mean() < 0.05
    assert rules.partition_failures(cpu.partitions(content), True) == []


@pytest.mark.slow
def test_images_of_a_batch_have_the_same_masks(float32):
    images = tiny_models.images(count=2)
    together = run(file("float32", batch=2), np.concatenate(images))
    for index, image in enumerate(images):
        for found, alone in zip(together, run(float32, image), strict=True):
            np.testing.assert_allclose(found[index], alone[0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["gpu-float32", "gpu-float16", "aarch64", "browser-wasm"])
def test_other_runtimes_take_all_of_it(float32, image, runtime):
    if reason := registry.get(runtime).unavailable():
        pytest.skip(reason)
    (found,) = registry.get(runtime).run(float32, [image]).outputs
    allowed = 0.03 if registry.get(runtime).float16 else 1e-5
    for here, there in zip(run(float32, image), found, strict=True):
        assert here.shape == there.shape
        assert np.abs(here - there).mean() < allowed
