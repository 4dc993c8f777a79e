"""Compares int8 kernels with each other, and each with exact arithmetic on its own inputs.

Each set of kernels rounds in its own way: XNNPACK multiplies in float32; the optimized and the
reference kernels multiply in integers and round twice. A difference of one code after one
convolution is therefore no error. A larger one is, and so is any difference in an op that only
moves values.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.export.checks.parity import label_map
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph, Op, Tensor
from segnet_tf.export.tflite_file.quantized import dequantize, quantize

# The largest distance from the exact value, in codes, that a kernel may have. Correct rounding is
# within 0.5.
LARGEST_ERROR = 1.0
_ARITHMETIC = {"SUB": np.subtract, "ADD": np.add, "MUL": np.multiply}
COMPUTED_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", *_ARITHMETIC)


@dataclasses.dataclass(frozen=True)
class Pair:
    """The outputs of two runtimes.

    Attributes:
        first, second: their names.
        images: how many were compared.
        codes: the part of the codes that is equal.
        worst: the largest difference, in codes.
        pixels: the part of the pixels that gets the same class.
    """

    first: str
    second: str
    images: int
    codes: float
    worst: int
    pixels: float


@dataclasses.dataclass(frozen=True)
class OpError:
    """The ops of one kind on one runtime, against exact arithmetic on the same input codes.

    Attributes:
        runtime, op: names of the runtime and of the kind of op.
        count: how many ops were checked.
        rounded: the part of the codes that is the exact value, correctly rounded.
        worst: the largest distance of a code from the exact value, in codes.
        where: the name of the tensor in which it is.
    """

    runtime: str
    op: str
    count: int
    rounded: float
    worst: float
    where: str


def output_codes(graph: Graph, values: np.ndarray) -> np.ndarray:
    """The int8 codes of an int8 file's output, also where the file converts it to float32.

    Args:
        graph: of the file.
        values: its output in real numbers.

    Returns:
        int16, `code - zero_point`, so that a single logit is foreground above 0 here too.
    """
    tensor = graph.tensors[graph.outputs[-1]]
    if not tensor.scale.size:
        maker = graph.maker(tensor.index)
        if maker is None or maker.name != "DEQUANTIZE":
            raise ValueError("The file's output is not quantized, it has no codes.")
        tensor = graph.tensors[maker.inputs[0]]
    return _codes(tensor, values) - tensor.zero_point[0].astype(np.int16)


def pairs(outputs: Mapping[str, list[np.ndarray]]) -> Iterator[Pair]:
    """Compares each runtime with each other, on the images that both have run.

    Args:
        outputs: runtime -> for each image its `output_codes`, `(height, width, classes)`.
    """
    for first, second in itertools.combinations(outputs, 2):
        # Not strict: a slow runtime gets fewer images.
        both = list(zip(outputs[first], outputs[second], strict=False))
        gaps = [np.abs(a.astype(int) - b) for a, b in both]
        maps = [label_map(a) == label_map(b) for a, b in both]
        yield Pair(
            first,
            second,
            len(both),
            float(np.mean([(gap == 0).mean() for gap in gaps])),
            int(max(gap.max() for gap in gaps)),
            float(np.mean([same.mean() for same in maps])),
        )


def op_errors(content: bytes, runtime: str, image: np.ndarray) -> list[OpError]:
    """Recomputes each op of `COMPUTED_OPS` exactly, from the codes that the kernel had as input.

    Args:
        content: of an int8 .tflite file.
        runtime: a name in `registry.RUNTIMES`, with `shows_int8`.
        image: float32 `(1, height, width, 3)`, RGB 0..255.
    """
    graph = flatbuffer.read(content)
    checked = [op for op in graph.ops if op.name in COMPUTED_OPS and _is_int8(graph, op)]
    inputs = {i for op in checked for i in op.inputs if i >= 0 and graph.tensors[i].data is None}
    wanted = sorted(inputs | {op.outputs[0] for op in checked})
    shown = flatbuffer.with_outputs(content, wanted)
    values = registry.get(runtime).run(shown, [image]).outputs[0][len(graph.outputs) :]
    codes = {i: _codes(graph.tensors[i], value) for i, value in zip(wanted, values, strict=True)}
    found = []
    for name in COMPUTED_OPS:
        ops = [op for op in checked if op.name == name]
        worst, where, right, total = 0.0, "", 0, 0
        for op in ops:
            error = np.abs(codes[op.outputs[0]] - exact(graph, op, codes))
            # Half a code away is correct rounding, up or down.
            right += int((error <= 0.5 + 1e-6).sum())
            total += error.size
            if error.max() >= worst:
                worst, where = float(error.max()), graph.tensors[op.outputs[0]].name
        if ops:
            found.append(OpError(runtime, name, len(ops), right / total, worst, where[:60]))
    return found


def exact(graph: Graph, op: Op, codes: Mapping[int, np.ndarray]) -> np.ndarray:
    """An op's output in codes before rounding, clipped to what int8 and its activation allow.

    Args:
        graph: of the file.
        op: one of `COMPUTED_OPS`.
        codes: tensor index -> int8 codes, of every input that is not a constant.

    Returns:
        float64. Sums of products of int8 stay far below 2**53: they are exact.
    """
    target = graph.tensors[op.outputs[0]]
    scale, zero = target.scale[0], target.zero_point[0]
    if op.name in _ARITHMETIC:
        first, second = (_real(graph, i, codes) for i in op.inputs)
        result = _ARITHMETIC[op.name](first, second) / scale + zero
    else:
        source, kernel = (graph.tensors[i] for i in op.inputs[:2])
        if kernel.data is None:
            raise ValueError(f"The kernel of {target.name} is not a constant.")
        total = _convolved(op, codes[source.index] - float(source.zero_point[0]), kernel.data)
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            bias = graph.tensors[op.inputs[2]].data
            total = total + (0 if bias is None else bias.astype(np.float64))
        result = total * (source.scale[0] * kernel.scale / scale) + zero
    low, high = _limits(op, scale, zero)
    return np.clip(result, low, high)


def _convolved(op: Op, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sums of products of integers, `(batch, h, w, channels)`."""
    options = op.options
    strides = (options.strideH, options.strideW)
    # Pixels from each tap to the next.
    down, across = options.dilationHFactor, options.dilationWFactor
    taps = kernel.shape[1:3]
    window = (taps[0] - 1) * down + 1, (taps[1] - 1) * across + 1
    same = options.padding == schema.Padding.SAME
    sizes, edges = [], []
    for side, stride, length in zip(x.shape[1:3], strides, window, strict=True):
        size = -(-side // stride) if same else (side - length) // stride + 1
        lack = max((size - 1) * stride + length - side, 0) if same else 0
        sizes.append(size)
        edges.append((lack // 2, lack - lack // 2))
    x = np.pad(x, ((0, 0), *edges, (0, 0)))
    weights = kernel.astype(np.float64)
    total: np.ndarray | float = 0.0
    for i, j in itertools.product(*map(range, taps)):
        top, left = i * down, j * across
        rows = slice(top, top + (sizes[0] - 1) * strides[0] + 1, strides[0])
        columns = slice(left, left + (sizes[1] - 1) * strides[1] + 1, strides[1])
        tap = x[:, rows, columns]
        if op.name == "CONV_2D":
            total = total + tap @ weights[:, i, j].T
        else:
            total = total + np.repeat(tap, options.depthMultiplier, -1) * weights[0, i, j]
    return np.asarray(total)


def _limits(op: Op, scale: float, zero: int) -> tuple[float, float]:
    kinds = schema.ActivationFunctionType
    spans = {
        kinds.NONE: (-np.inf, np.inf),
        kinds.RELU: (0.0, np.inf),
        kinds.RELU6: (0.0, 6.0),
        kinds.RELU_N1_TO_1: (-1.0, 1.0),
    }
    low, high = spans[op.options.fusedActivationFunction]
    return max(-128.0, np.rint(low / scale) + zero), min(127.0, np.rint(high / scale) + zero)


def _real(graph: Graph, index: int, codes: Mapping[int, np.ndarray]) -> np.ndarray:
    tensor = graph.tensors[index]
    if tensor.data is not None:
        return tensor.values()
    return dequantize(codes[index], tensor.scale, tensor.zero_point, np.float64)


def _codes(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """int16, so that differences of codes fit in it."""
    codes = quantize(values, tensor.dtype, tensor.scale, tensor.zero_point)
    return codes.astype(np.int16)


def _is_int8(graph: Graph, op: Op) -> bool:
    return graph.tensors[op.outputs[0]].dtype == "int8"
