"""Where a Bayesian network has its dropout: in the deepest stages of encoder and decoder.

Bayesian SegNet tried dropout everywhere, in the encoder, the decoder, the deepest stages and the
classifier. Everywhere was too much: the network fitted the training images worse. The deepest
stages were best.

Reference:
    Kendall et al., 2015, https://arxiv.org/abs/1511.02680
"""

from __future__ import annotations

from dataclasses import dataclass

import keras

from segnet_tf.errors import UserError

# Network -> where a layer `{place}_dropout` stands: encoderN after the pooling of stage N (in ENet
# after the stage's last bottleneck), decoderN after the stage's last convolution. The first two
# are the authors'. The three small networks have it in stages 4 and 5 of their five: stage
# 3 is narrow, 24 and 48 channels for SegNet's 256. Of the shipped weights, which never saw
# dropout, the mean of six samples on four images of CamVid's val had 62.6 mIoU with these places
# and 49.6 with SegNet's (`segnet_lite`'s full form; 68.6 without dropout), 56.8 and 53.7
# (`segnet_mini`; 56.3).
# In ENet these are the stages at an eighth of the image and the one that leads back to a quarter.
PLACES: dict[str, tuple[str, ...]] = {
    "segnet": ("encoder3", "encoder4", "encoder5", "decoder5", "decoder4", "decoder3"),
    "segnet_basic": ("encoder3", "encoder4", "decoder4", "decoder3"),
    "segnet_lite": ("encoder4", "encoder5", "decoder5", "decoder4"),
    "segnet_mini": ("encoder4", "encoder5", "decoder5", "decoder4"),
    "segnet_nano": ("encoder4", "encoder5", "decoder5", "decoder4"),
    "enet": ("encoder2", "encoder3", "decoder4"),
}


@dataclass(frozen=True)
class Dropouts:
    """Puts dropout where a network has a place for it.

    Attributes:
        rate: share of the values that are set to 0, from 0 on and below 1.
        places: a row of `PLACES`; none for a network without.
    """

    rate: float = 0.5
    places: tuple[str, ...] = ()

    def __call__(self, x: keras.KerasTensor, place: str) -> keras.KerasTensor:
        """`x` through the layer `{place}_dropout`, or as it is."""
        if place not in self.places:
            return x
        # Value by value as in the paper, not whole channels. It has no weights: what was trained
        # without it can be loaded.
        return keras.layers.Dropout(self.rate, name=f"{place}_dropout")(x)


NO_DROPOUT = Dropouts()


def check_rate(dropout: object) -> None:
    """Raises UserError unless `dropout` is a rate: True, or 1, would drop everything."""
    number = isinstance(dropout, (int, float)) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout < 1:  # type: ignore[operator]
        raise UserError(
            "`dropout` must be the share of values that is set to 0, from 0 on and below 1. "
            f"Received: dropout={dropout!r}. Bayesian SegNet's is 0.5."
        )


def dropouts(network: str, bayesian: bool, rate: float) -> Dropouts:
    """The dropout of a network, none unless it is `bayesian`.

    Args:
        network: a key of `PLACES`.
        bayesian: whether the network has dropout at all.
        rate: share of the values that are set to 0.

    Raises:
        UserError: `bayesian` is not True or False, `rate` is no number from 0 on and below 1.
    """
    if not isinstance(bayesian, bool):
        raise UserError(f"`bayesian` must be True or False. Received: bayesian={bayesian!r}.")
    check_rate(rate)
    return Dropouts(rate, PLACES[network]) if bayesian else NO_DROPOUT
