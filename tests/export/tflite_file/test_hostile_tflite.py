"""Class names and lists in .tflite files of an attacker: one line, in little time and memory."""

from __future__ import annotations

import io
import json
import struct
import time
import tracemalloc
import zipfile

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import flatbuffer, uncertainty
from segnet_tf.export.tflite_file.labels import LABELS, read_labels


def archive(text, compression=zipfile.ZIP_STORED, name=LABELS):
    content = io.BytesIO(b"\x1c\0\0\0TFL3")
    with zipfile.ZipFile(content, "a", compression) as packed:
        packed.writestr(name, text)
    return content.getvalue()


def refused(read, *arguments):
    """The line that refuses, after seconds and bytes that a user would not notice."""
    began = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            read(*arguments)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - began < 10
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_labels_that_unpack_to_megabytes():
    content = archive(b"\n" * 30_000_000, zipfile.ZIP_DEFLATED)
    assert len(content) < 100_000
    assert "more than 65536 bytes" in refused(read_labels, content)
    assert read_labels(archive(b"road\n" * 255, zipfile.ZIP_DEFLATED)) == ("road",) * 255


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_labels_in_a_compression_of_nobody(method):
    assert "compression" in refused(read_labels, archive(b"road\n", method))


def test_damaged_labels():
    content = archive(b"road\nsky\n" * 9, zipfile.ZIP_DEFLATED)
    for at in range(8, len(content)):
        for value in (0, 0x0E, 0xFF, content[at] ^ 1):
            try:
                read_labels(content[:at] + bytes([value]) + content[at + 1 :])
            except UserError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize(
    "said",
    [
        b"[" * 100000,
        b'{"measure": "predictive_entropy", "samples": Infinity, "seed": 0}',
        b'{"measure": "predictive_entropy", "samples": 1e999, "seed": 0}',
        b'{"measure": "predictive_entropy", "samples": ' + b"1" * 5000 + b', "seed": 0}',
        json.dumps({"measure": ["a"], "samples": [], "seed": {}}).encode(),
        b"[]",
        b"null",
        b"\xff",
    ],
)
def test_an_entry_that_says_nothing(said):
    assert "must say how its uncertainty" in refused(uncertainty.from_bytes, said, "a.tflite")


def test_a_million_times_the_same_op():
    """8,000 entries that point at one op with 8,000 inputs: 64 million numbers of 64 KB."""
    count, builder = 8000, flatbuffers.Builder(2**18)
    inputs = builder.CreateNumpyVector(np.zeros(count, np.int32))
    schema.OperatorStart(builder)
    schema.OperatorAddInputs(builder, inputs)
    op = schema.OperatorEnd(builder)
    schema.SubGraphStartOperatorsVector(builder, count)
    for _ in range(count):
        builder.PrependUOffsetTRelative(op)
    ops = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddOperators(builder, ops)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    content = bytes(builder.Output())
    assert len(content) < 80_000
    assert "cannot be read (ValueError)" in refused(flatbuffer.read, content)


def test_a_root_beyond_the_file():
    refused(flatbuffer.read, struct.pack("<I", 2**31) + b"TFL3" + bytes(100))
