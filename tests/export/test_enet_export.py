"""ENet as a file: one partition, exact masks, and Keras's answers, in every format."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf import models
from segnet_tf.data.scenes import synthetic
from segnet_tf.export import verifier
from segnet_tf.export.checks import int8_kernels
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu

ODD = tiny_models.ODD
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    model = tiny_models.alive(models.enet(11, (*ODD, 3), width=0.25))
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.PReLU):
            layer.set_weights([rng.uniform(-0.2, 1.2, layer.alpha.shape)])
    return model


@pytest.fixture(scope="module")
def ranges(network):
    return calibration.measure_ranges(network, tiny_models.images(ODD, 6))


def verified(network, content, tmp_path, **options):
    path = tmp_path / "enet.tflite"
    path.write_bytes(content)
    return verifier.verify(path, network, synthetic.samples("val", size=ODD, count=2), **options)


@pytest.mark.parametrize(
    ("form", "relative"), [("float32", 1e-5), ("float16", 0.02), ("dynamic", 0.05)]
)
def test_float_files_answer_as_keras_does(network, tmp_path, form, relative, fast):
    content = convert.convert(network, ODD, form)
    report = verified(network, content, tmp_path)
    assert report.failures == () and report.facts["partitions"]["count"] == 1
    image = tiny_models.images(ODD, 1, seed=5)[0]
    wanted = network(image).numpy()
    for runtime in cpu.KERNELS:
        (got,) = cpu.run(cpu.open_interpreter(content, runtime), image)
        assert np.abs(got - wanted).max() <= relative * np.abs(wanted).max()


def test_custom_unpooling_answers_as_keras_does_but_for_ties(network):
    """ENet pools the image itself, whose bytes are often equal: see `delegate_ops.TIES`."""
    content = convert.convert(network, ODD, unpool="custom")
    image = tiny_models.images(ODD, 1, seed=5)[0]
    wanted = network(image).numpy()
    (got,) = cpu.run(cpu.open_interpreter(content), image)
    close = np.abs(got - wanted) <= 1e-5 * np.abs(wanted).max()
    assert close.mean() > 0.8
    assert cpu.partitions(content).count == 1


def test_equal_maxima_are_the_reason_that_is_given(network, tmp_path, fast):
    """A GPU would be right: only XNNPACK, which checks the file here, takes another of them."""
    content = convert.convert(network, ODD, unpool="custom")
    path = tmp_path / "enet.tflite"
    path.write_bytes(content)

    def black_and_white(index):
        rng = np.random.default_rng(index)
        return (255 * rng.integers(0, 2, (*ODD, 3))).astype(np.uint8), np.zeros(ODD, np.uint8)

    noise = dataclasses.replace(
        synthetic.samples("val", size=ODD, count=2), read=black_and_white, read_as=None
    )
    report = verifier.verify(path, network, noise, unpool="custom", largest_drop=1.0)
    counts = report.facts["pairs"]["runtimes"]["xnnpack"]
    assert counts["wrong"] == 0 < counts["other_tie"]
    (failure,) = report.failures
    assert f"; in {counts['other_tie']:,} windows XNNPACK takes another of equal" in failure
    path.write_bytes(convert.convert(network, ODD))
    assert verifier.verify(path, network, noise, largest_drop=1.0).failures == ()


@pytest.mark.parametrize(
    ("io", "output_kind"), [("float32", "logits"), ("uint8", "logits"), ("uint8", "labels")]
)
def test_every_op_of_an_int8_file_is_rounded_right(
    network, ranges, tmp_path, io, output_kind, fast
):
    content = convert.convert(network, ODD, "int8", ranges=ranges, io=io, output_kind=output_kind)
    # Random weights in 90 layers: int8 moves many pixels across a border. Each op must be right.
    report = verified(network, content, tmp_path, largest_drop=1.0)
    assert report.failures == () and report.facts["partitions"]["count"] == 1
    assert report.facts["masks"]["count"] == 4
    image = tiny_models.images(ODD, 1, seed=5)[0]
    for runtime in cpu.KERNELS:
        errors = int8_kernels.op_errors(content, runtime, image)
        assert {error.op for error in errors} >= {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD"}
        assert max(error.worst for error in errors) < 0.6
