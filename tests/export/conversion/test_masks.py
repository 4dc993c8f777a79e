"""The masks of a file, found and judged: good ones, and ones broken on purpose."""

from __future__ import annotations

import edited_tflite
import lowered_pair
import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import lowering, masks
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.interpreter import check_survives

SHAPE = (1, 5, 7, 3)


@pytest.fixture(scope="module")
def files():
    return {
        "float32": lowered_pair.convert(SHAPE, "same"),
        "float16": lowered_pair.convert(SHAPE, "same", form="float16"),
        "dynamic": lowered_pair.convert(SHAPE, "same", form="dynamic"),
        "int8": lowered_pair.convert(SHAPE, "same", (-3.0, 5.0)),
        # Without negative values the masks are subtracted: they are as wide as the map.
        "subtracted": lowered_pair.convert(SHAPE, "same", (0.0, 5.0)),
    }


@pytest.fixture(params=("float32", "float16", "dynamic", "int8", "subtracted"))
def content(files, request):
    return files[request.param]


def image(batch=1):
    return np.random.default_rng(0).uniform(-3, 5, (batch, *SHAPE[1:])).astype(np.float32)


def problems(content):
    return [mask.problem for mask in masks.find(flatbuffer.read(content))]


def test_a_pool_has_a_horizontal_and_a_vertical_mask_without_a_problem(content):
    graph = flatbuffer.read(content)
    found = masks.find(graph)
    assert sorted(mask.axis for mask in found) == [lowering.HEIGHT, lowering.WIDTH]
    assert [mask.problem for mask in found] == ["", ""]
    shapes = {mask.axis: graph.tensors[mask.mask].shape for mask in found}
    assert shapes == {lowering.WIDTH: (1, 6, 4, 3), lowering.HEIGHT: (1, 3, 4, 3)}
    assert rules.mask_failures(graph, pools=1) == []


def test_the_end_of_a_mask_is_what_the_unpooling_reads(content):
    """All three gains of a float mask are behind it: it holds two values only."""
    graph = flatbuffer.read(content)
    found = masks.find(graph)
    largest = 5 if graph.tensors[graph.inputs[0]].zero_point.tolist() == [-128] else 1
    shown = flatbuffer.with_outputs(content, [mask.mask for mask in found])
    interpreter = cpu.open_interpreter(shown)
    values = cpu.run(interpreter, image())[len(graph.outputs) :]
    for mask, value in zip(found, values, strict=True):
        assert mask.one == pytest.approx(largest)
        np.testing.assert_allclose(np.unique(value), [0, largest], atol=1e-6)


def test_a_wrong_number_of_masks_is_a_failure(content):
    graph = flatbuffer.read(content)
    assert rules.mask_failures(graph, pools=2) == [
        "2 argmax masks for 2 pooling layers, not 2 each"
    ]


def turned_round(values, quantization):
    return values[::-1]


def one_sided(values, quantization):
    values[0] = 0
    return values


def one_channel_off(values, quantization):
    values[1, -1] //= 2
    return values


@pytest.mark.parametrize("change", [turned_round, one_sided, one_channel_off])
def test_a_broken_filter_is_named(content, change):
    broken = edited_tflite.with_kernels(content, change)
    assert problems(broken) == ["its kernel is not (-gain, +gain)"] * 2
    failures = rules.mask_failures(flatbuffer.read(broken), pools=1)
    assert len(failures) == 2
    # With the name of the pooling layer, here "pool".
    assert all("pool_later_in_" in line.partition(": ")[0] for line in failures), failures


def test_a_wrong_float_gain_is_named(files):
    broken = edited_tflite.with_kernels(files["float32"], lambda values, _: values / 2)
    assert problems(broken) == ["its gain is 256"] * 2


