"""Argmax pooling and unpooling as the pair of custom ops that GPU delegates and XNNPACK have.

`MaxPoolingWithArgmax2D` and `MaxUnpooling2D` come from MediaPipe. They exist in float only, and
their index counts inside its window. No TFLite interpreter has its own kernels for them.

TensorFlow's converter writes its own argmax pooling and that pooling's gradient, which is the
unpooling, as custom ops of TensorFlow's names. `named` gives them the names, options and inputs
that the delegates look for.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import lowering
from segnet_tf.layers import MaxPoolingWithArgmax2D

POOL, UNPOOL = "MaxPoolingWithArgmax2D", "MaxUnpooling2D"
OPS = (f"CUSTOM:{POOL}", f"CUSTOM:{UNPOOL}")
NEEDS = (
    "a runtime that has these ops: LiteRT from 2.3.0 on XNNPACK or its GPU delegate (ML Drift), or "
    "LiteRT.js 2.5.3, with nothing to register; not an interpreter without a delegate, not "
    "tflite-runtime 2.14"
)
# Measured on each: tests/export/conversion/test_delegate_ops.py.
TIES = (
    "the GPU takes the first of equal maxima, as Keras does; XNNPACK goes by columns: of a window "
    "whose upper right and lower left are the equal maxima it takes the lower left"
)
_RENAMED = {"MaxPoolWithArgmax": POOL, "MaxPoolGradWithArgmax": UNPOOL}
# TfLitePoolParams as int32: padding (2 is VALID), stride and filter by width and height, no
# activation, and room for the padding that the kernel computes.
_OPTIONS = np.array([2, 2, 2, 2, 2, 0, 0, 0, 0, 0], "<i4").tobytes()
# vtable slots of schema.fbs: 4 + 2 * the field's number.
_CODE_NAME = 6  # OperatorCode.custom_code
_OP_INPUTS, _OP_OPTIONS = 6, 14  # Operator.inputs, .custom_options
_TENSOR_TYPE = 6  # Tensor.type
_WINDOW = {"ksize": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": "VALID"}


def pools_of(model: keras.Model) -> list[str]:
    """The names of a model's argmax pooling layers."""
    return [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, MaxPoolingWithArgmax2D)
    ]


def check_pools(pools: list[str], name: str) -> None:
    """Raises UserError for a model that these ops have nothing to do in.

    Args:
        pools: its argmax pooling layers.
        name: the model's.
    """
    if not pools:
        raise UserError(
            '`unpool="custom"` (--unpool custom) must go with a model that has pooling indices. '
            f"Received: {name}, which has none. Leave it out."
        )


@dataclass(frozen=True)
class Argmax:
    """The index tensor of a graph that is being converted, and what its unpooling needs.

    Attributes:
        source: the map that was pooled, made even.
        index: TensorFlow's argmax of it.
        size: `(height, width)` of the map before it was made even, in pixels.
        name: the pooling layer's.
    """

    source: tf.Tensor
    index: tf.Tensor
    size: tuple[int, int]
    name: str


def max_pool(x: tf.Tensor, padding: str, name: str) -> tuple[tf.Tensor, Argmax]:
    """2x2 max-pooling with stride 2 and its argmax.

    Args:
        x: float32 `(batch, height, width, channels)`, static shape.
        padding: `"valid"` (floor) or `"same"` (ceil); the op itself always sees even sides.
        name: the pooling layer's.
    """
    even = lowering.to_even(x, padding)
    pooled, index = tf.raw_ops.MaxPoolWithArgmax(input=even, name=f"{name}_argmax", **_WINDOW)
    return pooled, Argmax(even, index, lowering.size_of(x), name)


def max_unpool(pooled: tf.Tensor, argmax: Argmax) -> tf.Tensor:
    """Puts `pooled` back where `argmax` says, zeros elsewhere; an op for each group of channels."""
    channels = argmax.source.shape[-1]
    groups = [
        tf.raw_ops.MaxPoolGradWithArgmax(
            input=argmax.source,  # for its shape; `named` takes it out
            grad=lowering.cut(pooled, lowering.CHANNELS, first, channels),
            argmax=argmax.index,
            name=f"{argmax.name}_unpool",
            **_WINDOW,
        )
        for first in range(0, pooled.shape[-1], channels)
    ]
    x = groups[0] if len(groups) == 1 else tf.concat(groups, lowering.CHANNELS)
    return lowering.to_size(x, argmax.size)


def named(content: bytes) -> bytes:
    """A converted file with the delegates' ops in place of TensorFlow's.

    Fields are changed where they are, and longer content is added at the end: the weights stay
    where the converter put them, and aligned.
    """
    data = bytearray(content)
    model = schema.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    renamed = {
        index: _RENAMED[code.CustomCode().decode()]
        for index, code in enumerate(codes)
        if code.CustomCode() is not None and code.CustomCode().decode() in _RENAMED
    }
    for index, name in renamed.items():
        _point(data, codes[index], _CODE_NAME, _string(name))
    for op in (graph.Operators(index) for index in range(graph.OperatorsLength())):
        kind = renamed.get(op.OpcodeIndex())
        if kind is None:
            continue
        _point(data, op, _OP_OPTIONS, _vector(_OPTIONS, len(_OPTIONS)))
        if kind == UNPOOL:
            inputs = op.InputsAsNumpy()[1:].astype("<i4")
            _point(data, op, _OP_INPUTS, _vector(inputs.tobytes(), len(inputs)))
        else:
            index = graph.Tensors(op.Outputs(1))
            # The delegates compute with it in float32; int64 would be refused.
            data[_field(index, _TENSOR_TYPE)] = schema.TensorType.FLOAT32
    return bytes(data)


def _field(table: schema.OperatorCode | schema.Operator | schema.Tensor, slot: int) -> int:
    """Where a field of a flatbuffer table is stored."""
    offset = table._tab.Offset(slot)
    if not offset:
        raise ValueError(f"The converter left a field of {type(table).__name__} out.")
    return table._tab.Pos + offset


def _point(
    data: bytearray,
    table: schema.OperatorCode | schema.Operator | schema.Tensor,
    slot: int,
    stored: bytes,
) -> None:
    """Puts `stored` at the end and makes a field refer to it."""
    place = _field(table, slot)
    # The content follows its length, which has 4 bytes, and must be aligned to 16.
    data += bytes(-(len(data) + 4) % 16)
    distance = len(data) - place
    data[place : place + 4] = np.array(distance, "<u4").tobytes()
    data += stored


def _string(text: str) -> bytes:
    return _vector(text.encode() + b"\0", len(text))


def _vector(content: bytes, length: int) -> bytes:
    return np.array(length, "<u4").tobytes() + content
