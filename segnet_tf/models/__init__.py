"""The architectures as functions, `build` to make one by name, and its weights.

`segnet_lite(11, (360, 480, 3))` and `build("segnet_lite", 11, (360, 480, 3))` are the same model;
`build` also loads weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from segnet_tf.errors import UserError
from segnet_tf.models.architectures.deeplab_v3_plus import deeplab_v3_plus
from segnet_tf.models.architectures.enet import enet
from segnet_tf.models.architectures.pspnet import pspnet
from segnet_tf.models.architectures.segnet import segnet
from segnet_tf.models.architectures.segnet_basic import segnet_basic
from segnet_tf.models.architectures.segnet_lite import segnet_lite
from segnet_tf.models.architectures.segnet_mini import segnet_mini
from segnet_tf.models.architectures.segnet_nano import segnet_nano
from segnet_tf.models.architectures.unet import unet
from segnet_tf.models.architectures.unet_plus_plus import unet_plus_plus
from segnet_tf.models.description import check_name, check_options
from segnet_tf.models.pretrained.torch_state_dict import load_torch_state_dict
from segnet_tf.models.registry import ARCHITECTURES, NAMES, Architecture
from segnet_tf.models.weights import load_weights

__all__ = [
    "ARCHITECTURES",
    "NAMES",
    "Architecture",
    "build",
    "enet",
    "load_torch_state_dict",
    "load_weights",
    "segnet",
    "segnet_basic",
    "segnet_lite",
    "segnet_mini",
    "segnet_nano",
    "deeplab_v3_plus",
    "pspnet",
    "unet",
    "unet_plus_plus",
]


def build(
    name: str | None = None,
    /,
    num_classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    weights: str | Path | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a model by name.

    Args:
        name: of the architecture, one of `NAMES`. Given in first place, as here, `name=` is the
            name of the model.
        num_classes: number of classes; 1 is binary with one logit, else one logit a class.
        input_shape: `(height, width, channels)` in pixels, 3 for RGB; `None` for a side takes any
            size.
        weights: `None` for random ones; `"camvid"` for those that come with the package
            (11 classes, see weights/README.md), of which a model of others or of other channels
            takes the layers that fit, and says which do not; `"imagenet"` for a pretrained encoder
            (VGG16's convolutions for `segnet` and `encoder="vgg"`, EfficientNet-Lite0 for
            `segnet_lite`, `segnet_nano` and `encoder="lite0"`); a `.weights.h5` or `.keras` file
            of the same architecture; for `segnet` another `.h5` file, VGG16's as Keras stores it;
            a `.pth`, as `load_torch_state_dict` takes it or EfficientNet-Lite0's, for the same
            encoders.
        **options: the architecture's own, e.g. `layout="caffe"` or `encoder="lite0"`.

    Returns:
        An uncompiled `keras.Model` from 0..255 `(batch, height, width, channels)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: an unknown name, a size below the network's depth, weights that don't fit.
    """
    if name is None:
        name = options.pop("name", None)
    check_name(name)
    check_options(name, options)
    try:
        model = ARCHITECTURES[name].function(num_classes, input_shape, **options)
    except UserError:
        raise
    except (TypeError, ValueError) as error:
        if not options:
            raise
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise UserError(
            f"`options` must have values that {name} takes. Received: {given}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if weights is not None:
        load_weights(model, weights, name)
    return model
