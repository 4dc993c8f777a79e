"""SegNet: VGG16's convolutions, mirrored, joined by pooling indices only."""

from __future__ import annotations

import keras

from segnet_tf.errors import UserError
from segnet_tf.models import blocks

ENCODER_CONVS = (2, 2, 3, 3, 3)
WIDTHS = (64, 128, 256, 512, 512)
DEPTH = len(WIDTHS)
# Where VGG16's ImageNet weights can be put.
VGG16_CONVS = tuple(
    f"block{block}_conv{index}"
    for block, count in enumerate(ENCODER_CONVS, start=1)
    for index in range(1, count + 1)
)


def segnet(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    layout: str = "torch",
    normalization: str = "vgg",
    widths: tuple[int, int, int, int, int] = WIDTHS,
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

    inputs = keras.Input(input_shape, name="image")
    x = blocks.normalize(inputs, normalization)
    x = blocks.encoder_decoder(x, encoder, decoder, pool_padding="same" if caffe else "valid")
    logits = blocks.classifier(x, num_classes, kernel_size=3 if caffe else 1)
    return keras.Model(inputs, logits, name=name)


def copy_vgg16(model: keras.Model, vgg16: keras.Model) -> None:
    """Copies VGG16's 13 convolutions into the encoder of `model`, in place.

    Args:
        model: a full-width `segnet`.
        vgg16: from `keras.applications.VGG16`; with or without its top.

    Keras's VGG16 reads BGR and ours RGB, so the first kernel's input channels are turned round.
    """
    targets = [
        f"encoder{stage}_conv{index}"
        for stage, count in enumerate(ENCODER_CONVS, start=1)
        for index in range(1, count + 1)
    ]
    for source, target in zip(VGG16_CONVS, targets, strict=True):
        kernel, bias = vgg16.get_layer(source).get_weights()
        if source == VGG16_CONVS[0]:
            kernel = kernel[:, :, ::-1]
        layer = model.get_layer(target)
        if layer.kernel.shape != kernel.shape:
            raise UserError(
                "`weights` of VGG16 need the full widths "
                f"{WIDTHS}. Received: {target} of shape {tuple(layer.kernel.shape)}. "
                "Leave out `widths`."
            )
        layer.set_weights([kernel, bias])
