"""UNet++: U-Net with its skips filled with convolutions, each of which sees all before it."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.models import blocks
from segnet_tf.models.architectures.unet import LITE_DECODER
from segnet_tf.models.encoders import encoder_of
from segnet_tf.models.encoders.encoder import scaled

# Channels of the stages in the paper's own encoder, half of U-Net's.
WIDTHS = (32, 64, 128, 256, 512)
# The layer that averages the logits of the classifiers.
MEAN = "mean_logits"


def unet_plus_plus(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    encoder: str = "plain",
    width: float = 1.0,
    widths: Sequence[int] | None = None,
    upsampling: str = "transpose",
    deep_supervision: bool = False,
    normalization: str | None = None,
    name: str = "unet_plus_plus",
) -> keras.Model:
    """UNet++, 9 million parameters at full width.

    Node (i, j) is what the paper calls X^{i,j}: row i has the maps of stride 2**i, and node j of a
    row sees all nodes before it in the row and node j - 1 of the row below, doubled.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        encoder: `"plain"` (the paper's), `"vgg"` or `"lite0"`.
        width: factor on all channels.
        widths: channels of the encoder's stages before that factor, from the image down; `None`
            for the paper's with `"plain"`, else for the encoder's own.
        upsampling: `"transpose"`: 2x2 transposed convolutions, the paper's; or `"bilinear"`.
        deep_supervision: the paper's: a classifier on each node of the finest row but the first,
            to each of which `segnet-tf train` gives a loss of its own. The output is the mean of
            their logits; the paper's is that of their probabilities. Without it the last node
            alone is classified.
        normalization: a name in `blocks.NORMALIZATIONS`; `None` for the encoder's own.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: an unknown encoder or upsampling, widths that do not fit, a `deep_supervision`
            that is neither True nor False.

    Reference:
        Zhou et al., 2018, https://arxiv.org/abs/1807.10165
    """
    blocks.check_flag("deep_supervision", deep_supervision)
    body = encoder_of(encoder, width, WIDTHS if encoder == "plain" and widths is None else widths)
    inputs = blocks.image_input(input_shape, body.depth)
    x = blocks.normalize(inputs, normalization or body.normalization)
    rows = [[x] for x in body.maps(x).values()]
    filters = [row[0].shape[-1] for row in rows]
    if encoder == "lite0":
        # Narrow maps, which a decoder widens: as in `segnet_lite`, whose finest stage is left out.
        filters = [scaled(channels, width) for channels in LITE_DECODER[-2::-1]] + filters[-1:]
    for column in range(1, len(rows)):
        for index, row in enumerate(rows[: len(rows) - column]):
            node = f"node{index}_{column}"
            below = rows[index + 1][column - 1]
            up = blocks.upsample(below, row[0], filters[index], upsampling, node)
            joined = keras.layers.Concatenate(name=f"{node}_join")([*row, up])
            row.append(_convs(joined, filters[index], node))
    if deep_supervision:
        heads = [
            blocks.classifier(node, num_classes, name=f"classifier{column}")
            for column, node in enumerate(rows[0][1:], start=1)
        ]
        logits = keras.layers.Average(dtype="float32", name=MEAN)(heads)
    else:
        logits = blocks.classifier(rows[0][-1], num_classes)
    if body.finest > 1:
        logits = blocks.enlarge(logits, inputs)
    return keras.Model(inputs, logits, name=name)


def _convs(x: keras.KerasTensor, filters: int, node: str) -> keras.KerasTensor:
    for index in (1, 2):
        x = blocks.unbiased_conv_bn(x, filters, name=node, index=index)
    return x
