"""U-Net: an encoder whose maps are handed to the decoder whole."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.errors import UserError
from segnet_tf.models import blocks
from segnet_tf.models.encoders import encoder_of
from segnet_tf.models.encoders.encoder import scaled

# Of the decoder's stages for encoder="lite0", from the bottom up: those of `segnet_lite`.
LITE_DECODER = (128, 96, 64, 48, 16)


def unet(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    encoder: str = "plain",
    width: float = 1.0,
    widths: Sequence[int] | None = None,
    decoder_widths: Sequence[int] | None = None,
    upsampling: str = "transpose",
    normalization: str | None = None,
    name: str = "unet",
) -> keras.Model:
    """U-Net, 31 million parameters at full width.

    As the paper's but for three habits of today: convolutions are padded, so that a map is as
    large as the one it is joined with; batch normalization follows each; and the encoder does not
    end in dropout.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        encoder: `"plain"` (the paper's), `"vgg"` or `"lite0"`.
        width: factor on all channels.
        widths: channels of the encoder's stages before that factor, from the image down; `None`
            for the encoder's own.
        decoder_widths: channels of the decoder's stages before that factor, from the bottom up;
            `None` for those of the encoder's maps, or for `"lite0"` those of `segnet_lite`.
        upsampling: `"transpose"`: 2x2 transposed convolutions, the paper's; or `"bilinear"`.
        normalization: a name in `blocks.NORMALIZATIONS`; `None` for the encoder's own.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: an unknown encoder or upsampling, widths that do not fit.

    Reference:
        Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597
    """
    body = encoder_of(encoder, width, widths)
    inputs = blocks.image_input(input_shape, body.depth)
    x = blocks.normalize(inputs, normalization or body.normalization)
    *skips, (_, x) = body.maps(x).items()
    # An encoder that starts at half the image has one stage more than it has maps to hand on.
    joined = [skip for _, skip in reversed(skips)] + [None] * (body.depth - len(skips))
    for stage, skip, filters in zip(
        range(body.depth, 0, -1),
        joined,
        _decoder_widths(encoder, decoder_widths, width, joined),
        strict=True,
    ):
        decoder = f"decoder{stage}"
        x = blocks.upsample(x, inputs if skip is None else skip, filters, upsampling, decoder)
        if skip is not None:
            x = keras.layers.Concatenate(name=f"{decoder}_join")([skip, x])
        for index in (1, 2):
            x = blocks.unbiased_conv_bn(x, filters, name=decoder, index=index)
    return keras.Model(inputs, blocks.classifier(x, num_classes), name=name)


def _decoder_widths(
    encoder: str,
    asked: Sequence[int] | None,
    width: float,
    joined: list[keras.KerasTensor | None],
) -> list[int]:
    """Channels of the decoder's stages, from the bottom up."""
    if asked is None and encoder != "lite0":
        return [skip.shape[-1] for skip in joined if skip is not None]
    widths = LITE_DECODER if asked is None else tuple(asked)
    if len(widths) != len(joined) or not all(isinstance(w, int) and w > 0 for w in widths):
        raise UserError(
            f"`decoder_widths` must hold {len(joined)} positive whole numbers, one a stage from "
            f"the bottom up. Received: decoder_widths={widths}."
        )
    return [scaled(channels, width) for channels in widths]
