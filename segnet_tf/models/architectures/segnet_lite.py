"""SegNet-Lite: EfficientNet-Lite0's encoder with SegNet's pooling indices, and a light decoder."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.models.dropout import dropouts
from segnet_tf.models.encoders import lite0
from segnet_tf.models.lite_body import Body

# Of the decoder's stages, from the bottom up. The deep ones see few pixels and are nearly free; the
# last one sees them all.
DECODER_WIDTHS = (128, 96, 64, 48, 16)
# How many values each index places. The maps that are pooled are narrow, 16 channels where a pixel
# is a quarter of the image's: with one value an index that is all the decoder could hand on.
UNPOOL_GROUPS = (1, 2, 3, 3, 1)


def segnet_lite(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    stem_strides: int = 1,
    repeats: Sequence[int] = lite0.REPEATS,
    separable: bool = False,
    decoder_widths: Sequence[int] = DECODER_WIDTHS,
    unpool_groups: Sequence[int] = UNPOOL_GROUPS,
    pooling: str = "before",
    bins: Sequence[int] = (),
    kernel: int = 3,
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
        stem_strides: 1, or 2 as the encoder was pretrained, which is much faster: four poolings,
            and logits of half the image's size that are resized bilinearly. The widths and groups
            below are then four numbers.
        repeats: blocks of each of EfficientNet-Lite0's seven stages; fewer numbers end the encoder
            earlier.
        separable: 3x3 convolutions of the decoder as a depthwise one and a 1x1.
        decoder_widths: channels of the decoder's stages, from the bottom up. With `separable` the
            last may be 0: the classifier then follows the depthwise convolution. Fewer numbers end
            the decoder earlier, and the logits are resized.
        unpool_groups: values that each pooling index places in those stages, 1 in SegNet.
        pooling: "before" the blocks that halve the map, or "beside" them: the blocks then keep
            their stride and what they have learned, and the pooled map is added to their output.
        bins: windows along each side of a pyramid's levels at the bottom, such as (1, 2, 3, 6).
        kernel: size of the decoder's depthwise convolutions, with `separable`.
        bayesian: dropout in the deepest stages, see `segnet_tf.models.dropout`.
        dropout: share of the values that it sets to 0.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: a number of stages that does not fit, an option that no such network has.
    """
    body = Body(
        stem_strides, repeats, separable, decoder_widths, unpool_groups, pooling, bins, kernel
    )
    drop = dropouts("segnet_lite", bayesian, dropout)
    return body.build(num_classes, input_shape, drop, name)
