"""Finds the argmax masks in a .tflite file, and what is wrong with the numbers stored for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segnet_tf.export.conversion import lowering
from segnet_tf.export.tflite_file.flatbuffer import Graph, Op, Tensor

# XNNPACK refuses scales with input * kernel / output >= 256, and the runtime then aborts the
# process.
LARGEST_RATIO = 256.0
# A GPU delegate may run an int8 file in float16, whose smallest normal number is 2**-14. With a
# smaller scale two int8 values that differ by 1 may be rounded to the same number there.
SMALLEST_SCALE = 2.0**-14


@dataclass(frozen=True)
class Mask:
    """The op of a file that compares the two values of each pair.

    Attributes:
        name: of the tensor that subtracts, which has the pooling layer's name in it.
        source: number of the tensor that is compared.
        mask: number of the tensor that is `one` where the second is strictly greater, else 0.
        axis: 1 for vertical pairs, 2 for horizontal ones.
        problem: what is wrong with it as stored, empty if nothing is.
        one: 1, or in int8 the largest value of the map that it is subtracted from.
    """

    name: str
    source: int
    mask: int
    axis: int
    problem: str
    one: float = 1.0


def find(graph: Graph) -> list[Mask]:
    """All masks of a file, each with what is wrong in its stored numbers."""
    found = []
    for op in graph.ops:
        output = graph.tensors[op.outputs[0]]
        name = output.name
        axis = _pair_axis(graph, op)
        if axis:
            mask, _ = _end_of_gains(graph, op.outputs[0])
            one = _one(output) if output.scale.size else 1.0
            found.append(Mask(name, op.inputs[0], mask, axis, _problem(graph, op), one))
        halves = _cut_in_halves(graph, op)
        if halves:
            mask, gains = _end_of_gains(graph, op.outputs[0])
            problem = "" if gains == lowering.FLOAT_GAINS else f"its gains are {gains}"
            found.append(Mask(name, halves[0], mask, halves[1], problem))
    return found


def _pair_axis(graph: Graph, op: Op) -> int:
    """The axis whose pairs `op` subtracts, 0 if it is no such op."""
    if op.name != "DEPTHWISE_CONV_2D" or op.options is None or op.options.depthMultiplier != 1:
        return 0
    kernel = graph.tensors[op.inputs[1]]
    step = (op.options.strideH, op.options.strideW)
    axes = {(2, 1): lowering.HEIGHT, (1, 2): lowering.WIDTH}
    return axes.get(step, 0) if kernel.shape[1:3] == step else 0


def _cut_in_halves(graph: Graph, op: Op) -> tuple[int, int] | None:
    """The map and the axis whose pairs `op` subtracts as two slices of it, if it does."""
    if op.name != "SUB":
        return None
    second, first = (graph.maker(tensor) for tensor in op.inputs)
    if first is None or second is None or {first.name, second.name} != {"SLICE"}:
        return None
    cut = graph.maker(first.inputs[0])
    if first.inputs[0] != second.inputs[0] or cut is None or cut.name != "RESHAPE":
        return None
    begins = [graph.tensors[half.inputs[1]].values() for half in (first, second)]
    moved = np.flatnonzero(begins[1] - begins[0])
    # The pairs lie on the axis before the one that was cut.
    return (cut.inputs[0], int(moved[0]) - 1) if len(moved) == 1 else None


def _end_of_gains(graph: Graph, tensor: int) -> tuple[int, tuple[float, ...]]:
    """The last tensor of a chain of multiplications by constants, and the constants."""
    gains: list[float] = []
    while True:
        readers = graph.readers(tensor)
        if len(readers) != 1 or readers[0].name != "MUL":
            return tensor, tuple(gains)
        others = [graph.constant(i) for i in readers[0].inputs if i != tensor]
        gain = others[0].values() if len(others) == 1 and others[0] else np.empty(0)
        if gain.size != 1:
            return tensor, tuple(gains)
        gains.append(float(gain.item()))
        tensor = readers[0].outputs[0]


def _problem(graph: Graph, op: Op) -> str:
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    kernel = graph.constant(op.inputs[1])
    if kernel is None or kernel.data is None:
        return "its kernel is not a constant"
    # float16 is a way to store a float32 kernel; powers of two lose nothing in it.
    if kernel.dtype != source.dtype and (kernel.dtype, source.dtype) != ("float16", "float32"):
        return f"its kernel is {kernel.dtype} and its input {source.dtype}"
    pairs = kernel.values().reshape(2, -1)
    if not (pairs[0] == -pairs[1]).all() or not (pairs[1] > 0).all():
        return "its kernel is not (-gain, +gain)"
    if any(_not_zero(graph.constant(bias)) for bias in op.inputs[2:] if bias >= 0):
        return "its bias is not 0"
    gain = pairs[1]
    if source.dtype == "float32":
        return "" if (gain == lowering.FLOAT_GAINS[0]).all() else f"its gain is {gain[0]:g}"
    if source.dtype != "int8":
        return f"it is {source.dtype}, which is not exact"
    if not all(tensor.scale.size for tensor in (source, kernel, output)):
        return "it has no scale"
    if source.scale[0] < SMALLEST_SCALE:
        return (
            f"its input's scale is {source.scale[0]:.3g}, below {SMALLEST_SCALE:.3g}, which a GPU "
            "that computes in float16 cannot tell from 0"
        )
    steps = gain * source.scale[0] / _one(output)
    ratio = source.scale[0] * kernel.scale.max() / output.scale[0]
    if not ((steps >= 1).all() and (steps <= 126).all()):
        return f"its gain times the input's scale is {steps.min():.3g}, outside 1 to 126"
    if ratio >= LARGEST_RATIO:
        return f"its scales have the ratio {ratio:.0f}, 256 or more"
    return _range_problem(graph, output)


def _range_problem(graph: Graph, mask: Tensor) -> str:
    """Whether the range of an int8 mask fits the ops that read it; empty if it does."""
    readers = [(mask.index, reader) for reader in graph.readers(mask.index)]
    for read, reader in readers:
        if reader.name in ("RESHAPE", "CONCATENATION"):  # the latter for groups of channels
            readers += [(reader.outputs[0], after) for after in graph.readers(reader.outputs[0])]
            continue
        one, lowest = 1.0, [mask.zero_point[0]]
        if reader.name == "SUB" and reader.inputs[1] == read:
            # x - mask must end at the lowest code, which must be 0: the mask needs the map's range.
            changed = graph.tensors[reader.inputs[0]]
            one = _one(changed)
            lowest.append(changed.zero_point[0])
        if abs(_one(mask) / one - 1) > 1e-5 or any(zero != -128 for zero in lowest):
            return f"its output is not 0 to {one:.3g}"
    return ""


def _one(mask: Tensor) -> float:
    """The value of the highest code of a range that begins at 0."""
    return float(mask.scale[0] * 255)


def _not_zero(tensor: Tensor | None) -> bool:
    return tensor is None or tensor.data is None or bool(tensor.data.any())
