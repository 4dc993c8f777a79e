"""VGG16's ImageNet weights into the encoder of `segnet`."""

from __future__ import annotations

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.architectures.segnet import ENCODER_CONVS, WIDTHS

# Where VGG16's ImageNet weights can be put.
VGG16_CONVS = tuple(
    f"block{block}_conv{index}"
    for block, count in enumerate(ENCODER_CONVS, start=1)
    for index in range(1, count + 1)
)


def load(model: keras.Model, weights: str) -> None:
    """Copies VGG16's ImageNet weights into a `segnet`, in place; the decoder stays.

    Args:
        model: a full-width `segnet`.
        weights: `"imagenet"`, which Keras downloads, or a `.h5` file of VGG16 as Keras stores it.

    Raises:
        UserError: no download, no such file, or another network's.
    """
    try:
        vgg16 = keras.applications.VGG16(include_top=False, weights=weights)
    except Exception as error:  # h5py, Keras and the download each have their own
        raise UserError(
            "`weights` must be VGG16's, downloadable or a whole file as Keras stores them. "
            f"Received: {weights}: {(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from error
    copy_vgg16(model, vgg16)


def copy_vgg16(model: keras.Model, vgg16: keras.Model) -> None:
    """Copies VGG16's 13 convolutions into the encoder of `model`, in place.

    Args:
        model: a full-width `segnet`.
        vgg16: from `keras.applications.VGG16`; with or without its top.

    Keras's VGG16 reads BGR and ours RGB, so the order of the first kernel's input channels is
    reversed.
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
