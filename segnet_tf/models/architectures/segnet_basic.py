"""SegNet-Basic: four stages of one 7x7 convolution of 64 channels."""

from __future__ import annotations

import keras

from segnet_tf.layers import LocalResponseNormalization
from segnet_tf.models import blocks
from segnet_tf.models.dropout import dropouts

WIDTHS = (64, 64, 64, 64)
DEPTH = len(WIDTHS)


def segnet_basic(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    normalization: str = "lrn",
    widths: tuple[int, int, int, int] = WIDTHS,
    bayesian: bool = False,
    dropout: float = 0.5,
    name: str = "segnet_basic",
) -> keras.Model:
    """SegNet-Basic, 1.4 million parameters; its decoder has no ReLU.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        normalization: `"lrn"`, the authors' own (float export only), or a name in
            `blocks.NORMALIZATIONS`, of which `"signed"` suits int8.
        widths: channels of the four stages.
        bayesian: dropout in the deepest stages, see `segnet_tf.models.dropout`.
        dropout: share of the values that it sets to 0.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Reference:
        Badrinarayanan et al., 2017, https://arxiv.org/abs/1511.00561
    """
    inputs = blocks.image_input(input_shape, DEPTH)
    if normalization == "lrn":
        # float32: squares of raw pixels leave the range of float16.
        x = LocalResponseNormalization(name="normalization", dtype="float32")(inputs)
    else:
        x = blocks.normalize(inputs, normalization)
    encoder = [(width,) for width in widths]
    decoder = [(width,) for width in (widths[0], *widths[:-1])][::-1]
    x = blocks.encoder_decoder(
        x,
        encoder,
        decoder,
        pool_padding="same",
        decoder_relu=False,
        dropouts=dropouts("segnet_basic", bayesian, dropout),
        kernel_size=7,
    )
    return keras.Model(inputs, blocks.classifier(x, num_classes), name=name)
