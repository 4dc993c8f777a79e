"""What must be true of an exported file, checked in the file itself and on the runtimes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np

from segnet_tf.export.conversion import masks
from segnet_tf.export.runtimes import cpu, registry
from segnet_tf.export.runtimes.protocol import Runtime
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.export.tflite_file.metadata import Metadata

# They convert the file's own input or output, which need not be int8 in an int8 file.
_BORDER_OPS = {"QUANTIZE", "DEQUANTIZE"}
# They turn logits into class ids, which are int32 or bool and have no scale.
_LABEL_OPS = {"ARG_MAX", "GREATER", "CAST"}
# XNNPACK takes none of these at the end of a graph, nor a QUANTIZE between uint8 and int8. After an
# int8 softmax, the op that converts it to float32 is therefore a second partition.
_ENDS = _LABEL_OPS | {"RESHAPE", "SQUEEZE", "STRIDED_SLICE", "SOFTMAX", "QUANTIZE"}
# Of an entropy in int8, behind the softmax. What reads them is one more partition: a MUL and the
# CONV_2D that sums over the channels.
_LOGARITHM = "LOG"
_INTEGERS = {"int8", "int32"}

# A mask, the map that it compares, what a runtime computed -> wrong pairs and all pairs.
Judge = Callable[[masks.Mask, np.ndarray, np.ndarray], tuple[int, int]]


class TensorFacts(TypedDict):
    """A tensor as the report has it; `scale` and `zero_point` are empty if it is not quantized."""

    shape: list[int]
    dtype: str
    scale: list[float]
    zero_point: list[int]


class Description(TypedDict):
    """What `describe` found: op name -> count, dtype -> tensors, the file's input and output."""

    ops: dict[str, int]
    dtypes: dict[str, int]
    input: TensorFacts
    output: TensorFacts


def describe(graph: Graph) -> Description:
    """Op counts and dtypes of a file."""
    dtypes = Counter(tensor.dtype for tensor in graph.tensors)
    return {
        "ops": dict(Counter(op.name for op in graph.ops)),
        "dtypes": dict(dtypes),
        "input": _tensor_facts(graph, graph.inputs[0]),
        "output": _tensor_facts(graph, graph.outputs[-1]),
    }


def _tensor_facts(graph: Graph, index: int) -> TensorFacts:
    tensor = graph.tensors[index]
    return {
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": [float(scale) for scale in tensor.scale],
        "zero_point": [int(zero) for zero in tensor.zero_point],
    }


def op_failures(graph: Graph, allowed: tuple[str, ...] = ()) -> list[str]:
    """Ops that a phone cannot run: Flex and custom ops, except those in `allowed`."""
    custom = {op.name for op in graph.ops if op.name.startswith("CUSTOM:")}
    bad = sorted(custom - set(allowed))
    return [f"ops that are not builtin: {', '.join(bad)}"] if bad else []


def file_format(graph: Graph) -> Format:
    """What a file is meant to be: "int8", "dynamic", "float16" or "float32"."""
    computed = {index for op in graph.ops for index in op.outputs}
    if any(graph.tensors[index].dtype == "int8" for index in computed):
        return "int8"
    stored = {tensor.dtype for tensor in graph.tensors if tensor.data is not None}
    return "dynamic" if "int8" in stored else "float16" if "float16" in stored else "float32"


def input_failures(graph: Graph) -> list[str]:
    """An input of bytes must take RGB as it is: MediaPipe ignores the input's scale."""
    found = _tensor_facts(graph, graph.inputs[0])
    zero = {"uint8": 0, "int8": -128}.get(found["dtype"])
    if zero is None or (found["scale"], found["zero_point"]) == ([1.0], [zero]):
        return []
    return [
        f"the {found['dtype']} input has scale {found['scale']} and zero point "
        f"{found['zero_point']}, not 1 and {zero}: RGB 0..255 would be taken for something else"
    ]


