"""SegNet-Lite: EfficientNet-Lite0's encoder with SegNet's pooling indices, and a light decoder."""

from __future__ import annotations

import keras

from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.models import blocks

# EfficientNet-Lite0: (kernel, expansion, channels, halves the map) of each block. Lite nets have
# ReLU6 for swish and no squeeze-excite, so that they survive int8.
# https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html
STEM = 32
BLOCKS = (
    (3, 1, 16, False),
    (3, 6, 24, True),
    (3, 6, 24, False),
    (5, 6, 40, True),
    (5, 6, 40, False),
    (3, 6, 80, True),
    (3, 6, 80, False),
    (3, 6, 80, False),
    (5, 6, 112, False),
    (5, 6, 112, False),
    (5, 6, 112, False),
    (5, 6, 192, True),
    (5, 6, 192, False),
    (5, 6, 192, False),
    (5, 6, 192, False),
    (3, 6, 320, False),
)
DEPTH = 5
# Convolutions of the decoder's stages, from the bottom up, between two unpoolings. The deep ones
# see few pixels and are nearly free; the last one sees them all.
DECODER_WIDTHS = (128, 96, 64, 48, 16)
# How many values each index places. The maps that are pooled are narrow, 16 channels where a pixel
# is a quarter of the image's: with one value an index that is all the decoder could hand on.
UNPOOL_GROUPS = (1, 2, 3, 3, 1)

# (argmax, the map that was pooled) of each stage so far.
Indices = list[tuple[keras.KerasTensor, keras.KerasTensor]]


def segnet_lite(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    decoder_widths: tuple[int, ...] = DECODER_WIDTHS,
    unpool_groups: tuple[int, ...] = UNPOOL_GROUPS,
    name: str = "segnet_lite",
) -> keras.Model:
    """A SegNet on a pretrained mobile encoder, 3.3 million parameters.

    SegNet in it: five 2x2 argmax poolings, one where EfficientNet-Lite0 has a stride of 2; a
    decoder that gets their indices and no feature map of the encoder. Not SegNet: inverted
    residual blocks for VGG16's convolutions, so pooled maps may be negative; the pooling stands
    before the block that had the stride, whose wide inside thus never sees the large map; an index
    places up to three values, not one.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        decoder_widths: channels of the decoder's stages, from the bottom up.
        unpool_groups: values that each pooling index places in those stages, 1 in SegNet.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: another number of stages than 5.
    """
    for option, values in (("decoder_widths", decoder_widths), ("unpool_groups", unpool_groups)):
        if len(values) != DEPTH:
            raise UserError(
                f"`{option}` must hold {DEPTH} numbers, one a stage from the bottom up. "
                f"Received: {option}={tuple(values)}."
            )
    inputs = blocks.image_input(input_shape, DEPTH)
    x = blocks.normalize(inputs, "lite")
    x = _conv(x, STEM, 3, "encoder_stem")
    x, indices = _pool(x, [])
    for number, (kernel, expansion, channels, halves) in enumerate(BLOCKS):
        if halves:
            x, indices = _pool(x, indices)
        x = _inverted_residual(x, kernel, expansion, channels, f"encoder_block{number}")
    stages = zip(decoder_widths, unpool_groups, range(DEPTH, 0, -1), strict=True)
    for width, groups, depth in stages:
        argmax, before = indices[depth - 1]
        # Linear as the map that was pooled: a ReLU would forget half of these few channels.
        x = _conv(x, groups * before.shape[-1], 1, f"decoder{depth}_project", relu=False)
        x = MaxUnpooling2D(name=f"decoder{depth}_unpool")(x, argmax, output_size=before)
        x = _conv(x, width, 3, f"decoder{depth}")
    return keras.Model(inputs, blocks.classifier(x, num_classes), name=name)


def _pool(x: keras.KerasTensor, indices: Indices) -> tuple[keras.KerasTensor, Indices]:
    pooled, argmax = MaxPoolingWithArgmax2D(name=f"encoder{len(indices) + 1}_pool")(x)
    return pooled, [*indices, (argmax, x)]


def _conv(
    x: keras.KerasTensor, filters: int, kernel_size: int, name: str, *, relu: bool = True
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return _norm(x, name, relu=relu)


def _norm(x: keras.KerasTensor, name: str, *, relu: bool = True) -> keras.KerasTensor:
    # epsilon as in EfficientNet; batches are small, so the mean runs slowly.
    x = keras.layers.BatchNormalization(momentum=0.98, epsilon=1e-3, name=f"{name}_bn")(x)
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu")(x) if relu else x


def _inverted_residual(
    x: keras.KerasTensor, kernel: int, expansion: int, channels: int, name: str
) -> keras.KerasTensor:
    before = x
    if expansion > 1:
        x = _conv(x, expansion * before.shape[-1], 1, f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        kernel, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _norm(x, f"{name}_depthwise")
    x = _conv(x, channels, 1, f"{name}_project", relu=False)
    if before.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}_add")([before, x])
    return x
