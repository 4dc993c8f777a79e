"""The table of architectures: a new one is a file in `architectures` and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras

from segnet_tf.models.architectures import segnet, segnet_basic, segnet_lite, segnet_mini
from segnet_tf.models.pretrained import lite0, torch_state_dict, vgg16

Loader = Callable[[keras.Model, str], None]

SEGNET_PAPER = "Badrinarayanan et al., 2017, https://arxiv.org/abs/1511.00561"
# EfficientNet-Lite has no paper; this is the one of EfficientNet, whose B0 it simplifies.
EFFICIENTNET_PAPER = "Tan and Le, 2019, https://arxiv.org/abs/1905.11946"


@dataclass(frozen=True)
class Architecture:
    """What is known of a network beside its code.

    Attributes:
        function: builds it: `function(num_classes, input_shape, **options)`.
        depth: how many times it halves the image; each side needs at least `2**depth` pixels.
        paper: where it comes from.
        pretrained: encoder weights from elsewhere: `"imagenet"`, or how a file's name ends, e.g.
            `".pth"` -> a function that copies `weights` of that kind into a model.
    """

    function: Callable[..., keras.Model]
    depth: int
    paper: str
    pretrained: Mapping[str, Loader] = field(default_factory=dict)


ARCHITECTURES: dict[str, Architecture] = {
    "segnet": Architecture(
        segnet.segnet,
        segnet.DEPTH,
        SEGNET_PAPER,
        {"imagenet": vgg16.load, ".h5": vgg16.load, ".pth": torch_state_dict.load},
    ),
    "segnet_basic": Architecture(segnet_basic.segnet_basic, segnet_basic.DEPTH, SEGNET_PAPER),
    "segnet_lite": Architecture(
        segnet_lite.segnet_lite,
        segnet_lite.DEPTH,
        f"{SEGNET_PAPER}; encoder: {EFFICIENTNET_PAPER}",
        {"imagenet": lite0.load, ".pth": lite0.load},
    ),
    "segnet_mini": Architecture(segnet_mini.segnet_mini, segnet_mini.DEPTH, SEGNET_PAPER),
}
NAMES = tuple(ARCHITECTURES)
