"""U-Net, UNet++, DeepLabV3+ and PSPNet with a few channels, for every encoder."""

from __future__ import annotations

import keras
import tiny_models

from segnet_tf import models
from segnet_tf.models import encoders

NETWORKS = ("unet", "unet_plus_plus", "deeplab_v3_plus", "pspnet")
CELLS = tuple((network, encoder) for network in NETWORKS for encoder in encoders.NAMES)
# No side is halved evenly all the way, and 6 bins do not divide the map of an eighth.
SIZE = (60, 88)


def build(network, encoder="plain", num_classes=11, size=SIZE, **options) -> keras.Model:
    """Random weights, the same ones in each call, and statistics under which nothing dies."""
    keras.utils.set_random_seed(1)
    width = 0.125 if encoder == "lite0" else 0.0625
    options = {"encoder": encoder, "width": width, **options}
    return tiny_models.alive(models.build(network, num_classes, (*size, 3), **options))
