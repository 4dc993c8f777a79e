"""Finds the fixed dropout masks in a file, and compares what they do with NumPy."""

from __future__ import annotations

import numpy as np

from segnet_tf.export.conversion import sampling
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph, Op


def stored_failures(graph: Graph, expected: list[sampling.FixedDropout]) -> list[str]:
    """Masks that the file must hold and does not."""
    stored = [graph.constant(op.inputs[1]) for op in dropouts(graph)]
    tiles = [tensor.values() for tensor in stored if tensor is not None]
    missing = [
        layer.name
        for layer in expected
        if not any(
            tile.shape == layer.tile.shape and np.allclose(tile, layer.tile, rtol=1e-5)
            for tile in tiles
        )
    ]
    if len(tiles) != len(expected):
        missing.append(f"{len(tiles)} in all, not {len(expected)}")
    return [f"dropout masks: the file lacks {', '.join(missing[:3])}"] if missing else []


def dropouts(graph: Graph) -> list[Op]:
    """The ops that multiply a map by a constant mask of 0 and one other number."""
    found = []
    for op in graph.ops:
        mask = graph.constant(op.inputs[1]) if op.name == "MUL" else None
        if mask is not None and len(mask.shape) == 4 and mask.data is not None:
            values = np.unique(mask.values())
            # A mask of few channels may keep all of them.
            if mask.data.size > 1 and len(values) <= 2 and values[0] in (0, values[-1]):
                found.append(op)
    return found


def count_wrong(content: bytes, images: list[np.ndarray], runtime: str) -> tuple[int, int]:
    """Runs a file with its dropouts as outputs and compares each value with NumPy.

    Args:
        content: of the file.
        images: float32 `(batch, height, width, channels)`, RGB 0..255.
        runtime: a name in `registry.RUNTIMES`.

    Returns:
        Values that are not their input times the mask, and all values.
    """
    graph = flatbuffer.read(content)
    ops = dropouts(graph)
    wanted = sorted({index for op in ops for index in (op.inputs[0], op.outputs[0])})
    shown = flatbuffer.with_outputs(content, wanted)
    wrong = total = 0
    for image in images:
        values = registry.get(runtime).run(shown, [image]).outputs[0][len(graph.outputs) :]
        by_index = dict(zip(wanted, values, strict=True))
        for op in ops:
            mask = graph.constant(op.inputs[1])
            made = by_index[op.outputs[0]]
            meant = by_index[op.inputs[0]] * mask.values() if mask is not None else np.nan * made
            # In int8 a part of a step, which the products of rounded scales differ by; a wrong code
            # is a whole step away.
            scale = graph.tensors[op.outputs[0]].scale
            allowed = 0.01 * scale[0] if scale.size else 1e-6 * np.abs(meant)
            wrong += int((~(np.abs(made - meant) <= allowed)).sum())
            total += made.size
    return wrong, total
