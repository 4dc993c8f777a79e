"""LiteRT's GPU delegate in float32 and float16, on the drivers of `make runtimes-gpu`."""

from __future__ import annotations

import lowered_pair
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.checks import rules
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer


def drivers(test):
    """Marks a test slow, runs it in every precision and skips it where the driver is missing."""
    for mark in (
        pytest.mark.parametrize(
            "precision", [with_driver(name) for name in ("float32", "float16")]
        ),
        pytest.mark.slow,
        pytest.mark.timeout(900),
    ):
        test = mark(test)
    return test


def gpu(precision):
    return registry.get(f"gpu-{precision}")


def with_driver(precision):
    reason = gpu(precision).unavailable()
    return pytest.param(precision, marks=pytest.mark.skipif(reason is not None, reason=str(reason)))


def one_line(info) -> str:
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


def converted(function, shape=(1, 8, 8, 4)) -> bytes:
    """The file of a function of one float32 tensor."""
    signature = [tf.TensorSpec(shape, tf.float32)]
    graph = tf.function(function, input_signature=signature, autograph=False)
    concrete = graph.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module()).convert()


def maps(shape):
    """Maps of numbers that float16 has: drawn, with many ties, zero, negative, one step apart."""
    draw = np.random.default_rng(0)
    drawn = draw.uniform(-6, 6, shape).astype(np.float16)
    step = np.nextafter(drawn, np.float16(100))
    several = [
        drawn,
        draw.integers(0, 3, shape),
        np.zeros(shape),
        -np.abs(drawn) - 1,
        np.where(draw.integers(0, 2, shape), np.float16(1.5), np.nextafter(np.float16(1.5), 2)),
        np.where(draw.integers(0, 2, shape), drawn, step),
    ]
    return [np.asarray(one, np.float16).astype(np.float32) for one in several]


@drivers
@pytest.mark.parametrize(
    ("shape", "padding"),
    [
        ((1, 8, 12, 8), "valid"),
        ((1, 9, 7, 5), "valid"),
        ((1, 9, 7, 5), "same"),
        ((1, 45, 61, 3), "same"),
    ],
)
def test_pair_alone_is_exact(precision, shape, padding):
    content = lowered_pair.convert(shape, padding)
    several = maps(shape)
    found = gpu(precision).run(content, several).outputs
    for x, (pooled, unpooled) in zip(several, found, strict=True):
        expected = lowered_pair.reference(x, ceil=padding == "same")
        np.testing.assert_array_equal(pooled, expected[0])
        np.testing.assert_array_equal(unpooled, expected[1])


@drivers
def test_precision_is_the_one_asked_for(precision):
    x = np.random.default_rng(1).uniform(-6, 6, (1, 8, 12, 8)).astype(np.float32)
    content = lowered_pair.convert(x.shape, "valid")
    ((pooled, _),) = gpu(precision).run(content, [x]).outputs
    computed = x if precision == "float32" else x.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(pooled, lowered_pair.reference(computed, ceil=False)[0])


@drivers
def test_masks_of_a_network_are_exact(precision, float_file, images):
    wrong, pairs = rules.count_mask_mismatches(float_file, images, f"gpu-{precision}")
    # Five stages: a column mask halves the rows of its row mask.
    assert pairs == 2 * 3 * sum(
        (64 >> stage) * (96 >> stage) * width // 4 for stage, width in enumerate((8, 8, 16, 16, 16))
    )
    assert wrong == 0


@drivers
@pytest.mark.parametrize("value_range", [(0.0, 6.0), (-3.0, 5.0), (0.0, 300.0)])
def test_int8_pair_alone_is_exact(precision, value_range):
    shape = (1, 9, 7, 5)
    content = lowered_pair.convert(shape, "same", value_range)
    graph = flatbuffer.read(content)
    step, zero = (float(part[0]) for part in _quantization(graph, graph.inputs[0]))
    draw = np.random.default_rng(0)
    several = [draw.integers(low, high, shape) for low, high in ((-128, 128), (0, 2), (-128, -125))]
    images = [np.float32((codes - zero) * step) for codes in several]
    found = gpu(precision).run(content, images).outputs
    for codes, outputs in zip(several, found, strict=True):
        for values, expected in zip(
            outputs, lowered_pair.reference(codes - int(zero), ceil=True), strict=True
        ):
            np.testing.assert_array_equal(np.rint(values / np.float32(step)), expected)


def _quantization(graph, index):
    return graph.tensors[index].scale, graph.tensors[index].zero_point


@drivers
def test_int8_masks_of_a_network_are_exact(precision, int8_file, images):
    wrong, pairs = rules.count_mask_mismatches(int8_file, images[:1], f"gpu-{precision}")
    assert pairs > 50_000
    if precision == "float32":
        assert wrong == 0
    else:
        # In float16 the delegate rounds a map anew to show it in int8, so that a value between
        # two codes may be shown as the one and compared as the other.
        assert wrong < pairs / 1000


@drivers
def test_logits_of_a_network(precision, narrow, float_file, images):
    found = gpu(precision).run(float_file, images).outputs
    logits = np.concatenate([outputs[0] for outputs in found])
    expected = np.concatenate([narrow(image) for image in images])
    same = (logits.argmax(-1) == expected.argmax(-1)).mean()
    if precision == "float32":
        np.testing.assert_allclose(logits, expected, atol=1e-5)
        assert same >= 0.9999
    else:
        # With random weights many windows are near-ties, which float16 turns: a trained network
        # keeps more.
        assert same >= 0.9


@drivers
def test_refused_op_raises(precision):
    content = converted(lambda x: tf.gather_nd(2 * x, [[0, 1, 2, 3], [0, 2, 2, 1]]))
    with pytest.raises(UserError) as info:
        gpu(precision).run(content, [np.zeros((1, 8, 8, 4), np.float32)])
    assert "GATHER_ND: Operation is not supported" in one_line(info)


@drivers
def test_op_that_is_accepted_and_wrong_raises(precision):
    # The delegate takes a SPLIT along the width and gets its shape wrong; only the log tells.
    content = converted(lambda x: tf.concat(tf.split(2 * x, 2, 1), 2))
    with pytest.raises(UserError) as info:
        gpu(precision).run(content, [np.zeros((1, 8, 8, 4), np.float32)])
    assert "Shape mismatch" in one_line(info)


@drivers
def test_input_as_output_raises(precision):
    content = lowered_pair.convert((1, 4, 4, 1), "valid")
    graph = flatbuffer.read(content)
    shown = flatbuffer.with_outputs(content, list(graph.inputs))
    with pytest.raises(UserError) as info:
        gpu(precision).run(shown, [np.zeros((1, 4, 4, 1), np.float32)])
    assert "input among its outputs" in one_line(info)


@drivers
def test_damaged_file_raises(precision, float_file, images):
    for content in (b"not a model", float_file[:1000]):
        with pytest.raises(UserError) as info:
            gpu(precision).run(content, images)
        one_line(info)
