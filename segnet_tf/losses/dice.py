"""Soft Dice, alone and with cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from segnet_tf.data.label_maps import check_logits, label_count, true_labels
from segnet_tf.errors import UserError
from segnet_tf.losses.base import (
    DEFAULT_REDUCTION,
    PixelLoss,
    SegmentationLoss,
    mean_over_replicas,
    share_of,
)
from segnet_tf.losses.class_weights import checked_weights, foreground_weight
from segnet_tf.losses.crossentropy import BinaryCrossentropy, MaskedCrossentropy


@keras.saving.register_keras_serializable(package="segnet_tf")
class Dice(SegmentationLoss):
    """One minus the soft Dice coefficient, over the pixels that aren't void.

    Per class `2 * sum(p * t) / (sum(p) + sum(t))` over the whole batch, p the probability and
    t 1 where the label is that class; then the mean over the classes present in the labels.
    One logit is scored by its foreground alone, so a batch without any gives 0 and no gradient.

    Args:
        num_classes: logits a pixel; 1 is sigmoid, more are softmax.
        reduction: one of `base.REDUCTIONS`. There is one value a batch: `"none"` returns it with
            shape `(1,)`, the others as a scalar. It is multiplied by the mean of `sample_weight`,
            except with `"mean_with_sample_weight"`.

    Call arguments:
        y_true: class ids, `(batch, H, W)`, 255 = void.
        y_pred: logits, float `(batch, H, W, num_classes)`.

    Raises:
        UserError: `num_classes` is no whole number from 1 to 255.
    """

    arguments = ("num_classes",)

    def __init__(
        self,
        num_classes: int,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str = "dice",
    ) -> None:
        super().__init__(name, reduction)
        label_count(num_classes)
        self.num_classes = int(num_classes)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        logits = check_logits(y_pred, self.num_classes)
        labels, valid = true_labels(y_true, self.num_classes)
        counted = tf.cast(valid, tf.float32)[..., None]
        if self.num_classes == 1:
            chances = tf.sigmoid(logits)
            truth = tf.cast(labels, tf.float32)[..., None]
        else:
            chances = tf.nn.softmax(logits)
            truth = tf.one_hot(labels, self.num_classes)
        chances, truth = chances * counted, truth * counted
        parts = [tf.reduce_sum(part, axis=(0, 1, 2)) for part in (chances * truth, chances, truth)]
        # A ratio, so means over replicas do as well as sums. One call: a second one's gradient
        # could be exchanged in another order on another replica.
        overlap, predicted, there = tf.unstack(mean_over_replicas(tf.stack(parts)))
        present = tf.cast(there > 0, tf.float32)
        lost = 1 - tf.math.divide_no_nan(2 * overlap, predicted + there)
        value = tf.math.divide_no_nan(tf.reduce_sum(lost * present), tf.reduce_sum(present))
        # Shape (1,), because Keras scales a loss for its replicas only if it has an axis.
        return tf.reshape(value, (1,))

    def reduced(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None
    ) -> tf.Tensor:
        if sample_weight is not None:
            sample_weight = tf.reshape(tf.reduce_mean(sample_weight), (1,))
        return super().reduced(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="segnet_tf")
class CrossentropyDice(PixelLoss):
    """Cross-entropy plus Dice: the first keeps gradients alive, the second favours small classes.

    Args:
        num_classes: logits a pixel; 1 takes BinaryCrossentropy, more take MaskedCrossentropy.
        class_weights: weights of the cross-entropy alone, as in MaskedCrossentropy; for one
            logit the weights of background and foreground, whose ratio is `pos_weight`.
        label_smoothing: as in MaskedCrossentropy, for 2 or more logits.
        reduction: of the cross-entropy, see `base.PixelLoss`. Dice is added to what comes out; with
            `"none"` an equal share of it to each pixel.
    """

    arguments = ("num_classes", "class_weights", "label_smoothing")

    def __init__(
        self,
        num_classes: int,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str = "crossentropy_dice",
    ) -> None:
        super().__init__(name, reduction)
        self.num_classes = int(num_classes)
        self.class_weights = checked_weights(class_weights, label_count(num_classes))
        self.label_smoothing = float(label_smoothing)
        self._dice = Dice(num_classes)
        self._crossentropy: PixelLoss
        if num_classes == 1:
            if label_smoothing:
                raise UserError(
                    "`label_smoothing` needs 2 or more logits a pixel. Received: "
                    f"label_smoothing={label_smoothing} with num_classes=1. Leave it at 0."
                )
            self._crossentropy = BinaryCrossentropy(foreground_weight(self.class_weights))
        else:
            self._crossentropy = MaskedCrossentropy(self.class_weights, label_smoothing)

    def pixels(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._crossentropy.pixels(y_true, y_pred)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        terms, weights = self.pixels(y_true, y_pred)
        dice = self._dice.call(y_true, y_pred)
        if self.is_plain_mean:
            return share_of(terms, tf.reduce_sum(weights)) + dice
        if self.reduction == "mean_with_sample_weight":
            return terms + weights * dice
        return terms + dice / tf.cast(tf.size(terms), tf.float32)
