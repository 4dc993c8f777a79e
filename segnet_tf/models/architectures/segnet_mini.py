"""SegNet-Mini: SegNet's five stages at phone width."""

from __future__ import annotations

import keras

from segnet_tf.models import blocks
from segnet_tf.models.dropout import dropouts

WIDTHS = (24, 32, 48, 64, 96)
DEPTH = len(WIDTHS)


def segnet_mini(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    normalization: str = "signed",
    widths: tuple[int, ...] = WIDTHS,
    bayesian: bool = False,
    dropout: float = 0.5,
    name: str = "segnet_mini",
) -> keras.Model:
    """Five stages of two 3x3 convolutions each, 0.45 million parameters.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        normalization: a name in `blocks.NORMALIZATIONS`.
        widths: channels of the stages, from the image down.
        bayesian: dropout in the deepest stages, see `segnet_tf.models.dropout`.
        dropout: share of the values that it sets to 0.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.
    """
    inputs = blocks.image_input(input_shape, DEPTH)
    x = blocks.normalize(inputs, normalization)
    encoder = [(width, width) for width in widths]
    # Narrowed by a stage's first convolution: it then runs on the wide map once, not twice.
    decoder = [(width, width) for width in (widths[0], *widths[:-1])][::-1]
    x = blocks.encoder_decoder(
        x,
        encoder,
        decoder,
        dropouts=dropouts("segnet_mini", bayesian, dropout),
        # Batch normalization makes the bias idle.
        use_bias=False,
        momentum=blocks.SMALL_BATCHES,
    )
    return keras.Model(inputs, blocks.classifier(x, num_classes), name=name)
