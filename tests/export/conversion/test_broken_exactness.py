"""Each way an exported file could lose its exactness, forged: named with its layer and reason."""

from __future__ import annotations

import edited_tflite
import lowered_pair
import numpy as np
import pytest
import tensorflow as tf
import tiny_models
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import calibration, convert, lowering
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.layers import MaxPoolingWithArgmax2D


@pytest.fixture(scope="module")
def int8(network):
    ranges = calibration.measure_ranges(network, tiny_models.images())
    return convert.convert(network, tiny_models.SIZE, format="int8", ranges=ranges)


@pytest.fixture(scope="module")
def pools(network):
    return [layer.name for layer in network.layers if isinstance(layer, MaxPoolingWithArgmax2D)]


def failures(content, pools):
    return rules.mask_failures(flatbuffer.read(content), len(pools), pools)


def test_masks_as_they_are_have_no_failure(int8, pools):
    assert failures(int8, pools) == []


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (5e-5, "its input's scale is 5e-05, below 6.1e-05, which a GPU that computes in float16"),
        (7e-5, None),
    ],
)
def test_a_scale_that_float16_cannot_hold(step, reason):
    """Each converts, and is exact on a CPU."""
    content = lowered_pair.convert((1, 6, 8, 4), "valid", (0.0, 255 * step))
    found = failures(content, ["pool"])
    assert len(found) == (2 if reason else 0)
    for line in found:
        assert line.startswith("argmax mask pool_later_in_") and reason in line


def test_a_ratio_that_xnnpack_dies_of(int8, pools):
    def change(values, quantization):
        quantization.scale = np.asarray(quantization.scale, np.float32) * 18
        return np.rint(values / 3)

    found = failures(edited_tflite.with_kernels(int8, change), pools)
    assert len(found) == 4
    for pool in pools:
        assert sum(f"argmax mask {pool}_later_in_" in line for line in found) == 2, found
    assert all("its scales have the ratio" in line for line in found)


def test_a_mask_filter_that_got_quantized():
    """From 1,024 elements on the dynamic range quantization takes it, if slices do not."""

    def forward(x):
        pooled, argmax = lowering.max_pool(x, "valid", None, "encoder9_pool")
        return lowering.max_unpool(pooled, argmax, None)

    function = tf.function(forward, input_signature=[tf.TensorSpec((1, 4, 4, 512))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    found = failures(converter.convert(), ["encoder9_pool"])
    assert len(found) == 2
    for line in found:
        assert "encoder9_pool_later_in_" in line
        assert line.endswith("its kernel is int8 and its input float32")


def test_a_layer_without_its_masks_is_named(int8, pools):
    """Its masks are there but do not compare pairs: the stride is not the pooling's."""

    def change(model):
        graph = model.subgraphs[0]
        for op in graph.operators:
            name = graph.tensors[op.outputs[0]].name.decode()
            if f"{pools[1]}_later_in_row" in name:
                op.builtinOptions.strideW = 1

    found = failures(edited_tflite.edit(int8, change), pools)
    assert found == [f"3 argmax masks for 2 pooling layers, not 2 each: {pools[1]} has 1"]


def test_a_layer_left_in_float_is_named(network):
    ranges = calibration.measure_ranges(network, tiny_models.images())
    content = convert.convert(network, tiny_models.SIZE, format="int8", ranges=ranges)
    assert rules.int8_failures(flatbuffer.read(content)) == []

    def change(model):
        graph = model.subgraphs[0]
        for op in graph.operators:
            tensor = graph.tensors[op.outputs[0]]
            if b"classifier" in tensor.name:
                tensor.type = schema.TensorType.FLOAT32

    found = rules.int8_failures(flatbuffer.read(edited_tflite.edit(content, change)))
    assert found
    assert any("classifier" in line and "float32" in line for line in found), found
