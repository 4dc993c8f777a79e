"""The table of architectures: a new one is a file in `architectures` and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras

from segnet_tf.models.architectures import (
    deeplab_v3_plus,
    enet,
    pspnet,
    segnet,
    segnet_basic,
    segnet_lite,
    segnet_mini,
    segnet_nano,
    unet,
    unet_plus_plus,
)
from segnet_tf.models.pretrained import encoders, lite0, torch_state_dict, vgg16

Loader = Callable[[keras.Model, str], None]

SEGNET_PAPER = "Badrinarayanan et al., 2017, https://arxiv.org/abs/1511.00561"
# EfficientNet-Lite has no paper; this is the one of EfficientNet, whose B0 it simplifies.
EFFICIENTNET_PAPER = "Tan and Le, 2019, https://arxiv.org/abs/1905.11946"
ENET_PAPER = "Paszke et al., 2016, https://arxiv.org/abs/1606.02147"


@dataclass(frozen=True)
class Architecture:
    """What is known of a network beside its code.

    Attributes:
        function: builds it: `function(num_classes, input_shape, **options)`.
        paper: where it comes from.
        pretrained: encoder weights from elsewhere: `"imagenet"`, or how a file's name ends, e.g.
            `".pth"` -> a function that copies `weights` of that kind into a model.
    """

    function: Callable[..., keras.Model]
    paper: str
    pretrained: Mapping[str, Loader] = field(default_factory=dict)


# Of the networks that take an encoder by name.
ENCODERS: dict[str, Loader] = {"imagenet": encoders.load_imagenet, ".pth": encoders.load_pth}

ARCHITECTURES: dict[str, Architecture] = {
    "enet": Architecture(enet.enet, ENET_PAPER),
    "segnet": Architecture(
        segnet.segnet,
        SEGNET_PAPER,
        {"imagenet": vgg16.load, ".h5": vgg16.load, ".pth": torch_state_dict.load},
    ),
    "segnet_basic": Architecture(segnet_basic.segnet_basic, SEGNET_PAPER),
    "segnet_lite": Architecture(
        segnet_lite.segnet_lite,
        f"{SEGNET_PAPER}; encoder: {EFFICIENTNET_PAPER}",
        {"imagenet": lite0.load, ".pth": lite0.load},
    ),
    "segnet_mini": Architecture(segnet_mini.segnet_mini, SEGNET_PAPER),
    "segnet_nano": Architecture(
        segnet_nano.segnet_nano,
        f"{SEGNET_PAPER}; encoder: {EFFICIENTNET_PAPER}",
        {"imagenet": lite0.load, ".pth": lite0.load},
    ),
    "unet": Architecture(
        unet.unet, "Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597", ENCODERS
    ),
    "unet_plus_plus": Architecture(
        unet_plus_plus.unet_plus_plus,
        "Zhou et al., 2018, https://arxiv.org/abs/1807.10165",
        ENCODERS,
    ),
    "deeplab_v3_plus": Architecture(
        deeplab_v3_plus.deeplab_v3_plus,
        "Chen et al., 2018, https://arxiv.org/abs/1802.02611",
        ENCODERS,
    ),
    "pspnet": Architecture(
        pspnet.pspnet, "Zhao et al., 2017, https://arxiv.org/abs/1612.01105", ENCODERS
    ),
}
NAMES = tuple(ARCHITECTURES)
