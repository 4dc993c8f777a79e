"""A .tflite file with something changed in it, by the schema that ai_edge_litert carries."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def edit(content: bytes, change) -> bytes:
    """The file after `change(model)` on its `schema.ModelT`."""
    model = schema.ModelT.InitFromPackedBuf(content)
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


DTYPES = {
    schema.TensorType.INT8: np.int8,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.FLOAT32: np.float32,
}


def stored(model, index):
    """The tensor that holds a constant's numbers: itself, or what a DEQUANTIZE unpacks for it."""
    graph = model.subgraphs[0]
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex].builtinCode
        if index in op.outputs and code == schema.BuiltinOperator.DEQUANTIZE:
            return graph.tensors[op.inputs[0]]
    return graph.tensors[index]


def pair_kernels(model) -> list:
    """The constant tensors of shape 1x1x2xC and 1x2x1xC: the kernels that compare pairs."""
    return [
        tensor
        for tensor in model.subgraphs[0].tensors
        if tuple(tensor.shape[:3]) in ((1, 1, 2), (1, 2, 1))
        and len(tensor.shape) == 4
        and model.buffers[tensor.buffer].data is not None
    ]


def with_kernels(content: bytes, change) -> bytes:
    """The file with `change(values, quantization)` in place of each pair kernel's values.

    `values` are as stored, `(2, channels)`; `quantization` may be changed in place.
    """

    def apply(model):
        found = pair_kernels(model)
        assert found, "no pair kernel in the file"
        # Kernels of equal content share a buffer, which must not be changed twice.
        stored = [bytes(np.asarray(model.buffers[t.buffer].data, np.uint8)) for t in found]
        for tensor, data in zip(found, stored, strict=True):
            dtype = DTYPES[tensor.type]
            values = np.frombuffer(data, dtype).reshape(2, -1).copy()
            changed = change(values, tensor.quantization).astype(dtype).tobytes()
            model.buffers[tensor.buffer].data = np.frombuffer(changed, np.uint8)

    return edit(content, apply)
