"""Changes the biases of an int8 file's convolutions in place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types

from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph

# At which of its inputs an op has its bias.
_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
# vtable slot of `data` in schema.fbs: table Buffer, field 0.
_DATA = 4


def bias_of(graph: Graph, output: int) -> int | None:
    """The number of the int32 bias that is added to each channel of a tensor; None without one.

    One that two ops share counts as none: to change it for one would change the other.

    Args:
        graph: of an int8 file.
        output: the tensor's number.
    """
    op = graph.maker(output)
    place = _BIAS.get(op.name) if op else None
    if op is None or place is None or len(op.inputs) <= place or op.inputs[place] < 0:
        return None
    bias = op.inputs[place]
    tensor = graph.tensors[bias]
    alone = len(graph.readers(bias)) == 1
    return bias if alone and tensor.dtype == "int32" and tensor.data is not None else None


def lowered(content: bytes, amounts: Mapping[int, np.ndarray]) -> bytes:
    """The same file with smaller biases, each rounded to the step that the file stores it in.

    Args:
        content: of an int8 .tflite file.
        amounts: what to take off, by the bias's number: float `(channels,)` in real numbers.
    """
    graph = flatbuffer.read(content)
    model = schema.Model.GetRootAs(content, 0)
    subgraph = model.Subgraphs(0)
    users = [subgraph.Tensors(index).Buffer() for index in range(subgraph.TensorsLength())]
    changed = bytearray(content)
    for bias, amount in amounts.items():
        tensor, number = graph.tensors[bias], users[bias]
        table = model.Buffers(number)._tab
        offset = number_types.UOffsetTFlags.py_type(table.Offset(_DATA))
        # The converter stores equal constants once; a large file has them behind the flatbuffer.
        if users.count(number) > 1 or not offset or tensor.data is None:
            continue
        steps = np.rint(tensor.data - amount / tensor.scale.astype(np.float64))
        limits = np.iinfo(np.int32)
        stored = np.clip(steps, limits.min, limits.max).astype("<i4").tobytes()
        start = table.Vector(offset)
        changed[start : start + len(stored)] = stored
    return bytes(changed)
