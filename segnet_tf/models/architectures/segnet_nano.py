"""SegNet-Nano: the first blocks of EfficientNet-Lite0, and the lightest decoder."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.models.dropout import dropouts
from segnet_tf.models.lite_body import Body

# The first blocks of each stage of EfficientNet-Lite0 but the last.
REPEATS = (1, 1, 1, 2, 2, 1)
# Three unpoolings, up to a quarter of the image: a stage more would cost as much as these.
DECODER_WIDTHS = (96, 80, 64)
UNPOOL_GROUPS = (1, 2, 2)
# One average over the whole scene, 4 and 16 over parts of it.
BINS = (1, 2, 4)


def segnet_nano(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    repeats: Sequence[int] = REPEATS,
    decoder_widths: Sequence[int] = DECODER_WIDTHS,
    unpool_groups: Sequence[int] = UNPOOL_GROUPS,
    bins: Sequence[int] = BINS,
    bayesian: bool = False,
    dropout: float = 0.5,
    name: str = "segnet_nano",
) -> keras.Model:
    """`segnet_lite` for the slowest phones, 0.8 million parameters.

    Its poolings stand beside the blocks that halve the map, see `segnet_lite`.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, 3)`; `None` sides take any size.
        repeats: blocks of each of EfficientNet-Lite0's seven stages; fewer numbers end the encoder
            earlier.
        decoder_widths: channels of the decoder's stages, from the bottom up. The last may be 0:
            the classifier then follows the depthwise convolution.
        unpool_groups: values that each pooling index places in those stages, 1 in SegNet.
        bins: windows along each side of the pyramid's levels at the bottom; none for no pyramid.
        bayesian: dropout in the deepest stages, see `segnet_tf.models.dropout`.
        dropout: share of the values that it sets to 0.

    Returns:
        A model from RGB 0..255 `(batch, height, width, 3)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: a number of stages that does not fit, an option that no such network has.
    """
    body = Body(2, repeats, True, decoder_widths, unpool_groups, "beside", bins)
    drop = dropouts("segnet_nano", bayesian, dropout)
    return body.build(num_classes, input_shape, drop, name)
