"""Pretrained weights for the encoder of a network that may have one of several."""

from __future__ import annotations

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.encoders import lite0 as lite0_blocks
from segnet_tf.models.pretrained import lite0, torch_state_dict, vgg16

# Values of an architecture's option `encoder` that weights are found for.
NAMES = ("vgg", "lite0")
# The first convolution of EfficientNet-Lite0 in our models, and one that of the others VGG16 alone
# has.
_LITE0, _VGG = "encoder_stem_conv", "encoder3_conv3"


def load_imagenet(model: keras.Model, weights: str) -> None:
    """Loads the ImageNet weights of EfficientNet-Lite0 or VGG16, whichever `model` has, in place.

    Raises:
        UserError: its encoder has none, has other widths, or the weights cannot be had.
    """
    load = lite0.load if _is_lite0(model, weights) else vgg16.load
    load(model, weights)


def load_pth(model: keras.Model, weights: str) -> None:
    """Loads the encoder's weights out of a `.pth` file into `model`, in place.

    Raises:
        UserError: as `load_imagenet`, or another network's file.
    """
    load = lite0.load if _is_lite0(model, weights) else torch_state_dict.load
    load(model, weights)


def _is_lite0(model: keras.Model, weights: str) -> bool:
    """Whether the encoder is EfficientNet-Lite0, or else VGG16."""
    layers = {layer.name: layer for layer in model.layers}
    if _LITE0 not in layers and _VGG not in layers:
        raise UserError(
            f"`weights='{weights}'` are for encoder='lite0' or 'vgg'. Received: {model.name} with "
            "encoder='plain', for which there are none. Leave out `weights` or take another "
            "encoder (encoder='lite0')."
        )
    if _LITE0 in layers and layers[_LITE0].filters != lite0_blocks.STEM:
        raise UserError(
            f"`width` must be 1 for `weights='{weights}'`, which are of the full width. Received: "
            f"{model.name} with {layers[_LITE0].filters} channels for {lite0_blocks.STEM}. "
            "Leave out `weights` or `width`."
        )
    return _LITE0 in layers
