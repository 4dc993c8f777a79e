"""Pooling and unpooling in builtin ops against NumPy and TensorFlow, on three sets of kernels."""

from __future__ import annotations

import itertools

import lowered_pair
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import lowering
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer

PADDINGS = ("valid", "same")
FORMATS = ("float32", "int8")
# Zero in the middle, at the end, and a map whose values are all negative or zero.
RANGES = ((-3.0, 5.0), (0.0, 6.0), (-4.0, 0.0))
# All 625 windows of five values: every order and every tie of two, three and four.
WINDOWS = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=4)), np.float32)


def row_of_windows(windows):
    """`(count, 4)` in row-major order -> `(1, 2, 2 * count, 1)`, the windows side by side."""
    return windows.reshape(-1, 2, 2).transpose(1, 0, 2).reshape(1, 2, -1, 1)


def assert_exact(interpreters, x, ceil):
    """Each runtime gives NumPy's and TensorFlow's pooled and unpooled maps, to the last bit."""
    wanted = lowered_pair.reference(x, ceil)
    for mine, theirs in zip(wanted, lowered_pair.tensorflows(x, ceil), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name, interpreter in interpreters.items():
        for got, expected in zip(cpu.run(interpreter, x), wanted, strict=True):
            np.testing.assert_array_equal(got, expected, err_msg=name)


def values(rng, shape, interpreter, float32):
    """Maps of few values, so that ties and all-zero windows are common."""
    if float32:
        return rng.choice([-2.0, -0.7, 0.0, 0.0, 0.7, 3.1], shape).astype(np.float32)
    zero_point = lowered_pair.steps(interpreter)[1]
    codes = np.clip(zero_point + rng.choice([-128, -3, -1, 0, 0, 1, 3, 127], shape), -128, 127)
    return lowered_pair.on_steps(interpreter, codes)


SHAPES = (
    ((1, 6, 8, 3), PADDINGS),
    ((4, 5, 7, 3), PADDINGS),
    ((1, 9, 4, 200), PADDINGS),
    ((2, 2, 2, 1), PADDINGS),
    ((1, 1, 1, 2), ("same",)),
    ((3, 1, 5, 2), ("same",)),
    ((1, 4, 1, 130), ("same",)),
)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("shape", "padding"), [(shape, padding) for shape, some in SHAPES for padding in some]
)
def test_odd_and_even_sizes_batches_and_channels(shape, padding, form):
    rng = np.random.default_rng(0)
    span = None if form == "float32" else RANGES[sum(shape) % len(RANGES)]
    interpreters = lowered_pair.interpreters(lowered_pair.convert(shape, padding, span))
    for _ in range(3):
        x = values(rng, shape, interpreters["xnnpack"], span is None)
        assert_exact(interpreters, x, padding == "same")


def test_every_window_of_five_values():
    x = row_of_windows(WINDOWS)
    assert_exact(lowered_pair.interpreters(lowered_pair.convert(x.shape, "valid")), x, False)


@pytest.mark.parametrize("span", [*RANGES, (-70.0, 70.0), (0.0, 0.004)])
def test_every_window_of_five_codes(span):
    # Scales from 1.6e-5 to 0.55: what a normalized map and a linear bottleneck have.
    x = row_of_windows(WINDOWS)
    interpreters = lowered_pair.interpreters(lowered_pair.convert(x.shape, "valid", span))
    zero_point = lowered_pair.steps(interpreters["xnnpack"])[1]
    middle = np.clip(zero_point, -126, 125)
    for offset in (middle, -126, 125):  # about zero, and at both ends
        codes = lowered_pair.on_steps(interpreters["xnnpack"], x + offset)
        assert_exact(interpreters, codes, False)


