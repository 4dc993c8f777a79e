"""SegNet-Lite: EfficientNet-Lite0's encoder with SegNet's pooling indices, and a light decoder."""

from __future__ import annotations

import keras

from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.models import blocks
from segnet_tf.models.dropout import Dropouts, dropouts
from segnet_tf.models.encoders import lite0

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
    bayesian: bool = False,
    dropout: float = 0.5,
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
        bayesian: dropout in the deepest stages, see `segnet_tf.models.dropout`.
        dropout: share of the values that it sets to 0.

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
    drop = dropouts("segnet_lite", bayesian, dropout)
    inputs = blocks.image_input(input_shape, DEPTH)
    x = blocks.normalize(inputs, "lite")
    x = lite0.conv(x, lite0.STEM, 3, "encoder_stem")
    x, indices = _pool(x, [], drop)
    for number, (kernel, expansion, channels, halves) in enumerate(lite0.BLOCKS):
        if halves:
            x, indices = _pool(x, indices, drop)
        x = lite0.inverted_residual(x, kernel, expansion, channels, f"encoder_block{number}")
    stages = zip(decoder_widths, unpool_groups, range(DEPTH, 0, -1), strict=True)
    for width, groups, depth in stages:
        argmax, before = indices[depth - 1]
        # Linear as the map that was pooled: a ReLU would forget half of these few channels.
        x = lite0.conv(x, groups * before.shape[-1], 1, f"decoder{depth}_project", relu=False)
        x = MaxUnpooling2D(name=f"decoder{depth}_unpool")(x, argmax, output_size=before)
        x = drop(lite0.conv(x, width, 3, f"decoder{depth}"), f"decoder{depth}")
    return keras.Model(inputs, blocks.classifier(x, num_classes), name=name)


def _pool(
    x: keras.KerasTensor, indices: Indices, drop: Dropouts
) -> tuple[keras.KerasTensor, Indices]:
    stage = f"encoder{len(indices) + 1}"
    pooled, argmax = MaxPoolingWithArgmax2D(name=f"{stage}_pool")(x)
    return drop(pooled, stage), [*indices, (argmax, x)]
