"""EfficientNet-Lite0: its table of blocks, and the blocks.

Lite nets have ReLU6 for swish and no squeeze-excite, so that they survive int8.
https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.layers import EvenPadding2D

STEM = 32
# (kernel, expansion, channels, halves the map)
Block = tuple[int, int, int, bool]
BLOCKS: tuple[Block, ...] = (
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
# How many blocks in a row have the same channels. All but the first of them add to their input, so
# that a network works without them.
REPEATS = (1, 2, 2, 3, 3, 4, 1)
# Stem and blocks, as an encoder's widths.
WIDTHS = (STEM, *(channels for _, _, channels, _ in BLOCKS))


def chosen(repeats: Sequence[int]) -> list[tuple[int, Block]]:
    """The first blocks of each stage, with their numbers in `BLOCKS`.

    Args:
        repeats: how many of each stage, none of the stages that are not given.
    """
    starts = [sum(REPEATS[:stage]) for stage in range(len(repeats))]
    return [
        (number, BLOCKS[number])
        for start, count in zip(starts, repeats, strict=True)
        for number in range(start, start + count)
    ]


def maps(
    x: keras.KerasTensor, widths: tuple[int, ...], output_stride: int
) -> dict[int, keras.KerasTensor]:
    """EfficientNet-Lite0 with its strides as it was pretrained; see `Encoder.maps`.

    Where a stride is left out, the block that had it keeps the dilation before it: its own kernel
    sees the map as it was.
    """
    stem, *channels = widths
    x = conv(x, stem, 3, "encoder_stem", strides=2)
    found, stride, dilation = {}, 2, 1
    for number, ((kernel, expansion, _, halves), width) in enumerate(
        zip(BLOCKS, channels, strict=True)
    ):
        strides, own = 1, dilation
        if halves and stride < output_stride:
            found[stride] = x
            strides, stride = 2, stride * 2
        elif halves:
            dilation *= 2
        name = f"encoder_block{number}"
        x = inverted_residual(x, kernel, expansion, width, name, strides=strides, dilation=own)
    return {**found, stride: x}


def conv(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    name: str,
    *,
    strides: int = 1,
    relu: bool = True,
    gamma: str = "ones",
) -> keras.KerasTensor:
    """Convolution, batch normalization and, if asked, ReLU6, named `{name}_conv` etc."""
    if strides > 1:
        x = EvenPadding2D(name=f"{name}_even")(x)
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return _norm(x, name, relu=relu, gamma=gamma)


def inverted_residual(
    x: keras.KerasTensor,
    kernel: int,
    expansion: int,
    channels: int,
    name: str,
    *,
    strides: int = 1,
    dilation: int = 1,
) -> keras.KerasTensor:
    """A block of EfficientNet-Lite: expansion, depthwise convolution, linear projection.

    Args:
        x: float `(batch, height, width, any)`.
        kernel: size of the depthwise convolution.
        expansion: factor on the channels inside.
        channels: of the output.
        name: prefix of its layers' names.
        strides: of the depthwise convolution.
        dilation: of the depthwise convolution.
    """
    before = x
    if expansion > 1:
        x = conv(x, expansion * before.shape[-1], 1, f"{name}_expand")
    x = depthwise(x, kernel, f"{name}_depthwise", strides=strides, dilation=dilation)
    x = conv(x, channels, 1, f"{name}_project", relu=False)
    if strides == 1 and before.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}_add")([before, x])
    return x


def depthwise(
    x: keras.KerasTensor,
    kernel: int,
    name: str,
    *,
    strides: int = 1,
    dilation: int = 1,
    relu: bool = True,
) -> keras.KerasTensor:
    """Depthwise convolution, batch normalization and, if asked, ReLU6, named `{name}_conv` etc."""
    if strides > 1:
        x = EvenPadding2D(name=f"{name}_even")(x)
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides,
        padding="same",
        dilation_rate=dilation,
        use_bias=False,
        name=f"{name}_conv",
    )(x)
    return _norm(x, name, relu=relu)


def _norm(
    x: keras.KerasTensor, name: str, *, relu: bool = True, gamma: str = "ones"
) -> keras.KerasTensor:
    # epsilon as in EfficientNet; batches are small, so the mean runs slowly.
    x = keras.layers.BatchNormalization(
        momentum=0.98, epsilon=1e-3, gamma_initializer=gamma, name=f"{name}_bn"
    )(x)
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu")(x) if relu else x
