"""Moves the mask ops of a file to where the maps they compare are made, which saves memory.

The converter places them next to where the masks are used, in the decoder. The maps of the encoder
would then stay in memory until the end: what SegNet's pooling indices are there to avoid.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types

from segnet_tf.export.conversion import masks
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph

# vtable slots of `outputs` and `operators` in schema.fbs: table SubGraph, fields 2 and 3.
_OUTPUTS, _OPERATORS = 4 + 2 * 2, 4 + 2 * 3


def masks_first(content: bytes) -> bytes:
    """The same .tflite file, with each argmax mask computed right after the map it compares."""
    graph = flatbuffer.read(content)
    early = _mask_ops(graph)
    order: list[int] = []
    waiting = [index for index in range(len(graph.ops)) if index in early]
    missing = {tensor for op in graph.ops for tensor in op.outputs}

    def run(index: int) -> None:
        order.append(index)
        missing.difference_update(graph.ops[index].outputs)

    for index in range(len(graph.ops)):
        if index not in early:
            run(index)
        for mask in list(waiting):  # in the file's order: all ops of a mask follow one another
            if missing.isdisjoint(graph.ops[mask].inputs):
                waiting.remove(mask)
                run(mask)
    return _permuted(content, order)


def sample_by_sample(content: bytes) -> bytes:
    """The same file, with each op as late as the op that reads it first allows.

    A sum over samples then has all of a sample behind the sample before it, whose maps are gone by
    then. The converter writes a layer of all samples, then the next layer.
    """
    graph = flatbuffer.read(content)
    makers = {tensor: index for index, op in enumerate(graph.ops) for tensor in op.outputs}
    order: list[int] = []
    done: set[int] = set()
    stack = [makers[tensor] for tensor in reversed(graph.outputs) if tensor in makers]
    while stack:
        index = stack[-1]
        before = [makers[i] for i in graph.ops[index].inputs if i in makers]
        waiting = [maker for maker in before if maker not in done]
        if waiting:
            stack += waiting[::-1]
            continue
        stack.pop()
        if index not in done:
            done.add(index)
            order.append(index)
    # Ops that lead to no output, if a file has them.
    order += [index for index in range(len(graph.ops)) if index not in done]
    return _permuted(content, order)


def first_output(content: bytes, name: str) -> bytes:
    """The same file, with the output of that name first: the converter has an order of its own."""
    model = schema.Model.GetRootAs(content, 0)
    subgraph, signature = model.Subgraphs(0), model.SignatureDefs(0)
    named = [signature.Outputs(index) for index in range(signature.OutputsLength())]
    (first,) = (entry.TensorIndex() for entry in named if entry.Name() == name.encode())
    others = [tensor for tensor in subgraph.OutputsAsNumpy() if tensor != first]
    start = subgraph._tab.Vector(number_types.UOffsetTFlags.py_type(subgraph._tab.Offset(_OUTPUTS)))
    moved = np.array([first, *others], "<i4").tobytes()
    return content[:start] + moved + content[start + len(moved) :]


def _mask_ops(graph: Graph) -> set[int]:
    """Numbers of the ops between each compared map and its mask."""
    makers = {tensor: index for index, op in enumerate(graph.ops) for tensor in op.outputs}
    found = set()
    for mask in masks.find(graph):
        stack = [mask.mask]
        while stack:
            tensor = stack.pop()
            if tensor != mask.source and tensor in makers:
                found.add(makers[tensor])
                stack += [i for i in graph.ops[makers[tensor]].inputs if i >= 0]
    return found


def _permuted(content: bytes, order: list[int]) -> bytes:
    """Reorders the list of ops in place: packing the file again would lose its alignment."""
    subgraph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    start = subgraph._tab.Vector(
        number_types.UOffsetTFlags.py_type(subgraph._tab.Offset(_OPERATORS))
    )
    places = start + 4 * np.arange(len(order))
    # An element holds the distance from its own place to its op.
    distances = np.frombuffer(content, "<u4", len(order), start)
    moved = (places + distances)[order] - places
    if not (moved > 0).all():
        raise ValueError("The file has an op before the table of ops, it cannot be reordered.")
    return content[:start] + moved.astype("<u4").tobytes() + content[start + 4 * len(order) :]
