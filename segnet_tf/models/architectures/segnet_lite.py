"""SegNet-Lite: EfficientNet-Lite0's encoder with SegNet's pooling indices, and a light decoder."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.models.dropout import dropouts
from segnet_tf.models.lite_body import Body

# The blocks of EfficientNet-Lite0's stages, all but its last one, which is the widest.
REPEATS = (1, 2, 2, 3, 3, 4)
# Of the decoder's stages, from the bottom up to a quarter of the image's side. One more, at half of
# it, would see four times the pixels of the last of these.
DECODER_WIDTHS = (160, 128, 96)
# How many values each index places. The maps that are pooled are narrow, 24 channels where a pixel
# is an eighth of the image's: with one value an index that is all the decoder could hand on.
UNPOOL_GROUPS = (1, 2, 3)
# One average over the whole scene, 4, 9 and 36 over parts of it.
BINS = (1, 2, 3, 6)


def segnet_lite(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    stem_strides: int = 2,
    repeats: Sequence[int] = REPEATS,
    separable: bool = True,
    decoder_widths: Sequence[int] = DECODER_WIDTHS,
    unpool_groups: Sequence[int] = UNPOOL_GROUPS,
    pooling: str = "beside",
    bins: Sequence[int] = BINS,
    kernel: int = 5,
    bayesian: bool = False,
    dropout: float = 0.5,
    name: str = "segnet_lite",
) -> keras.Model:
    """A SegNet on a pretrained mobile encoder, 2.6 million parameters.

    SegNet in it: 2x2 argmax poolings where EfficientNet-Lite0 halves a map; a decoder that gets
    their indices and no feature map of the encoder. Not SegNet: inverted residual blocks for
    VGG16's convolutions, so pooled maps may be negative; the blocks keep their stride, and the
    pooled map is added to their output; an index places up to three values, not one; a pyramid of
    averages at the bottom, as in PSPNet; the decoder ends at a quarter of the image's side, and the
    logits are resized bilinearly.

    The form of the weights `segnet_lite_full_camvid` has pooling in place of every stride and
    logits of the image's size, 3.3 million parameters and twice the time; the recipe of that name
    holds its options.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        stem_strides: 2, as the encoder was pretrained: up to four poolings and decoder stages. 1 is
            much slower: a pooling and up to five stages, the last at the image's size.
        repeats: blocks of each of EfficientNet-Lite0's seven stages; fewer numbers end the encoder
            earlier.
        separable: the decoder's convolutions as a depthwise one and a 1x1.
        decoder_widths: channels of the decoder's stages, from the bottom up. With `separable` the
            last may be 0: the classifier then follows the depthwise convolution. Fewer numbers end
            the decoder earlier, and the logits are resized.
        unpool_groups: values that each pooling index places in those stages, 1 in SegNet.
        pooling: "before" the blocks that halve the map, or "beside" them: the blocks then keep
            their stride and what they have learned, and the pooled map is added to their output.
        bins: windows along each side of the pyramid's levels at the bottom; none for no pyramid.
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
