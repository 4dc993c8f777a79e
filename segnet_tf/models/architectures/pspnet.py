"""PSPNet: averages over windows of several sizes tell each pixel about the whole scene."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.models import blocks, pyramid
from segnet_tf.models.dropout import check_rate
from segnet_tf.models.encoders import encoder_of
from segnet_tf.models.encoders.encoder import check_filters, scaled

# Windows along each side of the pyramid's levels.
BINS = (1, 2, 3, 6)
# Channels of the convolution that reads the pyramid.
FILTERS = 512


def pspnet(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    encoder: str = "plain",
    width: float = 1.0,
    widths: Sequence[int] | None = None,
    output_stride: int = 8,
    bins: Sequence[int] = BINS,
    filters: int = FILTERS,
    dropout: float = 0.1,
    normalization: str | None = None,
    name: str = "pspnet",
) -> keras.Model:
    """PSPNet: pyramid pooling at an eighth of the image, and no decoder.

    The paper's second loss, on a map inside ResNet, is left out.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        encoder: `"plain"`, `"vgg"` or `"lite0"`; the paper's, ResNet, is none of them.
        width: factor on all channels.
        widths: channels of the encoder's stages before that factor, from the image down; `None`
            for the encoder's own.
        output_stride: pixels of the image along a pixel of the coarsest map, 8, 16 or 32.
        bins: windows along each side of the pyramid's levels.
        filters: channels of the convolution that reads the pyramid, before `width`.
        dropout: share of that convolution's values that training drops.
        normalization: a name in `blocks.NORMALIZATIONS`; `None` for the encoder's own.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: an unknown encoder, an output stride that it does not reach, widths, bins,
            filters or a dropout that do not fit.

    Reference:
        Zhao et al., 2017, https://arxiv.org/abs/1612.01105
    """
    body = encoder_of(encoder, width, widths)
    body.check_output_stride(output_stride)
    check_filters(filters)
    check_rate(dropout)
    pyramid.check_bins(bins)
    inputs = blocks.image_input(input_shape, body.depth)
    x = blocks.normalize(inputs, normalization or body.normalization)
    x = body.maps(x, output_stride)[output_stride]

    def reduce(level: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
        return blocks.unbiased_conv_bn(level, channels, name=name, index=1, kernel_size=1)

    x = pyramid.joined(x, bins, reduce)
    x = blocks.unbiased_conv_bn(x, scaled(filters, width), name="head", index=1)
    if dropout:
        x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    logits = blocks.classifier(x, num_classes)
    return keras.Model(inputs, blocks.enlarge(logits, inputs), name=name)