def test_a_bias_is_named(content):
    def shift(model):
        graph = model.subgraphs[0]
        kernels = edited_tflite.pair_kernels(model)
        for op in graph.operators:
            if len(op.inputs) < 3:
                continue
            kernel, bias = (edited_tflite.stored(model, index) for index in op.inputs[1:])
            if any(kernel is one for one in kernels):
                buffer = model.buffers[bias.buffer]
                buffer.data = np.ones_like(buffer.data)

    assert problems(edited_tflite.edit(content, shift)) == ["its bias is not 0"] * 2


def scaled(factor, codes=1.0):
    def change(values, quantization):
        quantization.scale = np.asarray(quantization.scale, np.float32) * factor
        return np.rint(values * codes)

    return change


@pytest.mark.parametrize(
    ("factor", "codes", "problem"),
    [
        (1 / 32, 1, "its gain times the input's scale is 0.5, outside 1 to 126"),
        (8, 1, "its gain times the input's scale is 128, outside 1 to 126"),
        (12, 1 / 3, "its scales have the ratio 386, 256 or more"),
    ],
)
def test_a_wrong_int8_gain_is_named(files, factor, codes, problem):
    broken = edited_tflite.with_kernels(files["int8"], scaled(factor, codes))
    assert problems(broken) == [problem] * 2


def test_a_mask_that_is_not_0_to_1_is_named(files):
    def widen(model):
        graph = model.subgraphs[0]
        kernels = edited_tflite.pair_kernels(model)
        for op in graph.operators:
            if len(op.inputs) > 1 and any(graph.tensors[op.inputs[1]] is k for k in kernels):
                quantization = graph.tensors[op.outputs[0]].quantization
                quantization.scale = np.asarray(quantization.scale, np.float32) * 2

    broken = edited_tflite.edit(files["int8"], widen)
    assert problems(broken) == ["its output is not 0 to 1"] * 2
    broken = edited_tflite.edit(files["subtracted"], widen)
    assert problems(broken) == ["its output is not 0 to 5"] * 2


@pytest.mark.parametrize("runtime", cpu.KERNELS)
def test_good_masks_have_no_mismatch_on_any_runtime(content, runtime):
    wrong, pairs = rules.count_mask_mismatches(content, [image(), image()], runtime)
    # 5x7 in ceil mode: 6x4 horizontal pairs and 3x4 vertical ones, 3 channels, 2 images.
    assert (wrong, pairs) == (0, 2 * 3 * (6 * 4 + 3 * 4))


@pytest.mark.parametrize("runtime", cpu.KERNELS)
def test_every_pair_that_a_broken_filter_gets_wrong_is_counted(files, runtime):
    broken = edited_tflite.with_kernels(files["float32"], turned_round)
    x = image()
    x[0, :2] = 1.0  # ties, which a filter turned round still gets right
    wrong, pairs = rules.count_mask_mismatches(broken, [x], runtime)
    even = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), "edge")
    horizontal = even.reshape(1, 6, 4, 2, 3)
    vertical = horizontal.max(axis=3).reshape(1, 3, 2, 4, 3)
    unequal = sum(
        int((pair.take(0, axis) != pair.take(1, axis)).sum())
        for pair, axis in ((horizontal, 3), (vertical, 2))
    )
    assert 0 < unequal < pairs
    assert wrong == unequal


def test_a_gain_that_ends_the_process_is_one_line(tmp_path, monkeypatch):
    """512 quanta a step instead of 16: the stored numbers say so, and a child dies of it."""
    monkeypatch.setattr(lowering, "INT8_STEP", 512.0)
    monkeypatch.setattr(lowering, "LARGEST_SUBTRACTED", 512.0)
    content = lowered_pair.convert(SHAPE, "valid", (-3.0, 5.0))
    assert problems(content) == ["its gain times the input's scale is 512, outside 1 to 126"] * 2
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(UserError, match="`model` must be a (whole )?.tflite file") as caught:
        check_survives(path)
    assert "\n" not in str(caught.value)
    print(caught.value)
