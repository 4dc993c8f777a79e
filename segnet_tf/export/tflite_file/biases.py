"""Changes the biases of an int8 file's convolutions in place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types

from segnet_tf.export.tflite_file import flatbuffer

# At which of its inputs an op has its bias.
_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
# vtable slot of `data` in schema.fbs: table Buffer, field 0.
_DATA = 4


def changeable(content: bytes) -> dict[int, int]:
    """Which computed tensors have an int32 bias, added to each channel, that is theirs alone.

    The converter stores equal constants once, zeros above all: to change such a bias for one op
    would change others.

    Args:
        content: of an int8 .tflite file.

    Returns:
        The tensor's number -> its bias's number.
    """
    graph = flatbuffer.read(content)
    users = _buffers(content)
    found = {}
    for op in graph.ops:
        place = _BIAS.get(op.name, len(op.inputs))
        if place >= len(op.inputs) or op.inputs[place] < 0:
            continue
        bias = op.inputs[place]
        tensor = graph.tensors[bias]
        alone = len(graph.readers(bias)) == 1 and users.count(users[bias]) == 1
        if alone and tensor.dtype == "int32" and _start(content, users[bias]) is not None:
            found[op.outputs[0]] = bias
    return found


def lowered(content: bytes, amounts: Mapping[int, np.ndarray]) -> bytes:
    """The same file with smaller biases, each rounded to the step that the file stores it in.

    Args:
        content: of an int8 .tflite file.
        amounts: what to take off, by the number of a bias that `changeable` gives: float
            `(channels,)` in real numbers.
    """
    graph = flatbuffer.read(content)
    users = _buffers(content)
    changed = bytearray(content)
    limits = np.iinfo(np.int32)
    for bias, amount in amounts.items():
        tensor, start = graph.tensors[bias], _start(content, users[bias])
        if tensor.data is None or start is None:
            raise ValueError(f"Tensor {tensor.name} is no stored bias.")
        steps = np.rint(tensor.data - amount / tensor.scale.astype(np.float64))
        stored = np.clip(steps, limits.min, limits.max).astype("<i4").tobytes()
        changed[start : start + len(stored)] = stored
    return bytes(changed)


def _buffers(content: bytes) -> list[int]:
    """The number of each tensor's buffer."""
    subgraph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    return [subgraph.Tensors(index).Buffer() for index in range(subgraph.TensorsLength())]


def _start(content: bytes, buffer: int) -> int | None:
    """Where a buffer's bytes are; None for an empty one, or one behind the flatbuffer."""
    table = schema.Model.GetRootAs(content, 0).Buffers(buffer)._tab
    offset = number_types.UOffsetTFlags.py_type(table.Offset(_DATA))
    return table.Vector(offset) if offset else None
