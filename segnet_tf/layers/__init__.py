"""Keras 3 layers: argmax pooling and unpooling, and normalizations."""

from __future__ import annotations

from segnet_tf.layers.normalization import FusedBatchNormalization, LocalResponseNormalization
from segnet_tf.layers.pooling import MaxPoolingWithArgmax2D, MaxUnpooling2D

__all__ = [
    "FusedBatchNormalization",
    "LocalResponseNormalization",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
]
