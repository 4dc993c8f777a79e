"""The table of encoders: a new one is a file beside this one and a row here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.encoders import lite0, stacked

# How many pixels of the image lie along a pixel of a map -> the last map of that size.
Maps = dict[int, keras.KerasTensor]


@dataclass(frozen=True)
class Encoder:
    """An encoder with its widths, ready to be built into a network.

    Attributes:
        normalization: what its pretrained weights want, a name in `blocks.NORMALIZATIONS`.
        finest: stride of its first map, in pixels of the image.
        deepest: stride of its last map.
        widths: channels of its maps, finest first.
        function: builds it: `function(x, widths, output_stride)`.
    """

    normalization: str
    finest: int
    deepest: int
    widths: tuple[int, ...]
    function: Callable[[keras.KerasTensor, tuple[int, ...], int], Maps]

    @property
    def depth(self) -> int:
        """How many times it halves the image."""
        return self.deepest.bit_length() - 1

    def check_output_stride(self, output_stride: int) -> None:
        """Raises UserError unless `maps` can be asked for that output stride."""
        strides = [stride for stride in (8, 16, 32) if stride <= self.deepest]
        if not isinstance(output_stride, int) or output_stride not in strides:
            raise UserError(
                f"`output_stride` must be one of {', '.join(map(str, strides))} with this encoder. "
                f"Received: output_stride={output_stride!r}."
            )

    def maps(self, x: keras.KerasTensor, output_stride: int | None = None) -> Maps:
        """Builds the encoder.

        Args:
            x: the normalized image, float `(batch, height, width, channels)`.
            output_stride: the coarsest map's stride. Below `deepest` the last halvings are left
                out and the convolutions after them dilated instead, so that each still sees as
                much of the image. `None` for `deepest`.

        Returns:
            Stride -> the last map of that stride, float
            `(batch, height / stride, width / stride, channels)`.
        """
        return self.function(x, self.widths, output_stride or self.deepest)


# name -> (normalization, stride of the finest and of the deepest map, widths, function)
_TABLE = {
    "plain": ("signed", 1, 16, (64, 128, 256, 512, 1024), stacked.plain),
    "vgg": ("vgg", 1, 16, (64, 128, 256, 512, 512), stacked.vgg),
    "lite0": ("lite", 2, 32, lite0.WIDTHS, lite0.maps),
}
NAMES = tuple(_TABLE)


def encoder_of(encoder: str, width: float = 1.0, widths: Sequence[int] | None = None) -> Encoder:
    """An encoder by name.

    Args:
        encoder: `"plain"`: two 3x3 convolutions a stage, U-Net's; `"vgg"`: VGG16's thirteen;
            `"lite0"`: EfficientNet-Lite0, whose first map is half the image.
        width: factor on all channels.
        widths: channels of each stage before that factor, for `"plain"` and `"vgg"`, from the
            image down; `None` for the encoder's own.

    Raises:
        UserError: no such encoder, a factor that is not above 0, widths that do not fit.
    """
    if encoder not in _TABLE:
        raise UserError(
            f"`encoder` must be one of {', '.join(NAMES)}. Received: encoder={encoder!r}."
        )
    check_width(width)
    normalization, finest, deepest, own, function = _TABLE[encoder]
    if widths is None:
        widths = own
    elif encoder == "lite0":
        raise UserError(
            "`widths` must be left out for encoder='lite0', whose blocks have their own. "
            f"Received: widths={tuple(widths)}. Pass `width`, a factor on them."
        )
    whole = all(isinstance(channels, int) and channels > 0 for channels in widths)
    if len(widths) != len(own) or not whole:
        raise UserError(
            f"`widths` must hold {len(own)} positive whole numbers, one a stage from the image "
            f"down. Received: widths={tuple(widths)}."
        )
    channels = tuple(scaled(channels, width) for channels in widths)
    return Encoder(normalization, finest, deepest, channels, function)


def check_width(width: object) -> None:
    """Raises UserError unless `width` can be a factor on channels."""
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 < width < 100:
        raise UserError(
            "`width` must be a factor on the channels, above 0 and below 100, e.g. 0.25. "
            f"Received: width={width!r}."
        )


def check_filters(filters: object) -> None:
    """Raises UserError unless `filters` can be a number of channels."""
    if isinstance(filters, bool) or not isinstance(filters, int) or filters < 1:
        raise UserError(
            f"`filters` must be a positive whole number. Received: filters={filters!r}."
        )


def scaled(channels: int, width: float) -> int:
    """`channels` times the factor `width`, at least 1 and whole."""
    return max(1, round(channels * width))
