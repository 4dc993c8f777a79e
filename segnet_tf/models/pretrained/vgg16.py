"""VGG16's ImageNet weights into the encoder of `segnet`."""

from __future__ import annotations

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.segnet import ENCODER_CONVS, WIDTHS

# Where VGG16's ImageNet weights can be put.
VGG16_CONVS = tuple(
    f"block{block}_conv{index}"
    for block, count in enumerate(ENCODER_CONVS, start=1)
    for index in range(1, count + 1)
)


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
