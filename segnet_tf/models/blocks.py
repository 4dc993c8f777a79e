"""What the networks are made of: input, convolutions, SegNet's body, upsampling, classifier."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.layers import (
    BilinearResizing2D,
    CropOrPad2D,
    MaxPoolingWithArgmax2D,
    MaxUnpooling2D,
)
from segnet_tf.models.dropout import NO_DROPOUT, Dropouts
from segnet_tf.models.input_size import check_input_shape

Stages = Sequence[Sequence[int]]

# Momentum of the moving statistics: batches are small here, so the mean runs slowly.
SMALL_BATCHES = 0.98

# name -> (scale, offset) of the raw RGB 0..255 input, per channel.
NORMALIZATIONS: dict[str, tuple[float | list[float], float | list[float]] | None] = {
    "none": None,
    # A power of two, and 128 becomes 0: in int8 every pixel value keeps a code of its own.
    "signed": (1 / 128, -1.0),
    # What EfficientNet-Lite was trained with.
    "lite": (1 / 128, -127 / 128),
    # Keras's VGG16 weights want the ImageNet mean taken off and nothing else (Caffe's habit).
    "vgg": (1.0, [-123.68, -116.779, -103.939]),
    # torchvision's mean and standard deviation.
    "imagenet": (
        [1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)],
        [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
    ),
}


def image_input(input_shape: Sequence[int | None], depth: int) -> keras.KerasTensor:
    """The model's input, RGB or other channels of 0..255.

    Args:
        input_shape: `(height, width, channels)`; `None` sides take any size.
        depth: how many times the network halves it.

    Raises:
        UserError: a side below `2**depth`, or no shape of an image.
    """
    check_input_shape(input_shape, depth)
    return keras.Input([side and int(side) for side in input_shape], name="image")


def normalize(x: keras.KerasTensor, normalization: str) -> keras.KerasTensor:
    """Rescales RGB 0..255 inside the model, so that nobody can do it twice or forget it.

    Args:
        x: float `(batch, height, width, channels)`. A table of RGB gives other channels its mean:
            grey, infrared or depth have no statistics of their own in it.
        normalization: a name in `NORMALIZATIONS`.
    """
    if normalization not in NORMALIZATIONS:
        raise UserError(
            f"`normalization` must be one of {sorted(NORMALIZATIONS)}. "
            f"Received: normalization={normalization!r}."
        )
    table = NORMALIZATIONS[normalization]
    if table is None:
        return x
    channels = x.shape[-1]
    scale, offset = (_for_channels(values, channels) for values in table)
    return keras.layers.Rescaling(scale, offset, name="normalization")(x)


def _for_channels(values: float | list[float], channels: int) -> float | list[float]:
    if not isinstance(values, list) or channels == 3:
        return values
    mean = sum(values) / len(values)
    return (values + [mean] * (channels - 3))[:channels] if channels > 3 else [mean] * channels


def conv_bn(
    x: keras.KerasTensor,
    filters: int,
    *,
    name: str,
    index: int,
    kernel_size: int = 3,
    dilation: int = 1,
    relu: bool = True,
    use_bias: bool = True,
    momentum: float = 0.9,
) -> keras.KerasTensor:
    """Convolution, batch normalization and, if asked, ReLU, named `{name}_conv{index}` etc."""
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        dilation_rate=dilation,
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=f"{name}_conv{index}",
    )(x)
    # epsilon as in PyTorch and Caffe; Keras's own 1e-3 would change imported weights' results.
    x = keras.layers.BatchNormalization(momentum=momentum, epsilon=1e-5, name=f"{name}_bn{index}")(
        x
    )
    return keras.layers.ReLU(name=f"{name}_relu{index}")(x) if relu else x


# Without the bias, which batch normalization makes idle.
unbiased_conv_bn = functools.partial(conv_bn, use_bias=False, momentum=SMALL_BATCHES)


def encoder_decoder(
    x: keras.KerasTensor,
    encoder: Stages,
    decoder: Stages,
    *,
    pool_padding: str = "valid",
    decoder_relu: bool = True,
    dropouts: Dropouts = NO_DROPOUT,
    **conv: Any,
) -> keras.KerasTensor:
    """SegNet's body: the encoder's argmax goes to the decoder stage of the same depth.

    Args:
        x: float `(batch, height, width, channels)`.
        encoder: widths of the convolutions of each stage, from the image down.
        decoder: the same, from the bottom up.
        pool_padding: `"valid"` (floor) or `"same"` (ceil).
        decoder_relu: whether the decoder's convolutions end in ReLU.
        dropouts: follow the pooled map of an encoder's stage, whose argmax stays what it is, and
            the last convolution of a decoder's.
        **conv: passed on to `conv_bn`.

    Returns:
        float `(batch, height, width, decoder[-1][-1])`.
    """
    indices = []
    for depth, widths in enumerate(encoder, start=1):
        for index, width in enumerate(widths, start=1):
            x = conv_bn(x, width, name=f"encoder{depth}", index=index, **conv)
        before = x
        x, argmax = MaxPoolingWithArgmax2D(padding=pool_padding, name=f"encoder{depth}_pool")(x)
        indices.append((argmax, before))
        x = dropouts(x, f"encoder{depth}")
    for depth, widths in zip(range(len(encoder), 0, -1), decoder, strict=True):
        argmax, before = indices[depth - 1]
        x = MaxUnpooling2D(name=f"decoder{depth}_unpool")(x, argmax, output_size=before)
        for index, width in enumerate(widths, start=1):
            name = f"decoder{depth}"
            x = conv_bn(x, width, name=name, index=index, relu=decoder_relu, **conv)
        x = dropouts(x, f"decoder{depth}")
    return x


def upsample(
    x: keras.KerasTensor, reference: keras.KerasTensor, filters: int, upsampling: str, name: str
) -> keras.KerasTensor:
    """Doubles a map, to the size of `reference`.

    Args:
        x: float `(batch, h, w, channels)`.
        reference: `(batch, height, width, any)`, half as coarse.
        filters: channels of the output for `"transpose"`.
        upsampling: `"transpose"`, a 2x2 transposed convolution, or `"bilinear"`, which keeps the
            channels.
        name: prefix of its layers' names.

    Raises:
        UserError: another `upsampling`.
    """
    if upsampling == "bilinear":
        return BilinearResizing2D(name=f"{name}_up")(x, reference)
    if upsampling != "transpose":
        raise UserError(
            f"`upsampling` must be 'transpose' or 'bilinear'. Received: upsampling={upsampling!r}."
        )
    x = keras.layers.Conv2DTranspose(
        filters, 2, 2, kernel_initializer="he_normal", name=f"{name}_up"
    )(x)
    return CropOrPad2D(name=f"{name}_fit")(x, reference)


def enlarge(logits: keras.KerasTensor, image: keras.KerasTensor) -> keras.KerasTensor:
    """The logits of a coarse map, resized bilinearly to the size of `image`, in float32."""
    return BilinearResizing2D(dtype="float32", name="logits")(logits, image)


def classifier(
    x: keras.KerasTensor, num_classes: int, kernel_size: int = 1, name: str = "classifier"
) -> keras.KerasTensor:
    """Logits, float32 under every precision policy: float16 sums lose digits in the softmax.

    Raises:
        UserError: `num_classes` is no positive integer.
    """
    filters = checked_classes(num_classes)
    return keras.layers.Conv2D(filters, kernel_size, padding="same", dtype="float32", name=name)(x)


def check_flag(option: str, value: object) -> None:
    """Raises UserError unless an option is True or False: "off" would count as True."""
    if not isinstance(value, bool):
        raise UserError(f"`{option}` must be True or False. Received: {option}={value!r}.")


def checked_classes(num_classes: int) -> int:
    """`num_classes` as an `int`; UserError if it is no positive integer."""
    if (
        isinstance(num_classes, bool)
        or not isinstance(num_classes, (int, np.integer))
        or num_classes < 1
    ):
        raise UserError(
            "`num_classes` must be a positive integer, 1 for binary. "
            f"Received: num_classes={num_classes!r}."
        )
    return int(num_classes)
