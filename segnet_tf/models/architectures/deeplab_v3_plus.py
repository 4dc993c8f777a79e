"""DeepLabV3+: dilated convolutions at several rates, and a small decoder."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.errors import UserError
from segnet_tf.layers import BilinearResizing2D
from segnet_tf.models import blocks
from segnet_tf.models.dropout import check_rate
from segnet_tf.models.encoders import encoder_of
from segnet_tf.models.encoders.encoder import check_filters, scaled

# The paper's, at an output stride of 16. At 8 it doubles them.
RATES = (6, 12, 18)
# Channels of the pyramid and of the decoder, and of the fine map that the decoder gets.
FILTERS = 256
FINE_FILTERS = 48
# Stride of that fine map.
FINE = 4


def deeplab_v3_plus(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    encoder: str = "plain",
    width: float = 1.0,
    widths: Sequence[int] | None = None,
    output_stride: int = 16,
    rates: Sequence[int] | None = None,
    filters: int = FILTERS,
    separable: bool = True,
    dropout: float = 0.1,
    normalization: str | None = None,
    name: str = "deeplab_v3_plus",
) -> keras.Model:
    """DeepLabV3+: atrous spatial pyramid pooling, and a decoder with one map of the encoder.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        encoder: `"plain"`, `"vgg"` or `"lite0"`; the paper's, Xception and ResNet, are none of
            them.
        width: factor on all channels.
        widths: channels of the encoder's stages before that factor, from the image down; `None`
            for the encoder's own.
        output_stride: pixels of the image along a pixel of the coarsest map, 8, 16 or 32.
        rates: dilations of the pyramid's 3x3 convolutions; `None` for the paper's 6, 12, 18 at a
            stride of 16, twice those at 8, half at 32.
        filters: channels of the pyramid and of the decoder before `width`.
        separable: 3x3 convolutions of the head as a depthwise one and a 1x1, as the paper has
            them with Xception.
        dropout: share of the pyramid's values that training drops.
        normalization: a name in `blocks.NORMALIZATIONS`; `None` for the encoder's own.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: an unknown encoder, an output stride that it does not reach, widths, rates,
            filters or a dropout that do not fit, a `separable` that is neither True nor False.

    Reference:
        Chen et al., 2018, https://arxiv.org/abs/1802.02611
    """
    body = encoder_of(encoder, width, widths)
    body.check_output_stride(output_stride)
    check_filters(filters)
    check_rate(dropout)
    blocks.check_flag("separable", separable)
    if rates is None:
        rates = [rate * 16 // output_stride for rate in RATES]
    if not rates or not all(isinstance(rate, int) and rate > 0 for rate in rates):
        raise UserError(f"`rates` must be positive whole numbers. Received: rates={tuple(rates)}.")
    inputs = blocks.image_input(input_shape, body.depth)
    x = blocks.normalize(inputs, normalization or body.normalization)
    maps = body.maps(x, output_stride)
    channels = scaled(filters, width)
    x = _pyramid(maps[output_stride], channels, rates, separable)
    if dropout:
        x = keras.layers.Dropout(dropout, name="pyramid_dropout")(x)
    fine = blocks.unbiased_conv_bn(
        maps[FINE], scaled(FINE_FILTERS, width), name="decoder_fine", index=1, kernel_size=1
    )
    x = BilinearResizing2D(name="decoder_up")(x, fine)
    x = keras.layers.Concatenate(name="decoder_join")([fine, x])
    for index in (1, 2):
        x = _conv(x, channels, 1, separable, "decoder", index)
    logits = blocks.classifier(x, num_classes)
    return keras.Model(inputs, blocks.enlarge(logits, inputs), name=name)


def _pyramid(
    x: keras.KerasTensor, filters: int, rates: Sequence[int], separable: bool
) -> keras.KerasTensor:
    """Atrous spatial pyramid pooling: views of several sizes, the whole image among them."""
    branches = [blocks.unbiased_conv_bn(x, filters, name="pyramid_point", index=1, kernel_size=1)]
    for index, rate in enumerate(rates, start=1):
        branches.append(_conv(x, filters, rate, separable, "pyramid_atrous", index))
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pyramid_mean")(x)
    mean = blocks.unbiased_conv_bn(mean, filters, name="pyramid_image", index=1, kernel_size=1)
    branches.append(BilinearResizing2D(name="pyramid_image_up")(mean, x))
    x = keras.layers.Concatenate(name="pyramid_join")(branches)
    return blocks.unbiased_conv_bn(x, filters, name="pyramid_project", index=1, kernel_size=1)


def _conv(
    x: keras.KerasTensor, filters: int, dilation: int, separable: bool, name: str, index: int
) -> keras.KerasTensor:
    """A 3x3 convolution, or a depthwise 3x3 and a 1x1, each with normalization and ReLU."""
    if not separable:
        return blocks.unbiased_conv_bn(x, filters, name=name, index=index, dilation=dilation)
    x = keras.layers.DepthwiseConv2D(
        3,
        padding="same",
        dilation_rate=dilation,
        use_bias=False,
        name=f"{name}_depthwise{index}",
    )(x)
    x = keras.layers.BatchNormalization(
        momentum=blocks.SMALL_BATCHES, epsilon=1e-5, name=f"{name}_depthwise_bn{index}"
    )(x)
    x = keras.layers.ReLU(name=f"{name}_depthwise_relu{index}")(x)
    return blocks.unbiased_conv_bn(x, filters, name=name, index=index, kernel_size=1)