def activation_failures(said: Metadata | None, kind: str, activation: str) -> list[str]:
    """Metadata must not let a client make probabilities of probabilities, or none of logits.

    Args:
        said: by the file of itself.
        kind: "logits", "probabilities" or "labels", which the file gives.
        activation: what makes probabilities of the logits.
    """
    expected = activation if kind == "logits" else "none"
    if said is None or said.activation in (None, expected):
        return []
    return [f"metadata: activation {said.activation} for {kind}, where {expected} is right"]


def int8_failures(graph: Graph) -> list[str]:
    """Ops of an int8 file that compute in another dtype."""
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


def partition_failures(partitions: cpu.Partitions, has_uncertainty: bool = False) -> list[str]:
    """Whether XNNPACK takes the graph as one partition, except for ops at its very end.

    Args:
        partitions: of the file.
        has_uncertainty: whether the end computes an entropy too.
    """
    ends = _ENDS | {_LOGARITHM} if has_uncertainty else _ENDS
    left = [name for name in partitions.left_out if name not in ends]
    most = 2 if "SOFTMAX" in partitions.left_out else 1
    if has_uncertainty and _LOGARITHM in partitions.left_out:
        most += 1
    if 1 <= partitions.count <= most and not left:
        return []
    without = ", ".join(sorted(set(partitions.left_out))) or "any left out"
    return [
        f"XNNPACK takes {partitions.delegated} of {partitions.total} ops in "
        f"{partitions.count} partitions, without {without}"
    ]


def mask_failures(graph: Graph, pools: int, layers: Sequence[str] = ()) -> list[str]:
    """What is wrong with the masks as stored: each pooling layer needs 2, with the right constants.

    Args:
        graph: of the file.
        pools: how many pooling layers the model has.
        layers: their names, so that the message names the ones without masks.
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
            if pools
            else f"{len(found)} argmax masks, and the model has no pooling indices"
        )
    return failures


def count_mask_mismatches(
    content: bytes,
    images: list[np.ndarray],
    runtime: str | Runtime = "xnnpack",
    judge: Judge | None = None,
) -> tuple[int, int]:
    """Runs a file with its masks as outputs and compares each with NumPy.

    Args:
        content: of the file. No pooling layer of it may take the image itself.
        images: float32 `(batch, height, width, 3)`, RGB 0..255.
        runtime: a name in `registry.RUNTIMES`, or one that is not there.
        judge: of a mask, `mask_mismatches` if None.

    Returns:
        Wrong pairs and all pairs. Two pairs of rows and one of columns make a window.
    """
    graph = flatbuffer.read(content)
    found = masks.find(graph)
    wanted = sorted({index for mask in found for index in (mask.source, mask.mask)})
    shown = flatbuffer.with_outputs(content, wanted)
    wrong = total = 0
    if isinstance(runtime, str):
        runtime = registry.get(runtime)
    for image in images:  # one at a time: inner tensors are large
        values = runtime.run(shown, [image]).outputs[0][len(graph.outputs) :]
        by_index = dict(zip(wanted, values, strict=True))
        for mask in found:
            counts = (judge or mask_mismatches)(mask, by_index[mask.source], by_index[mask.mask])
            wrong += counts[0]
            total += counts[1]
    return wrong, total


def mask_mismatches(mask: masks.Mask, source: np.ndarray, computed: np.ndarray) -> tuple[int, int]:
    """How many pairs a runtime got wrong, and of how many.

    Args:
        mask: of the file.
        source: the values that were compared, in real numbers or int8 codes.
        computed: the mask in real numbers, from the same run.
    """
    greater = second_is_greater(mask, source, computed.shape[mask.axis])
    # 1 is stored as 255/255: the product may differ from 1 by a float32 rounding. NaN is wrong.
    wrong = ~(np.abs(computed / mask.one - greater) <= 1e-6)
    return int(wrong.sum()), wrong.size


def second_is_greater(mask: masks.Mask, source: np.ndarray, count: int) -> np.ndarray:
    """What a mask should say of its first `count` pairs along its axis; booleans."""
    first = np.take(source, np.arange(0, 2 * count, 2), mask.axis)
    second = np.take(source, np.arange(1, 2 * count, 2), mask.axis)
    greater: np.ndarray = second > first
    return greater
