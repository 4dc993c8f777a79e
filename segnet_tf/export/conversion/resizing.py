"""Resizing layers in the two TFLite ops for it, whose pixel centers are Keras's: at `i + 0.5`.

RESIZE_BILINEAR makes no value beyond those that it reads, so an int8 map keeps its range. XNNPACK
has the op in float and in int8, also from a map of one pixel, and is within 0.54 of a step of the
exact value. LiteRT's other int8 kernels are that close only where a side grows by a power of two.
They count places in 1/1024 of a pixel, and at other factors the rounding adds up along the side: to
0.03 of a pixel from 22 to 45 rows.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import graph, lowering
from segnet_tf.export.conversion.graph import Handler, Value
from segnet_tf.layers import BilinearResizing2D

INTERPOLATIONS = ("nearest", "bilinear")


def upsample(layer: keras.layers.UpSampling2D, x: Value) -> Value:
    """Keras's own way to repeat pixels takes tensors of rank 5."""
    height, width = lowering.size_of(x.tensor)
    size = height * layer.size[0], width * layer.size[1]
    return _resized(layer, x, size, layer.interpolation)


def resize(layer: keras.layers.Resizing, x: Value, **_: Any) -> Value | None:
    """To the layer's own size; one that cuts or pads too is written as it is."""
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        return None
    return _resized(layer, x, (layer.height, layer.width), layer.interpolation)


def resize_to(layer: BilinearResizing2D, x: Value, reference: Any) -> Value:
    """To the size of another map, which the file knows."""
    return _resized(layer, x, lowering.size_of(graph.bare(reference)), "bilinear")


def _resized(layer: keras.Layer, x: Value, size: tuple[int, int], interpolation: str) -> Value:
    if interpolation not in INTERPOLATIONS:
        raise UserError(
            "`interpolation` must be nearest or bilinear in a model that is exported: TFLite has "
            f"no op for others. Received: {interpolation!r} at {layer.name}."
        )
    resized = tf.image.resize(x.tensor, size, interpolation, name=layer.name)
    return graph.quantized(resized, x.range)


HANDLERS: dict[type, Handler] = {
    keras.layers.UpSampling2D: upsample,
    keras.layers.Resizing: resize,
    BilinearResizing2D: resize_to,
}
