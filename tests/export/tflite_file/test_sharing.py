"""A file whose repetitions are stored once, against the file that the converter wrote."""

from __future__ import annotations

import numpy as np
import pytest
import small_files
import tiny_models
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer, sharing
from segnet_tf.export.tflite_file.uncertainty import Uncertainty


def constants(graph):
    """What each constant tensor is, without its name."""
    return [
        (t.dtype, t.shape, t.data.tobytes(), t.scale.tobytes(), t.zero_point.tobytes())
        for t in graph.tensors
        if t.data is not None
    ]


def meaning(graph):
    """The ops and what they read, whatever the tensors' numbers."""

    def tensor(index):
        found = graph.tensors[index]
        data = found.name if found.data is None else found.data.tobytes()
        return found.dtype, found.shape, data, found.scale.tobytes(), found.zero_point.tobytes()

    return [
        (op.name, [tensor(i) for i in op.inputs], [tensor(i) for i in op.outputs])
        for op in graph.ops
    ]


@pytest.mark.parametrize("kind", ["int8", pytest.param("float32", marks=pytest.mark.slow)])
def test_the_network_stays_and_its_constants_lie_where_kernels_want_them(kind):
    before = small_files.content(kind)
    after = sharing.stored_once(before)
    assert len(after) < len(before)
    old, new = flatbuffer.read(before), flatbuffer.read(after)
    assert meaning(old) == meaning(new)
    assert len(set(constants(old))) == len(set(constants(new))) == len(constants(new))
    model = schema.Model.GetRootAs(after, 0)
    start = np.frombuffer(after, np.uint8).ctypes.data
    buffers = [model.Buffers(index).DataAsNumpy() for index in range(model.BuffersLength())]
    stored = [data for data in buffers if isinstance(data, np.ndarray)]
    assert len(stored) > 10
    assert all((data.ctypes.data - start) % 16 == 0 for data in stored)
    # By the schema's rule the first is empty; all that is computed has it.
    assert buffers[0] == 0 and len(stored) == len(buffers) - 1
    (image,) = small_files.images(1)
    for runtime in ("xnnpack", "reference"):
        wanted, found = (
            cpu.run(cpu.open_interpreter(content, runtime), image) for content in (before, after)
        )
        np.testing.assert_array_equal(wanted, found)


def test_what_the_file_says_of_itself_stays():
    before = schema.ModelT.InitFromPackedBuf(small_files.content("int8"))
    after = schema.ModelT.InitFromPackedBuf(sharing.stored_once(small_files.content("int8")))

    def said(model):
        texts = {m.name: bytes(model.buffers[m.buffer].data) for m in model.metadata}
        (signature,) = model.signatureDefs
        tensors = model.subgraphs[0].tensors
        faces = [
            [(entry.name, tensors[entry.tensorIndex].name) for entry in entries]
            for entries in (signature.inputs, signature.outputs)
        ]
        return texts, faces, model.description, model.version

    assert said(before) == said(after)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["int8", "float32"])
def test_a_sample_costs_its_masks_and_little_for_each_op(format):
    """Bytes an op, with its tensors; in int8 the converter alone takes 370 of a SegNet-Mini."""

    def file(samples):
        return convert.convert(
            tiny_models.bayesian(),
            tiny_models.SIZE,
            format,
            ranges=calibration.AnyRange() if format == "int8" else None,
            output_kind="probabilities",
            uncertainty=Uncertainty(samples, 2),
        )

    def measured(content):
        graph = flatbuffer.read(content)
        constants = {i for op in graph.ops for i in op.inputs if graph.tensors[i].data is not None}
        data = sum(graph.tensors[index].data.nbytes for index in constants)
        return np.array([len(content) - data, len(graph.ops)])

    beside, ops = measured(file(6)) - measured(file(3))
    assert beside / ops < 130
