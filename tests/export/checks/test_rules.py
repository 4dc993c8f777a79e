"""The checks of a file, each against a file that must fail it and one that must not."""

from __future__ import annotations

import lowered_pair
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import lowering, masks
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.interpreter import check_survives

SHAPE = (1, 6, 8, 4)
SPAN = (-3.0, 5.0)


def converted(function, shape=SHAPE, int8=False, flex=False) -> bytes:
    concrete = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [concrete.get_concrete_function()], tf.Module()
    )
    if flex:
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def quantized_pair(x):
    x = lowering.fake_quantize(x, SPAN)
    pooled, argmax = lowering.max_pool(x, "valid", SPAN, "pool")
    return lowering.fake_quantize(lowering.max_unpool(pooled, argmax, SPAN), SPAN)


def float_in_the_middle(x):
    """Has no range behind `sin`, so it stays in float32."""
    return quantized_pair(tf.sin(quantized_pair(x)))


@pytest.fixture(scope="module")
def int8_with_float_faces():
    return converted(quantized_pair, int8=True)


@pytest.fixture(scope="module")
def int8_with_a_float_op():
    return converted(float_in_the_middle, int8=True)


def test_keras_own_argmax_pooling_is_no_builtin_op():
    def pool(x):
        return tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")[0]

    graph = flatbuffer.read(converted(pool, flex=True))
    assert rules.op_failures(graph) == ["ops that are not builtin: CUSTOM:FlexMaxPoolWithArgmax"]


def test_the_lowering_is_builtin_and_fully_int8(int8_with_float_faces):
    graph = flatbuffer.read(int8_with_float_faces)
    assert rules.op_failures(graph) == []
    assert rules.file_format(graph) == "int8"
    assert rules.int8_failures(graph) == []
    facts = rules.describe(graph)
    assert facts["input"]["dtype"] == facts["output"]["dtype"] == "float32"
    assert facts["input"]["shape"] == list(SHAPE)
    assert facts["ops"]["QUANTIZE"] == facts["ops"]["DEQUANTIZE"] == 1
    assert facts["ops"]["MAX_POOL_2D"] == 2
    assert sum(facts["ops"].values()) == len(graph.ops)
    assert sum(facts["dtypes"].values()) == len(graph.tensors)


def test_a_float_op_inside_an_int8_file_is_named(int8_with_a_float_op):
    graph = flatbuffer.read(int8_with_a_float_op)
    assert rules.file_format(graph) == "int8"
    failures = rules.int8_failures(graph)
    assert any(line.startswith("SIN ") for line in failures), failures
    assert all(line.endswith("computes in float32") or "int8" in line for line in failures)


def test_a_float_file_is_not_int8():
    assert rules.file_format(flatbuffer.read(lowered_pair.convert(SHAPE, "valid"))) == "float32"


def test_one_partition_passes(int8_with_float_faces):
    partitions = cpu.partitions(int8_with_float_faces)
    assert partitions.count == 1
    assert rules.partition_failures(partitions) == []


def test_an_op_that_xnnpack_leaves_out_cuts_the_graph():
    def cut(x):
        return tf.nn.relu(tf.reverse(tf.nn.relu(x) + 1.0, [1])) * 2.0

    partitions = cpu.partitions(converted(cut))
    assert partitions.left_out == ("REVERSE_V2",)
    assert partitions.count == 2
    failures = rules.partition_failures(partitions)
    assert len(failures) == 1
    assert failures[0].startswith(f"XNNPACK takes {partitions.delegated} of {partitions.total} ")
    assert failures[0].endswith("in 2 partitions, without REVERSE_V2")


def test_the_ops_of_a_label_map_may_be_left_out():
    def labels(x):
        return tf.argmax(tf.nn.relu(x) + 1.0, axis=-1, output_type=tf.int32)

    partitions = cpu.partitions(converted(labels))
    assert partitions.left_out == ("ARG_MAX",)
    assert rules.partition_failures(partitions) == []


def test_an_int8_softmax_and_uint8_faces_may_be_left_out():
    def softmax(x):
        x = tf.nn.relu(lowering.fake_quantize(x, SPAN))
        logits = lowering.fake_quantize(x + 1.0, (0.0, 6.0))
        return lowering.fake_quantize(tf.nn.softmax(logits), (0.0, 1.0))

    partitions = cpu.partitions(converted(softmax, int8=True))
    assert partitions.left_out == ("SOFTMAX",)
    assert rules.partition_failures(partitions) == []
    inside = cpu.Partitions(3, 7, 9, ("SOFTMAX", "SOFTMAX"))
    assert len(rules.partition_failures(inside)) == 1
    faces = cpu.Partitions(1, 7, 9, ("QUANTIZE", "QUANTIZE"))
    assert rules.partition_failures(faces) == []
    inside = cpu.Partitions(2, 7, 8, ("QUANTIZE",))
    assert rules.partition_failures(inside) == [
        "XNNPACK takes 7 of 8 ops in 2 partitions, without QUANTIZE"
    ]


def test_runtimes_run_every_format_of_input():
    """The same numbers go in whatever the file takes, and come out as real numbers."""
    x = np.random.default_rng(0).uniform(-3, 5, SHAPE).astype(np.float32)
    quantized = lowered_pair.convert(SHAPE, "valid", SPAN)
    floating = converted(quantized_pair, int8=True)
    for name in cpu.KERNELS:
        codes = cpu.run(cpu.open_interpreter(quantized, name), x)[1]
        (reals,) = cpu.run(cpu.open_interpreter(floating, name), x)
        # A step is 0.03; the runtimes' own product of code and scale is rounded otherwise.
        np.testing.assert_allclose(codes, reals, rtol=1e-6)
        assert codes.dtype == np.float32


def test_a_good_file_survives_and_a_damaged_one_is_one_line(tmp_path):
    path = tmp_path / "file.tflite"
    content = lowered_pair.convert(SHAPE, "valid")
    path.write_bytes(content)
    check_survives(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError) as caught:
        check_survives(path)
    assert str(caught.value).startswith("`model` must")
    assert "\n" not in str(caught.value)


def test_a_file_that_takes_too_long_is_one_line(tmp_path):
    path = tmp_path / "file.tflite"
    path.write_bytes(lowered_pair.convert(SHAPE, "valid"))
    with pytest.raises(UserError, match="within 0.01 s"):
        check_survives(path, seconds=0.01)


def test_latency_is_a_positive_number_of_milliseconds():
    assert 0 < cpu.latency_ms(lowered_pair.convert(SHAPE, "valid"), seconds=0.05) < 1000


def test_mismatches_by_hand():
    mask = masks.Mask(name="mask", source=0, mask=1, axis=lowering.WIDTH, problem="")
    source = np.array([1, 2, 2, 1, 3, 3, 9], np.float32).reshape(1, 1, 7, 1)
    right = np.array([1, 0, 0], np.float32).reshape(1, 1, 3, 1)
    assert rules.mask_mismatches(mask, source, right) == (0, 3)
    assert rules.mask_mismatches(mask, source, right + np.float32(1e-7)) == (0, 3)
    assert rules.mask_mismatches(mask, source, 1 - right) == (3, 3)
    half = np.array([1, 0.5, np.nan], np.float32).reshape(1, 1, 3, 1)
    assert rules.mask_mismatches(mask, source, half) == (2, 3)
