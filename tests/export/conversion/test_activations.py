"""PReLU, standing normalizations and dilated convolutions in files, judged by NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer

SIZE = (9, 11)
# Below, at, between and above 0 and 1.
ANY = (-0.5, 0.0, 0.25, 1.0, 1.5, 3.0)
# name -> slopes, ops in int8 after the normalization of the image
CASES = {
    "any": (ANY, {"DEPTHWISE_CONV_2D": 2, "ADD": 1, "SUB": 1}),
    "up to 1": ((-0.5, 0.0, 0.01, 0.25, 0.9, 1.0), {"DEPTHWISE_CONV_2D": 1, "ADD": 1}),
    "from 1 on": ((1.0, 1.1, 1.5, 2.0, 3.0, 1.0), {"DEPTHWISE_CONV_2D": 1, "SUB": 1}),
    "shared": ((0.25,), {"LEAKY_RELU": 1}),
    "shared, negative": ((-0.75,), {"LEAKY_RELU": 1}),
    # XNNPACK takes no LEAKY_RELU of such a slope.
    "shared, 0": ((0.0,), {"DEPTHWISE_CONV_2D": 1, "ADD": 1}),
}


def pixels(seed=0):
    """Every value of a byte, once or more."""
    values = np.random.default_rng(seed).permutation(np.arange(SIZE[0] * SIZE[1] * 6) % 256)
    return values.reshape(1, *SIZE, 6).astype(np.float32)


def network(layer):
    """`layer` on values from -1 to 127/128, which int8 holds without rounding."""
    image = keras.Input((*SIZE, 6))
    return keras.Model(image, layer(keras.layers.Rescaling(1 / 128, -1.0)(image)))


def ops_of(content):
    kinds = [op.name for op in flatbuffer.read(content).ops]
    return {kind: kinds.count(kind) for kind in kinds}


def answers(content):
    for runtime in cpu.KERNELS:
        yield cpu.run(cpu.open_interpreter(content, runtime), pixels())[0]


@pytest.mark.parametrize("name", CASES)
def test_prelu_in_int8(name):
    slopes, ops = CASES[name]
    axes = (1, 2) if len(slopes) > 1 else (1, 2, 3)
    layer = keras.layers.PReLU(shared_axes=axes, name="prelu")
    model = network(layer)
    layer.set_weights([np.float32(slopes).reshape(layer.alpha.shape)])
    x = pixels() / 128 - 1
    wanted = np.where(x > 0, x, np.float32(slopes) * x)
    ranges = {"prelu": (min(float(wanted.min()), 0.0), float(wanted.max()))}
    content = convert.convert(model, SIZE, "int8", ranges=ranges)
    found = ops_of(content)
    # The image is normalized by one.
    found["DEPTHWISE_CONV_2D"] -= 1
    assert {kind: found.get(kind, 0) for kind in ops} == ops
    assert "PRELU" not in found and "MAXIMUM" not in found
    graph = flatbuffer.read(content)
    assert rules.int8_failures(graph) == []
    assert rules.partition_failures(cpu.partitions(content)) == []
    step = (ranges["prelu"][1] - ranges["prelu"][0]) / 255
    # What is added, and between the two sums the sum itself, are rounded too.
    most = max(1 - min(slopes), max(slopes) - 1, 1)
    rounded = {"LEAKY_RELU": 0.3 * step}.get(next(iter(ops)), 0.5 * most / 255)
    if "SUB" in ops and "ADD" in ops:
        rounded += 0.5 * (4 + most) / 255
    for got in answers(content):
        assert np.abs(got - wanted).max() < 0.55 * step + rounded


def test_prelu_in_float_is_one_op_and_exact():
    layer = keras.layers.PReLU(shared_axes=(1, 2), name="prelu")
    model = network(layer)
    layer.set_weights([np.float32(ANY).reshape(1, 1, 6)])
    x = pixels() / 128 - 1
    content = convert.convert(model, SIZE)
    assert ops_of(content)["PRELU"] == 1
    for got in answers(content):
        np.testing.assert_allclose(got, np.where(x > 0, x, np.float32(ANY) * x), rtol=1e-6)


def test_slopes_for_each_pixel_are_refused_in_int8():
    model = network(keras.layers.PReLU(name="prelu"))
    with pytest.raises(UserError, match=r"`shared_axes` of PReLU must have 1 and 2") as caught:
        convert.convert(model, SIZE, "int8", ranges={"prelu": (-1.0, 1.0)})
    assert "\n" not in str(caught.value)


def test_a_normalization_that_stands_alone_is_int8():
    """The converter would compute it in float32, between two conversions."""
    norm = keras.layers.BatchNormalization(name="bn")
    model = network(norm)
    rng = np.random.default_rng(0)
    gamma, variance = rng.uniform(0.5, 1.5, (2, 6))
    beta, mean = rng.normal(0, 0.3, (2, 6))
    norm.set_weights([gamma, beta, mean, variance])
    wanted = (pixels() / 128 - 1 - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta
    ranges = {"bn": (float(wanted.min()), float(wanted.max()))}
    content = convert.convert(model, SIZE, "int8", ranges=ranges)
    assert rules.int8_failures(flatbuffer.read(content)) == []
    assert rules.partition_failures(cpu.partitions(content)) == []
    step = (ranges["bn"][1] - ranges["bn"][0]) / 255
    for got in answers(content):
        assert np.abs(got - wanted).max() < 0.6 * step


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_a_dilated_convolution_is_one_op(kind):
    """No SPACE_TO_BATCH, on odd sides, and with a reach beyond the map."""
    options = {"padding": "same", "dilation_rate": 4, "name": "conv"}
    if kind == "CONV_2D":
        layer = keras.layers.Conv2D(2, 3, **options)
    else:
        layer = keras.layers.DepthwiseConv2D(3, **options)
    model = network(layer)
    x = np.pad(pixels() / 128 - 1, ((0, 0), (4, 4), (4, 4), (0, 0)))
    kernel, bias = layer.get_weights()
    wanted = np.zeros((1, *SIZE, len(bias)))
    for i in range(3):
        for j in range(3):
            tap = x[:, 4 * i : 4 * i + SIZE[0], 4 * j : 4 * j + SIZE[1]]
            wanted += tap @ kernel[i, j] if kind == "CONV_2D" else tap * kernel[i, j, :, 0]
    ranges = {"conv": (float(wanted.min()), float(wanted.max()))}
    for form, close in (("float32", 1e-5), ("int8", 0.03 * np.abs(wanted).max())):
        content = convert.convert(model, SIZE, form, ranges=ranges if form == "int8" else None)
        graph = flatbuffer.read(content)
        dilated = [op for op in graph.ops if op.name == kind and op.options.dilationHFactor == 4]
        assert len(dilated) == 1 and "SPACE_TO_BATCH_ND" not in ops_of(content)
        assert rules.partition_failures(cpu.partitions(content)) == []
        for got in answers(content):
            assert np.abs(got - wanted).max() < close
