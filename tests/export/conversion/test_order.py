"""Mask ops right after the map they compare: the same numbers in less memory."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf.export.conversion import calibration, convert, masks, order
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.models import blocks

BYTES = {"float32": 4, "int32": 4, "int8": 1, "float16": 2}


@pytest.fixture(scope="module", params=("float32", "float16", "dynamic", "int8"))
def pair(request):
    """A file as the converter orders it, and as `convert` gives it."""
    model = wide() if request.param == "dynamic" else tiny_models.two_stages()
    options = {"format": request.param}
    if request.param == "int8":
        options["ranges"] = calibration.measure_ranges(model, tiny_models.images())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "masks_first", lambda content: content)
        before = convert.convert(model, tiny_models.SIZE, **options)
    return before, convert.convert(model, tiny_models.SIZE, **options)


def wide() -> keras.Model:
    """Two stages, the first with more channels than an exact kernel may have with int8 weights."""
    image = keras.Input((*tiny_models.SIZE, 3))
    x = blocks.encoder_decoder(image / 255, ((520,), (6,)), ((520,), (4,)))
    return keras.Model(image, blocks.classifier(x, 5))


def kept_at_the_bottom(graph) -> set[int]:
    """Tensors that are made before the last pooling has run, and read later."""
    bottom = max(i for i, op in enumerate(graph.ops) if op.name == "MAX_POOL_2D")
    made = {i for op in graph.ops[:bottom] for i in op.outputs if graph.constant(i) is None}
    return {i for op in graph.ops[bottom + 1 :] for i in op.inputs} & made


@pytest.mark.slow
def test_every_op_comes_after_what_it_reads(pair):
    graph = flatbuffer.read(pair[1])
    computed = {tensor for op in graph.ops for tensor in op.outputs}
    ready = set(range(-1, len(graph.tensors))) - computed
    for op in graph.ops:
        assert ready.issuperset(op.inputs)
        ready.update(op.outputs)


def test_the_answer_is_the_same_to_the_last_bit(pair):
    image = tiny_models.images(count=1)[0]
    before, after = (cpu.run(cpu.open_interpreter(file), image) for file in pair)
    np.testing.assert_array_equal(after, before)
    assert cpu.partitions(pair[1]) == cpu.partitions(pair[0])


def test_at_the_bottom_masks_are_kept_and_no_map(pair):
    before, after = (flatbuffer.read(file) for file in pair)
    there = kept_at_the_bottom(after)
    found = {mask.mask for mask in masks.find(after)}
    assert len(found) == 4
    assert there == found
    # The converter's own order keeps what is compared.
    assert {mask.source for mask in masks.find(before)} <= kept_at_the_bottom(before)


def test_nothing_but_the_order_is_changed(pair):
    before, after = pair
    assert len(after) == len(before)
    ops = [
        sorted((op.name, op.inputs, op.outputs) for op in flatbuffer.read(file).ops)
        for file in pair
    ]
    assert ops[0] == ops[1]
    assert order.masks_first(after) == after
