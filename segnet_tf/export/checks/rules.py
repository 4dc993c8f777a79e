"""What must be true of an exported file, asked of the file itself and of the runtime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from segnet_tf.export.conversion import masks
from segnet_tf.export.runtimes import cpu, registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph

# Their inputs or outputs are what the app sees, not the inside of the model.
_BORDER_OPS = {"QUANTIZE", "DEQUANTIZE"}
# They make a label map, which is no longer a quantity.
_LABEL_OPS = {"ARG_MAX", "GREATER", "CAST"}
# XNNPACK knows none of these at the end of a graph, nor QUANTIZE between uint8 and int8. What turns
# an int8 softmax into float32 is then a piece of its own.
_ENDS = _LABEL_OPS | {"RESHAPE", "SQUEEZE", "STRIDED_SLICE", "SOFTMAX", "QUANTIZE"}
_INTEGERS = {"int8", "int32"}


def describe(graph: Graph) -> dict[str, Any]:
    """Op counts and dtypes of a file."""
    dtypes = Counter(tensor.dtype for tensor in graph.tensors)
    return {
        "ops": dict(Counter(op.name for op in graph.ops)),
        "dtypes": dict(dtypes),
        "input": _face(graph, graph.inputs[0]),
        "output": _face(graph, graph.outputs[0]),
    }


def _face(graph: Graph, index: int) -> dict[str, Any]:
    tensor = graph.tensors[index]
    return {
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": [float(scale) for scale in tensor.scale],
        "zero_point": [int(zero) for zero in tensor.zero_point],
    }


def op_failures(graph: Graph, allowed: tuple[str, ...] = ()) -> list[str]:
    """Ops that a phone does not run: Flex and custom ones, except for those asked for by name."""
    custom = {op.name for op in graph.ops if op.name.startswith("CUSTOM:")}
    bad = sorted(custom - set(allowed))
    return [f"ops that are not builtin: {', '.join(bad)}"] if bad else []


def file_format(graph: Graph) -> str:
    """What a file is meant to be: "int8", "dynamic", "float16" or "float32"."""
    computed = {index for op in graph.ops for index in op.outputs}
    if any(graph.tensors[index].dtype == "int8" for index in computed):
        return "int8"
    stored = {tensor.dtype for tensor in graph.tensors if tensor.data is not None}
    return "dynamic" if "int8" in stored else "float16" if "float16" in stored else "float32"


def input_failures(graph: Graph) -> list[str]:
    """An input of bytes must take RGB as it is: MediaPipe feeds it without a look at its scale."""
    face = _face(graph, graph.inputs[0])
    zero = {"uint8": 0, "int8": -128}.get(face["dtype"])
    if zero is None or (face["scale"], face["zero_point"]) == ([1.0], [zero]):
        return []
    return [
        f"the {face['dtype']} input has scale {face['scale']} and zero point "
        f"{face['zero_point']}, not 1 and {zero}: RGB 0..255 would be taken for something else"
    ]


def int8_failures(graph: Graph) -> list[str]:
    """Ops of an int8 file that compute in something else."""
    failures = []
    for op in graph.ops:
        border = op.name in _BORDER_OPS and (
            set(op.inputs) & set(graph.inputs) or set(op.outputs) & set(graph.outputs)
        )
        if border or op.name in _LABEL_OPS:
            continue
        dtypes = {graph.tensors[i].dtype for i in (*op.inputs, *op.outputs) if i >= 0}
        computed = {graph.tensors[i].dtype for i in op.outputs}
        if dtypes <= _INTEGERS and (computed == {"int8"} or op.name == "RESHAPE"):
            continue
        name = graph.tensors[op.outputs[0]].name
        failures.append(f"{op.name} ({name[:60]}) computes in {', '.join(sorted(dtypes))}")
    return failures


def partition_failures(partitions: cpu.Partitions) -> list[str]:
    """Whether XNNPACK takes the graph in one piece, except for ops at its very ends."""
    left = [name for name in partitions.left_out if name not in _ENDS]
    allowed = (1, 2) if "SOFTMAX" in partitions.left_out else (1,)
    if partitions.count in allowed and not left:
        return []
    without = ", ".join(sorted(set(partitions.left_out))) or "any left out"
    return [
        f"XNNPACK takes {partitions.delegated} of {partitions.total} ops in "
        f"{partitions.count} pieces, without {without}"
    ]


def mask_failures(graph: Graph, pools: int, layers: Sequence[str] = ()) -> list[str]:
    """What the stored numbers say against the masks: 2 a pooling layer, all as meant.

    Args:
        graph: of the file.
        pools: pooling layers that the model has.
        layers: their names, so that one without its masks is named.
    """
    found = masks.find(graph)
    failures = [f"argmax mask {mask.name[:60]}: {mask.problem}" for mask in found if mask.problem]
    if len(found) != 2 * pools:
        counts = {
            layer: sum(f"{layer}_later_in_" in mask.name for mask in found) for layer in layers
        }
        named = ", ".join(f"{layer} has {n}" for layer, n in counts.items() if n != 2)
        failures.append(
            f"{len(found)} argmax masks for {pools} pooling layers, not 2 each"
            + (f": {named}" if named else "")
        )
    return failures


def count_mask_mismatches(
    content: bytes, images: list[np.ndarray], runtime: str = "xnnpack"
) -> tuple[int, int]:
    """Runs a file with its masks as outputs and compares each with NumPy.

    Args:
        content: of the file. No pooling layer of it may take the image itself.
        images: float32 `(batch, height, width, 3)`, RGB 0..255.
        runtime: a name in `registry.RUNTIMES`.

    Returns:
        Wrong pairs and all pairs. Two pairs of rows and one of columns make a window.
    """
    graph = flatbuffer.read(content)
    found = masks.find(graph)
    wanted = sorted({index for mask in found for index in (mask.source, mask.mask)})
    shown = flatbuffer.with_outputs(content, wanted)
    wrong = total = 0
    for image in images:  # one at a time: inner tensors are large
        values = registry.get(runtime).run(shown, [image]).outputs[0][len(graph.outputs) :]
        by_index = dict(zip(wanted, values, strict=True))
        for mask in found:
            counts = masks.mismatches(mask, by_index[mask.source], by_index[mask.mask])
            wrong += counts[0]
            total += counts[1]
    return wrong, total
