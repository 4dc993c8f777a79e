"""Concatenations, and which layers take their int8 range from the one that reads them.

An int8 CONCATENATION and all that it reads have one scale. An input with a range of its own costs a
QUANTIZE, a pass over the map that rounds a second time. A map that nothing else reads gets the
concatenation's range instead: nothing is lost, since that is the range its values end in.

A map that others read too, such as a U-Net's skip, which is also pooled, keeps its own range for
them, and is rescaled for the concatenation: in int8 1.5 % of a U-Net's time, 3 % of a UNet++'s,
whose maps go into several concatenations.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from segnet_tf.export.conversion import graph
from segnet_tf.export.conversion.graph import Handler, Value
from segnet_tf.layers import BilinearResizing2D, ChannelPadding, CropOrPad2D, EvenPadding2D

# They move values, add zeros or mix neighbors, and keep the range of what they read.
RANGE_KEEPING = (
    BilinearResizing2D,
    ChannelPadding,
    CropOrPad2D,
    EvenPadding2D,
    keras.layers.Resizing,
    keras.layers.UpSampling2D,
    keras.layers.MaxPooling2D,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
)
# XNNPACK leaves out a CONCATENATION of more.
LARGEST_COUNT = 5


def concatenate(layer: keras.layers.Concatenate, values: list[Value]) -> tf.Tensor:
    """One op, or for more than `LARGEST_COUNT` maps several."""
    tensors = [graph.bare(value) for value in values]
    while len(tensors) > LARGEST_COUNT:
        starts = range(0, len(tensors), LARGEST_COUNT)
        tensors = [tf.concat(tensors[i : i + LARGEST_COUNT], layer.axis) for i in starts]
    return tf.concat(tensors, layer.axis, name=layer.name)


def followers(model: keras.Model) -> dict[str, str]:
    """Layer -> the concatenation whose range its output has.

    Args:
        model: as `graph.walk` takes it.
    """
    functional = graph.functional_of(model)
    nodes = [
        node
        for depth in sorted(functional._nodes_by_depth)  # from the output on
        for node in functional._nodes_by_depth[depth]
        if not node.is_input
    ]
    makers = {id(tensor): node for node in nodes for tensor in node.outputs}
    readers: dict[int, int] = {id(functional.outputs[0]): 1}
    calls: dict[int, int] = {}
    for node in nodes:
        calls[id(node.operation)] = calls.get(id(node.operation), 0) + 1
        for tensor in node.input_tensors:
            readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node.operation, keras.Model):
            found |= followers(node.operation)
        if not isinstance(node.operation, keras.layers.Concatenate):
            continue
        name = node.operation.name
        for tensor in node.input_tensors:
            while readers[id(tensor)] == 1 and id(tensor) in makers:
                maker = makers[id(tensor)]
                operation = maker.operation
                if calls[id(operation)] > 1 or isinstance(operation, keras.Model):
                    break
                # A concatenation that another one reads has been seen before its own inputs are.
                found[operation.name] = found.get(name, name)
                if not isinstance(operation, RANGE_KEEPING):
                    break
                tensor = maker.input_tensors[0]
    return found


HANDLERS: dict[type, Handler] = {keras.layers.Concatenate: concatenate}
