"""Losses over label maps: void pixels weigh nothing, in the value and in the gradient.

All take labels `(batch, H, W)` of class ids, 255 = void, and logits `(batch, H, W, classes)`
of any float dtype, and compute in float32. A batch that is void throughout gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segnet_tf.data.label_maps import label_count
from segnet_tf.errors import UserError
from segnet_tf.losses.class_weights import (
    checked_weights,
    enet_weights,
    foreground_weight,
    median_frequency_weights,
)
from segnet_tf.losses.crossentropy import BinaryCrossentropy, MaskedCrossentropy
from segnet_tf.losses.dice import CrossentropyDice, Dice

__all__ = [
    "NAMES",
    "BinaryCrossentropy",
    "CrossentropyDice",
    "Dice",
    "MaskedCrossentropy",
    "enet_weights",
    "get",
    "median_frequency_weights",
]

NAMES = ("crossentropy", "binary", "dice", "crossentropy+dice")


def get(name: str, num_classes: int, class_weights: Sequence[float] | None = None) -> keras.Loss:
    """The loss of that name, ready for `compile`.

    Args:
        name: one of `NAMES`.
        num_classes: logits a pixel; 1 is binary.
        class_weights: one weight per class (background and foreground for one logit), or None.

    Raises:
        UserError: unknown name, or a name that doesn't fit the logits or the weights.
    """
    if name not in NAMES:
        raise UserError(
            f"`loss` must be one of {', '.join(NAMES)}. Received: loss={name!r}. Pick one of them."
        )
    if name in ("binary", "crossentropy") and (name == "binary") != (num_classes == 1):
        raise UserError(
            "`loss` must fit the logits: 'binary' for one logit a pixel, 'crossentropy' for more. "
            f"Received: loss={name!r}, num_classes={num_classes}. Use the other."
        )
    if name == "dice" and class_weights is not None:
        raise UserError(
            "`class_weights` don't apply to loss 'dice', which counts every class alike. "
            "Received: class_weights with loss='dice'. Use 'crossentropy+dice' or leave them out."
        )
    weights = checked_weights(class_weights, label_count(num_classes))
    if name == "crossentropy":
        return MaskedCrossentropy(weights)
    if name == "binary":
        return BinaryCrossentropy(foreground_weight(weights))
    if name == "dice":
        return Dice(num_classes)
    return CrossentropyDice(num_classes, weights)
