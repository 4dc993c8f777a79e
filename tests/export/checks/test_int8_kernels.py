"""export/checks/int8_kernels.py: its exact arithmetic against TensorFlow's, and what it reports."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.export.checks import int8_kernels
from segnet_tf.export.runtimes import cpu, registry
from segnet_tf.export.runtimes.cpu import Cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph, Op, Tensor

RELU = schema.ActivationFunctionType.RELU
NONE = schema.ActivationFunctionType.NONE
RANDOM = np.random.default_rng(0)


def tensor(index, shape, scale, zero=0, data=None):
    scales = np.atleast_1d(np.asarray(scale, np.float64))
    zeros = np.full(scales.shape, zero)
    return Tensor(index, f"tensor {index}", shape, "int8", scales, zeros, data)


def options(padding="SAME", stride=(1, 1), activation=NONE, multiplier=1, dilation=1):
    return SimpleNamespace(
        padding=getattr(schema.Padding, padding),
        strideH=stride[0],
        strideW=stride[1],
        dilationHFactor=dilation,
        dilationWFactor=dilation,
        depthMultiplier=multiplier,
        fusedActivationFunction=activation,
    )


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    ("window", "stride", "dilation"),
    [((3, 3), 1, 1), ((1, 1), 1, 1), ((3, 2), 2, 1), ((2, 3), 2, 1), ((3, 2), 1, 3)],
)
def test_convolutions_are_tensorflows(name, padding, window, stride, dilation):
    source = RANDOM.integers(-128, 128, (1, 7, 9, 4)).astype(np.int8)
    channels = 5 if name == "CONV_2D" else 4
    shape = (5, *window, 4) if name == "CONV_2D" else (1, *window, 4)
    kernel = RANDOM.integers(-127, 128, shape).astype(np.int8)
    bias = RANDOM.integers(-999, 999, channels).astype(np.int32)
    scales = RANDOM.uniform(1e-3, 1e-2, channels)
    x = source.astype(np.float64) - 3
    if name == "CONV_2D":
        filters = kernel.transpose(1, 2, 3, 0).astype(float)
        sums = tf.nn.conv2d(x, filters, stride, padding, dilations=dilation)
    else:
        filters = kernel[0][..., None].astype(float)
        strides, apart = (1, stride, stride, 1), (dilation, dilation)
        sums = tf.nn.depthwise_conv2d(x, filters, strides, padding, dilations=apart)
    expected = (sums.numpy() + bias) * scales * 0.5 / 2 - 7
    tensors = (
        tensor(0, source.shape, 0.5, 3),
        tensor(1, shape, scales, data=kernel),
        Tensor(2, "bias", bias.shape, "int32", 0.5 * scales, np.zeros(channels), bias),
        tensor(3, expected.shape, 2.0, -7),
    )
    op = Op(name, (0, 1, 2), (3,), options(padding, (stride, stride), dilation=dilation))
    got = int8_kernels.exact(Graph(tensors, (op,), (0,), (3,)), op, {0: source})
    np.testing.assert_allclose(got, np.clip(expected, -128, 127), rtol=1e-12, atol=1e-9)
    assert got.std() > 1


@pytest.mark.parametrize(
    ("name", "expected"),
    # By hand: 0.5 * (10 - 2) = 4 and 0.25 * 6 = 1.5, in steps of 0.1 from code -20.
    [("SUB", 5.0), ("ADD", 35.0), ("MUL", 40.0)],
)
def test_arithmetic_by_hand(name, expected):
    tensors = (tensor(0, (1,), 0.5, 2), tensor(1, (1,), 0.25), tensor(2, (1,), 0.1, -20))
    codes = {0: np.array([10], np.int16), 1: np.array([6], np.int16)}
    op = Op(name, (0, 1), (2,), options())
    got = int8_kernels.exact(Graph(tensors, (op,), (0, 1), (2,)), op, codes)
    np.testing.assert_allclose(got, [expected])


def test_relu_ends_at_the_zero_point():
    tensors = (tensor(0, (2,), 1.0), tensor(1, (2,), 1.0), tensor(2, (2,), 1.0, -20))
    codes = {0: np.array([0, 30], np.int16), 1: np.array([9, 9], np.int16)}
    op = Op("SUB", (0, 1), (2,), options(activation=RELU))
    got = int8_kernels.exact(Graph(tensors, (op,), (0, 1), (2,)), op, codes)
    np.testing.assert_array_equal(got, [-20, 1])


def kinds(content):
    graph = flatbuffer.read(content)
    names = [op.name for op in graph.ops if op.name in int8_kernels.COMPUTED_OPS]
    return {name: names.count(name) for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("runtime", cpu.KERNELS)
def test_kernels_round_what_is_exact(int8_file, images, runtime):
    errors = int8_kernels.op_errors(int8_file, runtime, images[0])
    assert {error.op: error.count for error in errors} == kinds(int8_file)
    assert "CONV_2D" in kinds(int8_file) and "SUB" in kinds(int8_file)
    for error in errors:
        # Rounding twice adds a little to half a code.
        assert error.worst <= 0.51 and error.rounded > 0.99


def test_a_wrong_code_is_found(int8_file, images, monkeypatch):
    graph = flatbuffer.read(int8_file)
    target = next(op for op in graph.ops if op.name == "CONV_2D").outputs[0]
    usual = Cpu("xnnpack", has_delegate=True)

    def run(self, content, images):
        result = usual.run(content, images)
        place = flatbuffer.read(content).outputs.index(target, len(graph.outputs))
        result.outputs[0][place][0, 4, 4, 0] += 2 * np.float32(graph.tensors[target].scale[0])
        return result

    wrong = type("Wrong", (Cpu,), {"run": run})("wrong")
    monkeypatch.setitem(registry.RUNTIMES, "wrong", wrong)
    errors = {e.op: e for e in int8_kernels.op_errors(int8_file, "wrong", images[0])}
    assert 1.4 < errors["CONV_2D"].worst < 2.6
    assert errors["CONV_2D"].where == graph.tensors[target].name[:60]
    assert errors["SUB"].worst <= 0.5


@pytest.mark.slow
def test_codes_are_those_of_the_file(narrow, int8_file, images):
    from segnet_tf.export.conversion import calibration, convert

    graph = flatbuffer.read(int8_file)
    (values,) = registry.get("xnnpack").run(int8_file, images[:1]).outputs[0]
    interpreter = cpu.open_interpreter(int8_file)
    cpu.run(interpreter, images[0])
    detail = interpreter.get_output_details()[0]
    expected = interpreter.get_tensor(detail["index"]).astype(int) - detail["quantization"][1]
    np.testing.assert_array_equal(int8_kernels.output_codes(graph, values), expected)
    assert len(np.unique(expected)) > 20
    ranges = calibration.measure_ranges(narrow, images)
    twin = convert.convert(narrow, images[0].shape[1:3], format="int8", ranges=ranges)
    (real,) = registry.get("xnnpack").run(twin, images[:1]).outputs[0]
    np.testing.assert_array_equal(int8_kernels.output_codes(flatbuffer.read(twin), real), expected)


def test_pairs_by_hand():
    first = np.array([[[5, 1], [5, 1]], [[0, 9], [3, 2]]])
    second = first.copy()
    second[0, 0] = [5, 8]  # another class, 7 codes away
    answers = {"a": [first, first], "b": [second, first], "c": [first]}
    by_name = {(p.first, p.second): p for p in int8_kernels.pairs(answers)}
    assert set(by_name) == {("a", "b"), ("a", "c"), ("b", "c")}
    pair = by_name["a", "b"]
    assert (pair.images, pair.worst) == (2, 7)
    assert pair.codes == pytest.approx(15 / 16) and pair.pixels == pytest.approx(7 / 8)
    assert by_name["b", "c"].codes == pytest.approx(7 / 8)
    assert by_name["a", "c"] == int8_kernels.Pair("a", "c", 1, 1.0, 0, 1.0)
