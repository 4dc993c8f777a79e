"""Encoders that are stacks of 3x3 convolutions with 2x2 max-pooling between them."""

from __future__ import annotations

import keras

from segnet_tf.models import blocks

PLAIN_CONVS = (2, 2, 2, 2, 2)
VGG_CONVS = (2, 2, 3, 3, 3)


def plain(
    x: keras.KerasTensor, widths: tuple[int, ...], output_stride: int
) -> dict[int, keras.KerasTensor]:
    """U-Net's contracting path: five stages of two convolutions; see `Encoder.maps`."""
    return _maps(x, widths, PLAIN_CONVS, output_stride, use_bias=False)


def vgg(
    x: keras.KerasTensor, widths: tuple[int, ...], output_stride: int
) -> dict[int, keras.KerasTensor]:
    """VGG16's thirteen convolutions, named as in `segnet`; see `Encoder.maps`."""
    # With bias: VGG16's weights have them.
    return _maps(x, widths, VGG_CONVS, output_stride, use_bias=True)


def _maps(
    x: keras.KerasTensor,
    widths: tuple[int, ...],
    convs: tuple[int, ...],
    output_stride: int,
    *,
    use_bias: bool,
) -> dict[int, keras.KerasTensor]:
    maps, stride, dilation = {}, 1, 1
    for depth, (width, count) in enumerate(zip(widths, convs, strict=True), start=1):
        if depth > 1 and stride < output_stride:
            maps[stride] = x
            x = keras.layers.MaxPooling2D(name=f"encoder{depth - 1}_pool")(x)
            stride *= 2
        elif depth > 1:
            dilation *= 2
        for index in range(1, count + 1):
            x = blocks.conv_bn(
                x,
                width,
                name=f"encoder{depth}",
                index=index,
                dilation=dilation,
                use_bias=use_bias,
                momentum=blocks.SMALL_BATCHES,
            )
    return {**maps, stride: x}
