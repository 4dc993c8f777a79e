"""Cross-entropy of softmax and of sigmoid, over the pixels that aren't void."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from segnet_tf.data.label_maps import check_logits, true_labels
from segnet_tf.errors import UserError
from segnet_tf.losses.base import DEFAULT_REDUCTION, PixelLoss
from segnet_tf.losses.class_weights import checked_weights


@keras.saving.register_keras_serializable(package="segnet_tf")
class MaskedCrossentropy(PixelLoss):
    """Softmax cross-entropy over the pixels that aren't void, weighted by class.

    The value is `sum(w[y] * ce) / sum(w[y])` over the valid pixels of the batch, the weighted
    mean of PyTorch's `CrossEntropyLoss(weight, ignore_index=255, label_smoothing)`.

    Args:
        class_weights: one weight, 0 or more, per class, or None for 1 each.
        label_smoothing: share of the target that is spread evenly over all classes, in [0, 1).
        reduction: one of `base.REDUCTIONS`, explained at `base.PixelLoss`; by default the mean.

    Call arguments:
        y_true: class ids, `(batch, H, W)`, 255 = void.
        y_pred: logits, float `(batch, H, W, classes)` with 2 or more classes.

    Raises:
        UserError: a weight or the smoothing is out of range.
        ValueError: the number of weights isn't the number of classes.
    """

    arguments = ("class_weights", "label_smoothing")

    def __init__(
        self,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str = "masked_crossentropy",
    ) -> None:
        super().__init__(name, reduction)
        self.class_weights = checked_weights(class_weights)
        if not 0 <= label_smoothing < 1:
            raise UserError(
                "`label_smoothing` must be at least 0 and below 1. "
                f"Received: label_smoothing={label_smoothing}. 0.1 is usual, 0 turns it off."
            )
        self.label_smoothing = float(label_smoothing)

    def pixels(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        num_classes = y_pred.shape[-1]
        if num_classes == 1:
            raise ValueError(
                "`y_pred` must have 2 or more logits a pixel for MaskedCrossentropy. "
                f"Received: y_pred.shape={y_pred.shape}. Use BinaryCrossentropy for one logit."
            )
        logits = check_logits(y_pred, num_classes)
        by_class = [1.0] * num_classes if self.class_weights is None else self.class_weights
        if len(by_class) != num_classes:
            raise ValueError(
                "`class_weights` must hold one weight per class. Received: "
                f"{len(by_class)} weights for {num_classes} classes. Leave void out."
            )
        labels, valid = true_labels(y_true, num_classes)
        counted = tf.cast(valid, tf.float32)
        weights = counted * tf.gather(tf.constant(by_class, tf.float32), labels)
        # Not the sparse form: its deterministic gradient takes ten times as long.
        truth = tf.one_hot(labels, num_classes)
        terms = weights * tf.nn.softmax_cross_entropy_with_logits(truth, logits)
        if self.label_smoothing:
            # PyTorch weighs the smoothed part by each class's own weight, not by the label's.
            surprise = -tf.nn.log_softmax(logits) * tf.constant(by_class, tf.float32)
            even = counted * tf.reduce_mean(surprise, axis=-1)
            terms = (1 - self.label_smoothing) * terms + self.label_smoothing * even
        return terms, weights


@keras.saving.register_keras_serializable(package="segnet_tf")
class BinaryCrossentropy(PixelLoss):
    """Sigmoid cross-entropy of one logit a pixel, the mean over the pixels that aren't void.

    Args:
        pos_weight: factor on the foreground's part, above 0, as in PyTorch's
            `BCEWithLogitsLoss(pos_weight)`; None for 1.
        reduction: one of `base.REDUCTIONS`, explained at `base.PixelLoss`; by default the mean.

    Call arguments:
        y_true: 0 background, 1 foreground, 255 void, `(batch, H, W)`.
        y_pred: logits, float `(batch, H, W, 1)`.
    """

    arguments = ("pos_weight",)

    def __init__(
        self,
        pos_weight: float | None = None,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(name, reduction)
        if pos_weight is not None and not 0 < pos_weight < float("inf"):
            raise UserError(
                f"`pos_weight` must be above 0. Received: pos_weight={pos_weight}. "
                "Background pixels divided by foreground pixels balances the two."
            )
        self.pos_weight = None if pos_weight is None else float(pos_weight)

    def pixels(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = check_logits(y_pred, 1)[..., 0]
        labels, valid = true_labels(y_true, 1)
        terms = tf.nn.weighted_cross_entropy_with_logits(
            tf.cast(labels, tf.float32), logits, 1.0 if self.pos_weight is None else self.pos_weight
        )
        counted = tf.cast(valid, tf.float32)
        return terms * counted, counted
