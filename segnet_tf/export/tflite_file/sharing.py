"""Stores once what a file says several times: what each sample of a network repeats.

The converter shares the bytes of equal constants. Around them it writes a tensor for each op that
reads one, with its scales and zero points (12 bytes a channel, more than a bias has), and for each
computed tensor a buffer, a shape, a scale and a zero point of its own.

A flatbuffer's tables and vectors may be pointed at from many places: readers see no difference.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.export.tflite_file import flatbuffer, metadata_tables


def stored_once(content: bytes) -> bytes:
    """The same network in fewer bytes: the same ops in the same order, constants aligned.

    Args:
        content: of a file with one graph, with no more in it than the converter writes.
    """
    model = schema.ModelT.InitFromPackedBuf(content)
    (graph,) = model.subgraphs
    _share_tensors(model, graph)
    _share_buffers(model, graph)
    tables: dict[Any, _Once] = {}
    for tensor in graph.tensors:
        tensor.quantization = _once(tensor.quantization, tables)
    for op in graph.operators:
        op.builtinOptions = _once(op.builtinOptions, tables)
    builder = _Builder(len(content) + 1024)
    builder.Finish(model.Pack(builder), flatbuffer.IDENTIFIER)
    return bytes(builder.Output())


def _share_tensors(model: Any, graph: Any) -> None:
    """One tensor in place of those that have the same constant values and the same meaning."""
    kept: list[Any] = []
    places: dict[Any, int] = {}
    moved = {-1: -1}  # an input that is left out
    for index, tensor in enumerate(graph.tensors):
        key: Any = index
        if model.buffers[tensor.buffer].data is not None and not tensor.isVariable:
            key = _key({**vars(tensor), "name": None})
        if key not in places:
            places[key] = len(kept)
            kept.append(tensor)
        moved[index] = places[key]

    def renumbered(tensors: Any) -> np.ndarray:
        return np.array([moved[int(tensor)] for tensor in tensors], np.int32)

    graph.tensors = kept
    graph.inputs, graph.outputs = renumbered(graph.inputs), renumbered(graph.outputs)
    for op in graph.operators:
        op.inputs, op.outputs = renumbered(op.inputs), renumbered(op.outputs)
    for signature in model.signatureDefs or ():
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = moved[entry.tensorIndex]


def _share_buffers(model: Any, graph: Any) -> None:
    """Buffer 0, which is empty by the schema's rule, for all that is computed."""
    kept = [model.buffers[0]]
    moved: dict[int, int] = {}
    for user in (*graph.tensors, *(model.metadata or ())):
        if model.buffers[user.buffer].data is None:
            user.buffer = 0
            continue
        if user.buffer not in moved:
            moved[user.buffer] = len(kept)
            kept.append(model.buffers[user.buffer])
        user.buffer = moved[user.buffer]
    model.buffers = kept


class _Once:
    """A table that is written for the first that asks for it."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.place: int | None = None

    def Pack(self, builder: flatbuffers.Builder) -> int:
        if self.place is None:
            self.place = self.table.Pack(builder)
        return self.place


class _Builder(flatbuffers.Builder):
    """Writes equal vectors once, and bytes where a constant may lie."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.places: dict[Any, int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = _key(x)
        if key not in self.places:
            if x.dtype == np.uint8:
                self.places[key] = metadata_tables.aligned_bytes(self, x.tobytes())
            else:
                self.places[key] = super().CreateNumpyVector(x)
        return self.places[key]


def _once(table: Any, tables: dict[Any, _Once]) -> _Once | None:
    return None if table is None else tables.setdefault(_key(table), _Once(table))


def _key(value: Any) -> Any:
    """Equal for equal values, vectors and tables."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.tobytes()
    if isinstance(value, dict):
        return tuple((name, _key(entry)) for name, entry in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_key, value))
    return (type(value).__name__, _key(vars(value))) if hasattr(value, "__dict__") else value
