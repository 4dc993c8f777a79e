"""Flatbuffers of TFLite Metadata as plain Python: tables by slot, written and read.

Its schema is metadata_schema.fbs of MediaPipe. A table is a dict from a field's place in it to
its value; no generated code is needed for the few tables that a segmentation model has.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import encode, number_types, table

# What buffers are aligned to in a .tflite file, and custom metadata inside of a metadata buffer.
ALIGNMENT = 16
# Slots of `Model` in schema.fbs.
_VERSION, _BUFFERS, _METADATA = 0, 4, 6
_KEPT = (1, 2, 3, 5, 7)  # the other fields are tables, vectors or strings: all of them offsets


def write(root: dict[int, Any], identifier: bytes) -> bytes:
    """A flatbuffer of one tree of tables.

    Args:
        root: slot -> `str`, `bytes` (a vector of bytes), `np.int8` (also an enum or a union's
            type), `np.uint32`, a table, or a list of floats or of tables.
        identifier: four letters.
    """
    builder = flatbuffers.Builder(1024)
    builder.Finish(_table(builder, root), identifier)
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, fields: dict[int, Any]) -> int:
    # A flatbuffer needs what a table points at before the table.
    places = {
        slot: _place(builder, value)
        for slot, value in fields.items()
        if not isinstance(value, np.generic)
    }
    builder.StartObject(max(fields) + 1)
    for slot, value in fields.items():
        if isinstance(value, np.int8):
            builder.PrependInt8Slot(slot, int(value), 0)
        elif isinstance(value, np.uint32):
            builder.PrependUint32Slot(slot, int(value), 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, places[slot], 0)
    return builder.EndObject()


def _place(builder: flatbuffers.Builder, value: Any) -> int:
    if isinstance(value, dict):
        return _table(builder, value)
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, bytes):
        return aligned_bytes(builder, value)
    if isinstance(value[0], dict):
        return _offsets(builder, [_table(builder, entry) for entry in value])
    return builder.CreateNumpyVector(np.asarray(value, np.float32))


def aligned_bytes(builder: flatbuffers.Builder, value: bytes) -> int:
    """Writes a vector of bytes that starts at a multiple of `ALIGNMENT`; its place."""
    builder.StartVector(1, len(value), ALIGNMENT)
    builder.head -= len(value)
    builder.Bytes[builder.head : builder.head + len(value)] = value
    return builder.EndVector()


def _offsets(builder: flatbuffers.Builder, places: list[int]) -> int:
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def with_buffer(content: bytes, name: str, data: bytes) -> bytes:
    """The .tflite file `content` with one more entry in its metadata.

    The old bytes stay as they are and keep their alignment, which packing the file again would
    lose. A new root and new lists of buffers and metadata are written in front of them.
    """
    old = content + bytes(-len(content) % ALIGNMENT)
    model = schema.Model.GetRootAs(content, 0)
    tab = model._tab
    builder = flatbuffers.Builder(len(old) + len(data) + 16384)
    builder.head -= len(old)
    builder.Bytes[builder.head :] = old

    def place(position: int) -> int:  # places are counted from the end
        return len(old) - position

    def field(slot: int) -> int:
        return tab.Offset(4 + 2 * slot)

    def entries(slot: int) -> list[int]:
        if not field(slot):
            return []
        start = tab.Vector(field(slot))
        ends = range(start, start + 4 * tab.VectorLen(field(slot)), 4)
        return [place(tab.Indirect(entry)) for entry in ends]

    buffers, metadata = entries(_BUFFERS), entries(_METADATA)
    buffers.append(_table(builder, {0: data}))
    metadata.append(_table(builder, {0: name, 1: np.uint32(len(buffers) - 1)}))
    lists = {_BUFFERS: _offsets(builder, buffers), _METADATA: _offsets(builder, metadata)}
    kept = {slot: place(tab.Indirect(field(slot) + tab.Pos)) for slot in _KEPT if field(slot)}
    builder.StartObject(8)
    builder.PrependUint32Slot(_VERSION, model.Version(), 0)
    for slot, target in sorted((kept | lists).items()):
        builder.PrependUOffsetTRelativeSlot(slot, target, 0)
    root = builder.EndObject()
    builder.Prep(ALIGNMENT, 0)  # the whole is a multiple of it, so the old part begins at one
    builder.Finish(root, b"TFL3")
    return bytes(builder.Output())


class Table:
    """A table in a flatbuffer, read by slot; what is missing is `None` or empty.

    Damaged offsets raise exceptions of many types; see `flatbuffer.damage_in_one_line`.
    """

    def __init__(self, content: bytes, position: int | None = None):
        self._content = content
        if position is None:
            position = encode.Get(number_types.UOffsetTFlags.packer_type, content, 0)
        self._tab = table.Table(content, position)

    def _field(self, slot: int) -> int:
        found = self._tab.Offset(4 + 2 * slot)
        return found and found + self._tab.Pos

    def byte(self, slot: int) -> int:
        """An enum, or a union's type; 0 is its default."""
        field = self._field(slot)
        return self._tab.Get(number_types.Int8Flags, field) if field else 0

    def text(self, slot: int) -> str | None:
        """A string."""
        field = self._field(slot)
        return self._tab.String(field).decode("utf-8") if field else None

    def table(self, slot: int) -> Table | None:
        """A table, also one in a union."""
        field = self._field(slot)
        return Table(self._content, self._tab.Indirect(field)) if field else None

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables."""
        start, count = self._vector(slot)
        return [
            Table(self._content, self._tab.Indirect(start + 4 * index)) for index in range(count)
        ]

    def floats(self, slot: int) -> tuple[float, ...]:
        """A vector of float32."""
        start, count = self._vector(slot)
        return tuple(np.frombuffer(self._content, "<f4", count, start).tolist())

    def bytes(self, slot: int) -> bytes:
        """A vector of bytes."""
        start, count = self._vector(slot)
        return self._content[start : start + count]

    def _vector(self, slot: int) -> tuple[int, int]:
        found = self._tab.Offset(4 + 2 * slot)
        return (self._tab.Vector(found), self._tab.VectorLen(found)) if found else (0, 0)
