"""The delegates' own pair of ops, alone and in a network, on every runtime that has them."""

from __future__ import annotations

import edited_tflite
import lowered_pair
import mobile_model
import numpy as np
import pytest
import tensorflow as tf
import tiny_models
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import verifier
from segnet_tf.export.checks import delegate_pairs, rules
from segnet_tf.export.conversion import convert, delegate_ops
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer

# Every two of the four cells of a window, a channel each, are the equal maxima.
TIES = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
FIRST = [0, 0, 0, 1, 1, 2]  # in row-major order
BY_COLUMNS = [0, 0, 0, 2, 1, 2]
SLOW_RUNTIMES = {
    "aarch64": BY_COLUMNS,
    "browser-wasm": BY_COLUMNS,
    "gpu-float32": FIRST,
    "gpu-float16": FIRST,
    "browser-webgpu": FIRST,
}


def every_runtime():
    yield pytest.param("xnnpack", BY_COLUMNS)
    for name, order in SLOW_RUNTIMES.items():
        reason = registry.get(name).unavailable()
        skip = pytest.mark.skipif(reason is not None, reason=str(reason))
        yield pytest.param(name, order, marks=[pytest.mark.slow, pytest.mark.timeout(900), skip])


def pair(shape, padding) -> bytes:
    """A file that pools and unpools its input. Its outputs have the shapes to tell them apart."""

    def forward(x):
        pooled, argmax = delegate_ops.max_pool(x, padding, "pool")
        return {"pooled": pooled, "unpooled": delegate_ops.max_unpool(pooled, argmax)}

    signature = [tf.TensorSpec(shape, tf.float32)]
    function = tf.function(forward, input_signature=signature, autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    converter.allow_custom_ops = True
    return delegate_ops.named(converter.convert())


@pytest.fixture(scope="module")
def custom(network):
    return convert.convert(network, tiny_models.SIZE, unpool="custom")


@pytest.mark.parametrize(("runtime", "order"), list(every_runtime()))
def test_which_of_two_equal_maxima_a_runtime_takes(runtime, order):
    x = np.zeros((1, 2, 2, len(TIES)), np.float32)
    for channel, cells in enumerate(TIES):
        x.reshape(4, -1)[list(cells), channel] = 1
    answers = registry.get(runtime).run(pair(x.shape, "valid"), [x]).outputs[0]
    unpooled = next(answer for answer in answers if answer.shape == x.shape)
    assert unpooled.sum() == len(TIES)
    assert unpooled.reshape(4, -1).argmax(0).tolist() == order


@pytest.mark.parametrize(("runtime", "order"), list(every_runtime()))
@pytest.mark.parametrize(
    ("shape", "padding"),
    [((1, 8, 12, 5), "valid"), ((4, 8, 6, 3), "valid"), ((1, 9, 7, 5), "valid")]
    + [((1, 9, 7, 5), "same"), ((1, 5, 6, 2), "same")],
)
def test_pair_alone_is_exact(runtime, order, shape, padding):
    draw = np.random.default_rng(0)
    different = draw.permutation(np.arange(np.prod(shape)) - 400).reshape(shape)
    several = [different, np.zeros(shape), -np.ones(shape)]  # a window of four equals, too
    if order == FIRST:
        several.append(draw.integers(0, 3, shape))
    several = [one.astype(np.float32) for one in several]
    answers = registry.get(runtime).run(pair(shape, padding), several).outputs
    for x, found in zip(several, answers, strict=True):
        expected = lowered_pair.reference(x, ceil=padding == "same")
        unpooled = next(one for one in found if one.shape == shape)
        pooled = next(one for one in found if one.shape != shape)
        np.testing.assert_array_equal(pooled, expected[0])
        np.testing.assert_array_equal(unpooled, expected[1])


@pytest.mark.parametrize(("runtime", "order"), list(every_runtime()))
def test_network_is_exact_but_for_ties(runtime, order, custom):
    images = tiny_models.images(count=1)
    images[0][:, :16] = 255  # one color: windows of equals
    counts = delegate_pairs.count(custom, images, runtime)
    # Two stages: 16x24 windows of 4 channels, 8x12 of 6.
    assert counts.windows == 16 * 24 * 4 + 8 * 12 * 6
    assert counts.wrong == 0
    assert counts.other_tie == 0 or order == BY_COLUMNS


@pytest.mark.parametrize(("runtime", "order"), list(every_runtime()))
def test_groups_of_channels_are_pairs_of_their_own(runtime, order):
    content = convert.convert(mobile_model.build(), tiny_models.SIZE, unpool="custom")
    assert delegate_pairs.failures(flatbuffer.read(content), 1) == []
    counts = delegate_pairs.count(content, tiny_models.images(count=1), runtime)
    # Two groups of 16x24 windows of 6 channels.
    assert counts.windows == 2 * 16 * 24 * 6
    assert counts.wrong == 0
    assert counts.other_tie == 0 or order == BY_COLUMNS


def test_count_by_hand():
    """One window a channel: right, another tie, a place without maximum, twice, a wrong value."""
    source = np.array([[1, 5, 5, 2]] * 5, np.float32)
    values = np.array([7, 7, 7, 7, 7], np.float32)
    places = np.array([[0, 7, 0, 0], [0, 0, 7, 0], [0, 0, 0, 7], [0, 7, 7, 0], [0, 7, 0, 0]])
    pooled = np.array([5, 5, 5, 5, 4], np.float32)
    counts = delegate_pairs.Counts()
    maps = [one.astype(np.float32).T.reshape(1, 2, 2, 5) for one in (source, places)]
    small = [one.reshape(1, 1, 1, 5) for one in (pooled, values)]
    delegate_pairs.compare(counts, maps[0], small[0], small[1], maps[1])
    assert (counts.wrong, counts.other_tie, counts.windows) == (3, 1, 5)


def test_ops_have_the_delegates_options_and_a_float_index(custom):
    model = schema.ModelT.InitFromPackedBuf(custom)
    graph = model.subgraphs[0]
    names = [(code.customCode or b"").decode() for code in model.operatorCodes]
    found = [op for op in graph.operators if names[op.opcodeIndex]]
    assert [names[op.opcodeIndex] for op in found] == (
        ["MaxPoolingWithArgmax2D"] * 2 + ["MaxUnpooling2D"] * 2
    )
    for op in found:
        options = np.asarray(op.customOptions, np.uint8).view(np.int32)
        assert options.tolist() == [2, 2, 2, 2, 2, 0, 0, 0, 0, 0]
    indices = [op.outputs[1] for op in found[:2]]
    assert [graph.tensors[i].type for i in indices] == [schema.TensorType.FLOAT32] * 2
    # The last pooling is undone first.
    assert [op.inputs[1] for op in found[2:]] == indices[::-1]
    assert all(len(op.inputs) == 2 for op in found[2:])


def test_only_these_two_are_allowed_and_only_by_name(custom, network, tmp_path, fast):
    graph = flatbuffer.read(custom)
    assert rules.op_failures(graph, delegate_ops.OPS) == []
    assert rules.op_failures(graph) == [
        "ops that are not builtin: CUSTOM:MaxPoolingWithArgmax2D, CUSTOM:MaxUnpooling2D"
    ]
    path = tmp_path / "custom.tflite"
    path.write_bytes(custom)
    with pytest.raises(UserError, match="builtin ops only.*--unpool custom"):
        verifier.verify(path, network)

    def other(model):
        model.operatorCodes[-1].customCode = b"FlexSomething"

    path.write_bytes(edited_tflite.edit(custom, other))
    with pytest.raises(UserError, match="not builtin: CUSTOM:FlexSomething"):
        verifier.verify(path, network, unpool="custom")


def test_report_says_ties_and_needs(custom, network, tmp_path, fast):
    path = tmp_path / "custom.tflite"
    path.write_bytes(custom)
    samples = synthetic.samples("val", size=tiny_models.SIZE, count=2)
    report = verifier.verify(path, network, samples, unpool="custom")
    assert report.failures == ()
    assert report.facts["pairs"]["runtimes"]["xnnpack"]["wrong"] == 0
    assert report.facts["scores"]["pixel_agreement"] > 0.999
    said = report.text()
    for words in ("2 pairs, on xnnpack: 0 of", "XNNPACK goes by columns", "tflite-runtime 2.14"):
        assert words in said


def test_missing_pair_is_a_failure(custom, network, tmp_path, fast):
    graph = flatbuffer.read(custom)
    assert delegate_pairs.failures(graph, 2) == []
    assert delegate_pairs.failures(graph, 3) == [
        "2 pooling ops in pairs of custom ops for 3 pooling layers"
    ]
    path = tmp_path / "builtin.tflite"
    path.write_bytes(convert.convert(network, tiny_models.SIZE))
    report = verifier.verify(path, network, unpool="custom")
    assert report.failures == ("0 pooling ops in pairs of custom ops for 2 pooling layers",)


@pytest.mark.parametrize("format", ["dynamic", "int8"])
def test_int8_is_refused_with_the_reason(network, format):
    words = f"^`unpool=.custom.` .* in float only. Received: format=.{format}"
    with pytest.raises(UserError, match=words):
        convert.convert(network, tiny_models.SIZE, format, unpool="custom", ranges={})


@pytest.mark.parametrize("runtime", ["optimized", "reference"])
def test_kernels_without_a_delegate_refuse_it_in_one_line(runtime, custom):
    with pytest.raises(UserError, match="unresolved custom op: MaxPoolingWithArgmax2D") as caught:
        registry.get(runtime).run(custom, tiny_models.images(count=1))
    assert "\n" not in str(caught.value)
