"""Transposed convolutions, judged by NumPy: each input pixel adds its kernel to the map."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import calibration, convert, merging
from segnet_tf.export.conversion.graph import Value
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer

SIZE = (9, 7)
KERNELS = (1, 2, 3, 4, (2, 5))
STRIDES = (1, 2, 3, (1, 2), (3, 2))


def added_up(x, layer):
    """The map that all pixels have added to, cut to the layer's size."""
    kernel = layer.kernel.numpy()  # (height, width, filters, channels)
    rate = layer.dilation_rate
    reach = [(kernel.shape[i] - 1) * rate[i] + 1 for i in (0, 1)]
    batch, height, width, _ = x.shape
    rows, columns = layer.strides
    size = layer.compute_output_shape(x.shape)[1:3]
    sides = [
        max((height - 1) * rows + reach[0], size[0]),
        max((width - 1) * columns + reach[1], size[1]),
    ]
    full = np.zeros((batch, *sides, kernel.shape[2]))
    for i, j in itertools.product(range(height), range(width)):
        for k, m in itertools.product(range(kernel.shape[0]), range(kernel.shape[1])):
            place = (slice(None), i * rows + k * rate[0], j * columns + m * rate[1])
            full[place] += x[:, i, j] @ kernel[k, m].T
    top, left = ((sides[i] - size[i]) // 2 if layer.padding == "same" else 0 for i in (0, 1))
    return full[:, top : top + size[0], left : left + size[1]] + layer.bias.numpy()


def built(channels=2, **options):
    layer = keras.layers.Conv2DTranspose(3, bias_initializer="random_normal", **options)
    layer.build((None, *SIZE, channels))
    return layer


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", STRIDES)
def test_every_kernel_stride_and_padding(strides, padding):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(2, *SIZE, 2)).astype(np.float32)
    cases = [{"kernel_size": kernel} for kernel in KERNELS]
    if strides == 1:
        cases.append({"kernel_size": 3, "dilation_rate": 2})
    if strides == 2:
        cases.append({"kernel_size": 3, "output_padding": 1})
    for case in cases:
        layer = built(strides=strides, padding=padding, **case)
        got = merging.transposed(layer, Value(tf.constant(x))).write(None).numpy()
        np.testing.assert_allclose(got, added_up(x, layer), atol=1e-5, err_msg=str(case))


def test_the_judge_agrees_with_keras():
    x = np.random.default_rng(0).normal(size=(1, *SIZE, 2)).astype(np.float32)
    layer = built(kernel_size=4, strides=(3, 2), padding="same")
    np.testing.assert_allclose(layer(x), added_up(x, layer), atol=1e-5)


@pytest.fixture(scope="module")
def doubling():
    """With normalization and ReLU, all of which are merged into two convolutions."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Rescaling(1 / 128, -1.0)(image)
    x = keras.layers.Conv2DTranspose(
        4, 3, 2, padding="same", bias_initializer="random_normal", name="up"
    )(x)
    norm = keras.layers.BatchNormalization(name="bn")
    x = keras.layers.ReLU(name="relu")(norm(x))
    rng = np.random.default_rng(0)
    norm.set_weights([*rng.uniform(0.5, 1.5, (1, 4)), *rng.normal(0, 0.1, (2, 4)), np.ones(4)])
    return keras.Model(image, x)


def test_normalization_and_relu_are_merged_into_it(doubling):
    pixels = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3)).astype(np.float32)
    up, norm = doubling.get_layer("up"), doubling.get_layer("bn")
    gamma, beta, mean, variance = norm.get_weights()
    summed = added_up(pixels / 128 - 1, up)
    wanted = np.maximum((summed - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta, 0)
    ranges = calibration.measure_ranges(doubling, [pixels])
    assert "up" not in ranges and "bn" not in ranges
    ranges["relu"] = (0.0, float(wanted.max()))
    for form in ("float32", "int8"):
        content = convert.convert(doubling, SIZE, form, ranges=ranges if form == "int8" else None)
        graph = flatbuffer.read(content)
        kinds = [op.name for op in graph.ops]
        assert kinds.count("CONV_2D") == 2
        assert not {"TRANSPOSE_CONV", "DEPTH_TO_SPACE", "RELU", "SUB"} & set(kinds)
        assert rules.partition_failures(cpu.partitions(content)) == []
        # Of the weights too: an int8 kernel is off by up to 1/254 of its largest value.
        close = 1e-5 if form == "float32" else 0.02 * wanted.max()
        for runtime in cpu.KERNELS:
            (got,) = cpu.run(cpu.open_interpreter(content, runtime), pixels)
            assert np.abs(got - wanted).max() < close
    assert rules.int8_failures(graph) == []
