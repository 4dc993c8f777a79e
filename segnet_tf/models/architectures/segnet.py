"""SegNet: VGG16's convolutions, mirrored, joined by pooling indices only."""

from __future__ import annotations

import keras

from segnet_tf.errors import UserError
from segnet_tf.models import blocks
from segnet_tf.models.dropout import dropouts

ENCODER_CONVS = (2, 2, 3, 3, 3)
WIDTHS = (64, 128, 256, 512, 512)
DEPTH = len(WIDTHS)


def segnet(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    layout: str = "torch",
    normalization: str = "vgg",
    widths: tuple[int, int, int, int, int] = WIDTHS,
    bayesian: bool = False,
    dropout: float = 0.5,
    name: str = "segnet",
) -> keras.Model:
    """SegNet, 29 million parameters at full width.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        layout: `"torch"`: floor pooling, a stage's first decoder convolution changes the width,
            1x1 classifier. `"caffe"`: the authors' own, ceil pooling, the last convolution of a
            stage changes the width, and the very last one, 3x3, is the classifier.
        normalization: what is done to RGB 0..255; `"vgg"` fits the ImageNet weights.
        widths: channels of the five stages; narrower copies serve tests and small data.
        bayesian: dropout in the deepest stages, see `segnet_tf.models.dropout`.
        dropout: share of the values that it sets to 0.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Reference:
        Badrinarayanan et al., 2017, https://arxiv.org/abs/1511.00561
    """
    if layout not in ("torch", "caffe"):
        raise UserError(f"`layout` must be 'torch' or 'caffe'. Received: layout={layout!r}.")
    caffe = layout == "caffe"
    encoder = [(width,) * count for width, count in zip(widths, ENCODER_CONVS, strict=True)]
    # Stage k hands on the width of the stage above it.
    handed_on = (widths[0], *widths[:-1])
    decoder = []
    for width, out, count in reversed(list(zip(widths, handed_on, ENCODER_CONVS, strict=True))):
        decoder.append((width,) * (count - 1) + (out,) if caffe else (out,) * count)
    if caffe:
        decoder[-1] = decoder[-1][:-1]  # its place is the classifier's

    inputs = blocks.image_input(input_shape, DEPTH)
    x = blocks.normalize(inputs, normalization)
    x = blocks.encoder_decoder(
        x,
        encoder,
        decoder,
        pool_padding="same" if caffe else "valid",
        dropouts=dropouts("segnet", bayesian, dropout),
    )
    logits = blocks.classifier(x, num_classes, kernel_size=3 if caffe else 1)
    return keras.Model(inputs, logits, name=name)
