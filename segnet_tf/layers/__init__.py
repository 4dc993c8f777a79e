"""Keras 3 layers: argmax pooling and unpooling, sizes and channels, averages, normalizations."""

from __future__ import annotations

from segnet_tf.layers.adaptive_pooling import AdaptiveAveragePooling2D
from segnet_tf.layers.channel_padding import ChannelPadding
from segnet_tf.layers.depthwise import TrainingDepthwiseConv2D
from segnet_tf.layers.even_padding import EvenPadding2D
from segnet_tf.layers.normalization import FusedBatchNormalization, LocalResponseNormalization
from segnet_tf.layers.pooling import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.layers.resizing import BilinearResizing2D, CropOrPad2D

__all__ = [
    "AdaptiveAveragePooling2D",
    "BilinearResizing2D",
    "ChannelPadding",
    "CropOrPad2D",
    "EvenPadding2D",
    "FusedBatchNormalization",
    "LocalResponseNormalization",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
    "TrainingDepthwiseConv2D",
]