@pytest.mark.parametrize("span", [(0.0, 0.5), (0.0, 90.0), (-1.0, 3.0)])
def test_int8_unpools_a_map_of_another_range(span):
    """All codes of the decoder's map, where the encoder's maxima were."""
    rng = np.random.default_rng(0)
    shape = (1, 4, 128, 3)
    content = lowered_pair.convert_two(shape, (-3.0, 5.0), span)
    codes = rng.integers(-3, 3, shape)
    small = rng.permuted(np.arange(2 * 64 * 3) % 256 - 128).reshape(1, 2, 64, 3)
    for name, interpreter in lowered_pair.interpreters(content).items():
        encoder, decoder = sorted(interpreter.get_input_details(), key=lambda d: -d["shape"][1])
        interpreter.set_tensor(encoder["index"], codes.astype(np.int8))
        interpreter.set_tensor(decoder["index"], small.astype(np.int8))
        interpreter.invoke()
        output = interpreter.get_output_details()[0]
        assert output["quantization"] == decoder["quantization"]
        wanted = np.full(shape, decoder["quantization"][1])
        for y, x, c in np.ndindex(2, 64, 3):
            where = codes[0, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2, c].argmax()
            wanted[0, 2 * y + where // 2, 2 * x + where % 2, c] = small[0, y, x, c]
        np.testing.assert_array_equal(interpreter.get_tensor(output["index"]), wanted, name)


def test_horizontal_pairs_come_first():
    """The window that tells the orders apart: vertical first would choose the lower left 1."""
    x = row_of_windows(np.array([[0, 1, 1, 0]], np.float32))
    upper_right = row_of_windows(np.array([[0, 1, 0, 0]], np.float32))
    for span in (None, (0.0, 1.0)):
        content = lowered_pair.convert(x.shape, "valid", span)
        for interpreter in lowered_pair.interpreters(content).values():
            np.testing.assert_allclose(cpu.run(interpreter, x)[1], upper_right, rtol=1e-6, atol=0)


def test_vertical_pairs_first_would_be_found(monkeypatch):
    """The same lowering with its axes changed about fails the test of all windows."""
    monkeypatch.setattr(lowering, "max_pool", vertical_first)
    monkeypatch.setattr(lowering, "max_unpool", vertical_first_unpool)
    x = row_of_windows(WINDOWS)
    interpreters = lowered_pair.interpreters(lowered_pair.convert(x.shape, "valid"))
    pooled, unpooled = lowered_pair.reference(x, False)
    got = cpu.run(interpreters["xnnpack"], x)
    np.testing.assert_array_equal(got[0], pooled)
    assert (got[1] != unpooled).any()
    with pytest.raises(AssertionError):
        assert_exact(interpreters, x, False)


def vertical_first(x, padding, value_range, name, largest_kernel=None):
    import tensorflow as tf

    winners = tf.nn.max_pool2d(x, (2, 1), (2, 1), "VALID")
    pooled = tf.nn.max_pool2d(winners, (1, 2), (1, 2), "VALID")
    # `rows` are compared along the height, `columns` along the width.
    return pooled, lowering.Argmax(winners, x, None, tuple(x.shape[1:3]), name, None)


def vertical_first_unpool(pooled, argmax, value_range):
    import tensorflow as tf

    batch, height, width, channels = pooled.shape
    pair = lowering._split(pooled, argmax, lowering.WIDTH, None)
    x = tf.reshape(tf.concat(pair, 3), (batch, height, 2 * width, channels))
    pair = lowering._split(x, argmax, lowering.HEIGHT, None)
    return tf.reshape(tf.concat(pair, 2), (batch, 2 * height, 2 * width, channels))


@pytest.fixture(scope="module")
def odd():
    """Interpreters of one odd size for every format and padding."""
    shape = (2, 5, 7, 3)
    return {
        (form, padding): lowered_pair.interpreters(
            lowered_pair.convert(shape, padding, None if form == "float32" else RANGES[0])
        )
        for form in FORMATS
        for padding in PADDINGS
    }


@pytest.mark.parametrize("padding", PADDINGS)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    x=hnp.arrays(
        np.float32,
        (2, 5, 7, 3),
        # Steps of 2**-13 between magnitudes that a network has.
        elements=st.integers(-(2**16), 2**16).map(lambda i: i / 2**13),
    )
)
def test_any_float_values(odd, padding, x):
    assert_exact(odd["float32", padding], x, padding == "same")


@pytest.mark.parametrize("padding", PADDINGS)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(codes=hnp.arrays(np.int8, (2, 5, 7, 3)))
def test_any_int8_codes(odd, padding, codes):
    interpreters = odd["int8", padding]
    x = lowered_pair.on_steps(interpreters["xnnpack"], codes)
    assert_exact(interpreters, x, padding == "same")


@pytest.mark.parametrize("exponent", [-14, -7, 0, 6, 20])
def test_floats_one_rounding_step_apart(exponent):
    low = np.float32(2.0**exponent)
    high = np.nextafter(low, np.float32(np.inf))
    windows = np.array(list(itertools.product((low, high, -low, -high), repeat=4)), np.float32)
    x = row_of_windows(windows)
    assert_exact(lowered_pair.interpreters(lowered_pair.convert(x.shape, "valid")), x, False)


def test_the_smallest_floats_beside_zero():
    x = row_of_windows(np.array([[0, 1, 0, 0], [0, 0, 1, 0], [-1, 0, -1, 0]], np.float32) * 1e-11)
    assert_exact(lowered_pair.interpreters(lowered_pair.convert(x.shape, "valid")), x, False)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    shape=st.tuples(
        st.sampled_from([1, 4]), st.integers(1, 13), st.integers(1, 13), st.integers(1, 40)
    ),
    form=st.sampled_from(FORMATS),
)
def test_any_shape_with_ceil(shape, form):
    span = None if form == "float32" else RANGES[0]
    interpreters = lowered_pair.interpreters(lowered_pair.convert(shape, "same", span))
    x = values(np.random.default_rng(0), shape, interpreters["xnnpack"], span is None)
    assert_exact(interpreters, x, True)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("padding", PADDINGS)
def test_one_partition_of_four_dimensional_builtin_ops(form, padding):
    span = None if form == "float32" else RANGES[0]
    content = lowered_pair.convert((1, 5, 7, 3), padding, span)
    graph = flatbuffer.read(content)
    allowed = {
        "CONCATENATION",
        "DEPTHWISE_CONV_2D",
        "MAX_POOL_2D",
        "MUL",
        "PAD",
        "RESHAPE",
        "SLICE",
        "SUB",
    }
    assert {op.name for op in graph.ops} <= allowed
    assert max(len(tensor.shape) for tensor in graph.tensors) == 4
    partitions = cpu.partitions(content)
    assert (partitions.count, partitions.left_out) == (1, ())
    assert partitions.delegated == len(graph.ops)


@pytest.mark.parametrize("size", [(1, 4), (4, 1)])
def test_floor_refuses_a_map_that_it_would_pool_to_nothing(size):
    with pytest.raises(UserError, match=f"a map of {size[0]}x{size[1]} pixels.*larger size"):
        lowered_pair.convert((1, *size, 2), "valid")
