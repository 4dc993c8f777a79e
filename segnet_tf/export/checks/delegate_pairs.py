"""Finds the pairs of custom pooling and unpooling ops in a file and compares them with NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segnet_tf.export.conversion import delegate_ops
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph


@dataclass(frozen=True)
class Pair:
    """A pooling op and the unpooling op that reads its index: the indices of their tensors.

    Attributes:
        name: of the tensor with the argmax, which contains the pooling layer's name.
        source: the map that is pooled, `(batch, 2 * h, 2 * w, channels)`.
        pooled: the pooled map, `(batch, h, w, channels)`.
        values: the input of the unpooling, of the shape of `pooled`.
        unpooled: its output, of the shape of `source`.
    """

    name: str
    source: int
    pooled: int
    values: int
    unpooled: int


@dataclass
class Counts:
    """How many windows of 2x2 pixels and one channel came out how.

    Attributes:
        wrong: the pooled value is not the maximum, or is unpooled to a place without the maximum.
        other_tie: right, but of several equal maxima not the first in row-major order is taken.
        windows: all of them.
    """

    wrong: int = 0
    other_tie: int = 0
    windows: int = 0


def find(graph: Graph) -> list[Pair]:
    """Each unpooling op with its pooling op. Several unpooling ops may share a pooling op."""
    found = []
    for op in graph.ops:
        if op.name != delegate_ops.OPS[1]:
            continue
        values, index = op.inputs
        pool = graph.maker(index)
        if pool is not None and pool.name == delegate_ops.OPS[0]:
            name = graph.tensors[index].name
            found.append(Pair(name, pool.inputs[0], pool.outputs[0], values, op.outputs[0]))
    return found


def failures(graph: Graph, pools: int) -> list[str]:
    """What is wrong with the pairs: each pooling layer needs one, and the shapes must fit."""
    found = find(graph)
    problems = []
    paired = len({pair.pooled for pair in found})
    if paired != pools:
        problems.append(f"{paired} pooling ops in pairs of custom ops for {pools} pooling layers")
    for pair in found:
        source, pooled, values, unpooled = (
            graph.tensors[index].shape
            for index in (pair.source, pair.pooled, pair.values, pair.unpooled)
        )
        if not (source == unpooled and pooled == values):
            problems.append(f"custom ops {pair.name[:60]}: {source} is unpooled to {unpooled}")
        elif source[1:3] != (2 * pooled[1], 2 * pooled[2]):
            problems.append(f"custom ops {pair.name[:60]}: {source} is pooled to {pooled}")
    return problems


def count(content: bytes, images: list[np.ndarray], runtime: str = "xnnpack") -> Counts:
    """Runs a file that gives the maps of its pairs as outputs, and checks each window in NumPy.

    Args:
        content: of the file.
        images: float32 `(batch, height, width, 3)`, RGB 0..255.
        runtime: a name in `registry.RUNTIMES` that has the ops.
    """
    graph = flatbuffer.read(content)
    pairs = find(graph)
    wanted = sorted({i for p in pairs for i in (p.source, p.pooled, p.values, p.unpooled)})
    shown = flatbuffer.with_outputs(content, wanted)
    counts = Counts()
    for image in images:  # one at a time: inner tensors are large
        values = registry.get(runtime).run(shown, [image]).outputs[0][len(graph.outputs) :]
        by_index = dict(zip(wanted, values, strict=True))
        for p in pairs:
            compare(
                counts,
                by_index[p.source],
                by_index[p.pooled],
                by_index[p.values],
                by_index[p.unpooled],
            )
    return counts


def compare(
    counts: Counts,
    source: np.ndarray,
    pooled: np.ndarray,
    values: np.ndarray,
    unpooled: np.ndarray,
) -> None:
    """Adds the windows of one pair to `counts`."""
    seen, placed = _windows(source), _windows(unpooled)
    largest = seen.max(axis=-1)
    place = np.arange(4)
    # A place fits if unpooling to it gives exactly these four cells. A value of 0 fits everywhere.
    fits = np.stack(
        [(placed == np.where(place == k, values[..., None], 0)).all(-1) for k in place], axis=-1
    )
    # Of equal values NumPy's argmax takes the first.
    first = np.take_along_axis(fits, seen.argmax(-1)[..., None], -1)[..., 0]
    some = (fits & (seen == largest[..., None])).any(-1)
    right = pooled == largest
    counts.wrong += int((~(right & some)).sum())
    counts.other_tie += int((right & some & ~first).sum())
    counts.windows += right.size


def _windows(x: np.ndarray) -> np.ndarray:
    """`(batch, h, w, channels, 4)`, the cells of each 2x2 window in row-major order."""
    batch, height, width, channels = x.shape
    cut = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return cut.transpose(0, 1, 3, 5, 2, 4).reshape(batch, height // 2, width // 2, channels, 4)
