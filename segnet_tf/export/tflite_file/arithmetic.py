"""How much a .tflite file computes: multiply-adds and parameters, counted from its ops."""

from __future__ import annotations

import math

from segnet_tf.export.tflite_file.flatbuffer import Graph, Op

# Op -> the input that holds its weights. Their first axis is the output's channels, but for a
# depthwise convolution, whose weights are (1, height, width, channels).
_WEIGHTS = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
    "BATCH_MATMUL": 1,
}


def multiply_adds(graph: Graph) -> int:
    """Multiplications, each with its addition, of convolutions and matrix products for one run.

    What other ops compute (additions, pooling, resizing) is not counted, as usual in papers.
    """
    return sum(_of_op(graph, op) for op in graph.ops if op.name in _WEIGHTS)


def parameters(graph: Graph) -> int:
    """Numbers stored for convolutions and matrix products, each once: weights and biases."""
    used = {}
    for op in graph.ops:
        if op.name not in _WEIGHTS:
            continue
        for tensor in op.inputs:
            # The size that a transpose convolution gives is an int32 constant of shape (4,).
            if tensor < 0 or (op.name == "TRANSPOSE_CONV" and tensor == op.inputs[0]):
                continue
            maker = graph.maker(tensor)
            if maker is not None and maker.name == "DEQUANTIZE":
                tensor, maker = maker.inputs[0], graph.maker(maker.inputs[0])
            # Not by the numbers themselves, which some files keep behind the flatbuffer.
            if maker is None and tensor not in graph.inputs:
                used[tensor] = math.prod(graph.tensors[tensor].shape)
    return sum(used.values())


def _of_op(graph: Graph, op: Op) -> int:
    weights = graph.tensors[op.inputs[_WEIGHTS[op.name]]].shape
    output = math.prod(graph.tensors[op.outputs[0]].shape)
    if op.name == "DEPTHWISE_CONV_2D":
        return output * weights[1] * weights[2]
    if op.name == "TRANSPOSE_CONV":
        # Every input value meets all of the kernel.
        return math.prod(graph.tensors[op.inputs[2]].shape) * math.prod(weights[:3])
    if op.name == "BATCH_MATMUL":
        left = graph.tensors[op.inputs[0]].shape
        return output * left[-2 if op.options.adjX else -1]
    return output * math.prod(weights[1:])
