"""Reading a .tflite file: judged by the interpreter, and by files that are none."""

from __future__ import annotations

import copy

import edited_tflite
import lowered_pair
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer

SHAPE = (1, 5, 7, 3)


@pytest.fixture(scope="module")
def content():
    return lowered_pair.convert(SHAPE, "valid", (-3.0, 5.0))


def test_tensors_are_the_interpreters(content):
    graph = flatbuffer.read(content)
    interpreter = cpu.open_interpreter(content, "reference")
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    assert [tensor.index for tensor in graph.tensors] == list(range(len(graph.tensors)))
    constants = 0
    for tensor in graph.tensors:
        detail = details[tensor.index]
        assert tensor.name == detail["name"]
        assert tensor.shape == tuple(detail["shape"])
        assert tensor.dtype == np.dtype(detail["dtype"]).name
        parameters = detail["quantization_parameters"]
        np.testing.assert_array_equal(tensor.scale, parameters["scales"])
        np.testing.assert_array_equal(tensor.zero_point, parameters["zero_points"])
        if tensor.data is not None:
            constants += 1
            np.testing.assert_array_equal(tensor.data, interpreter.get_tensor(tensor.index))
    assert constants >= 4  # two kernels, two biases


def test_ops_are_the_interpreters(content):
    graph = flatbuffer.read(content)
    interpreter = cpu.open_interpreter(content, "reference")
    ops = interpreter._get_ops_details()
    assert [op.name for op in graph.ops] == [op["op_name"] for op in ops]
    for mine, theirs in zip(graph.ops, ops, strict=True):
        assert [i for i in mine.inputs if i >= 0] == list(theirs["inputs"])
        assert list(mine.outputs) == list(theirs["outputs"])
    assert graph.inputs == tuple(d["index"] for d in interpreter.get_input_details())
    assert graph.outputs == tuple(d["index"] for d in interpreter.get_output_details())


def test_readers_of_the_input(content):
    graph = flatbuffer.read(content)
    assert {op.name for op in graph.readers(graph.inputs[0])} == {"SLICE"}
    assert graph.readers(graph.outputs[1]) == []


def test_values_of_a_constant_in_real_numbers(content):
    graph = flatbuffer.read(content)
    kernels = [graph.tensors[op.inputs[1]] for op in graph.ops if op.name == "DEPTHWISE_CONV_2D"]
    step = (5 - -3) / 255
    for kernel in kernels:
        pairs = kernel.values().reshape(2, -1)
        np.testing.assert_allclose(pairs, np.outer([-16 / step, 16 / step], np.ones(3)), rtol=1e-6)
    with pytest.raises(ValueError, match="is not a constant"):
        graph.tensors[graph.inputs[0]].values()


def test_inner_tensors_become_outputs_after_the_files_own(content):
    graph = flatbuffer.read(content)
    inner = [op.outputs[0] for op in graph.ops if op.name == "MAX_POOL_2D"]
    shown = flatbuffer.with_outputs(content, inner)
    assert flatbuffer.read(shown).outputs == (*graph.outputs, *inner)
    x = np.random.default_rng(0).uniform(-3, 5, SHAPE).astype(np.float32)
    for name in cpu.KERNELS:
        before = cpu.run(cpu.open_interpreter(content, name), x)
        after = cpu.run(cpu.open_interpreter(shown, name), x)
        for index, value in enumerate(before):
            np.testing.assert_array_equal(after[index], value)
        rows = after[len(before)]
        assert rows.shape == (1, 4, 3, 3)
        np.testing.assert_array_equal(rows[:, ::2].clip(rows[:, 1::2]), before[0])


def test_an_op_number_in_the_old_place_only(content):
    """Files from before TensorFlow 2.4 have no `builtin_code`."""
    names = [op.name for op in flatbuffer.read(content).ops]

    def age(model):
        for code in model.operatorCodes:
            code.deprecatedBuiltinCode, code.builtinCode = code.builtinCode, 0

    old = edited_tflite.edit(content, age)
    assert [op.name for op in flatbuffer.read(old).ops] == names


def assert_refused(content, words):
    with pytest.raises(UserError, match=words) as caught:
        flatbuffer.read(content)
    assert str(caught.value).startswith("`tflite` must")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x89PNG\r\n\x1a\n" * 100, bytes(1000)], ids=len
)
def test_another_kind_of_file(content):
    assert_refused(content, "without its identifier, TFL3")


def test_two_graphs():
    @tf.function(input_signature=[tf.TensorSpec((1,), tf.float32)])
    def loop(x):
        return tf.while_loop(lambda y: y[0] < 9, lambda y: (y * 2,), (x,))

    functions = [loop.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, tf.Module())
    assert_refused(converter.convert(), "Received: 3 subgraphs")


def test_a_file_cut_short_is_refused_or_whole(content):
    """Wherever it ends: one line, or a graph, never another exception."""
    whole = flatbuffer.read(content)
    refused = 0
    for length in range(8, len(content), 97):
        try:
            graph = flatbuffer.read(content[:length])
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            assert len(graph.ops) == len(whole.ops)
    assert refused > 10


def test_a_damaged_file_is_refused_or_read(content):
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        for place in rng.integers(8, len(content), 20):
            damaged[place] = rng.integers(256)
        try:
            flatbuffer.read(bytes(damaged))
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 10


def test_a_constant_of_another_size_than_its_shape(content):
    def shorten(model):
        for tensor in edited_tflite.pair_kernels(model):
            buffer = model.buffers[tensor.buffer]
            buffer.data = copy.copy(buffer.data)[:1]

    assert_refused(edited_tflite.edit(content, shorten), "whole .tflite file")
