"""Losses over label maps: void pixels weigh nothing, in the value and in the gradient.

All take labels `(batch, H, W)` of class ids, 255 = void, and logits `(batch, H, W, classes)`
of any float dtype, and compute in float32. A batch that is void throughout gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from segnet_tf.data.label_maps import check_logits, label_count, true_labels
from segnet_tf.errors import UserError
from segnet_tf.losses.class_weights import checked_weights, foreground_weight

NAMES = ("crossentropy", "binary", "dice", "crossentropy+dice")


def _share_of(values: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """Per-pixel terms whose mean over all pixels is `sum(values) / total`; 0 if total is 0.

    Keras divides by the number of pixels, void included, and only then scales for the number
    of replicas. Undoing its division here keeps both that and `sample_weight` in its hands.
    """
    pixels = tf.cast(tf.size(values), tf.float32)
    return values * tf.math.divide_no_nan(pixels, total)


class _SegmentationLoss(keras.losses.Loss):
    arguments: tuple[str, ...] = ()  # of __init__, beside the name; kept as attributes

    def __init__(self, name: str):
        # float32 whatever the policy: a float16 sum over pixels overflows at 65504.
        super().__init__(name=name, reduction="sum_over_batch_size", dtype="float32")

    def get_config(self):
        return {"name": self.name, **{name: getattr(self, name) for name in self.arguments}}


@keras.saving.register_keras_serializable(package="segnet_tf")
class MaskedCrossentropy(_SegmentationLoss):
    """Softmax cross-entropy over the pixels that aren't void, weighted by class.

    The value is `sum(w[y] * ce) / sum(w[y])` over the valid pixels of the batch, the weighted
    mean of PyTorch's `CrossEntropyLoss(weight, ignore_index=255, label_smoothing)`.

    Args:
        class_weights: one weight, 0 or more, per class, or None for 1 each.
        label_smoothing: share of the target that is spread evenly over all classes, in [0, 1).

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
        name: str = "masked_crossentropy",
    ):
        super().__init__(name)
        self.class_weights = checked_weights(class_weights)
        if not 0 <= label_smoothing < 1:
            raise UserError(
                "`label_smoothing` must be at least 0 and below 1. "
                f"Received: label_smoothing={label_smoothing}. 0.1 is usual, 0 turns it off."
            )
        self.label_smoothing = float(label_smoothing)

    def call(self, y_true, y_pred):
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
        return _share_of(terms, tf.reduce_sum(weights))


@keras.saving.register_keras_serializable(package="segnet_tf")
class BinaryCrossentropy(_SegmentationLoss):
    """Sigmoid cross-entropy of one logit a pixel, the mean over the pixels that aren't void.

    Args:
        pos_weight: factor on the foreground's part, above 0, as in PyTorch's
            `BCEWithLogitsLoss(pos_weight)`; None for 1.

    Call arguments:
        y_true: 0 background, 1 foreground, 255 void, `(batch, H, W)`.
        y_pred: logits, float `(batch, H, W, 1)`.
    """

    arguments = ("pos_weight",)

    def __init__(self, pos_weight: float | None = None, name: str = "binary_crossentropy"):
        super().__init__(name)
        if pos_weight is not None and not 0 < pos_weight < float("inf"):
            raise UserError(
                f"`pos_weight` must be above 0. Received: pos_weight={pos_weight}. "
                "Background pixels divided by foreground pixels balances the two."
            )
        self.pos_weight = None if pos_weight is None else float(pos_weight)

    def call(self, y_true, y_pred):
        logits = check_logits(y_pred, 1)[..., 0]
        labels, valid = true_labels(y_true, 1)
        terms = tf.nn.weighted_cross_entropy_with_logits(
            tf.cast(labels, tf.float32), logits, 1.0 if self.pos_weight is None else self.pos_weight
        )
        counted = tf.cast(valid, tf.float32)
        return _share_of(terms * counted, tf.reduce_sum(counted))


@keras.saving.register_keras_serializable(package="segnet_tf")
class Dice(_SegmentationLoss):
    """One minus the soft Dice coefficient, over the pixels that aren't void.

    Per class `2 * sum(p * t) / (sum(p) + sum(t))` over the whole batch, p the probability and
    t 1 where the label is that class; then the mean over the classes present in the labels.
    One logit is scored by its foreground alone, so a batch without any gives 0 and no gradient.

    Args:
        num_classes: logits a pixel; 1 is sigmoid, more are softmax.

    Call arguments:
        y_true: class ids, `(batch, H, W)`, 255 = void.
        y_pred: logits, float `(batch, H, W, num_classes)`.
    """

    arguments = ("num_classes",)

    def __init__(self, num_classes: int, name: str = "dice"):
        super().__init__(name)
        self.num_classes = num_classes

    def call(self, y_true, y_pred):
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
        overlap = tf.reduce_sum(chances * truth, axis=(0, 1, 2))
        sizes = tf.reduce_sum(chances, axis=(0, 1, 2)), tf.reduce_sum(truth, axis=(0, 1, 2))
        present = tf.cast(sizes[1] > 0, tf.float32)
        lost = 1 - tf.math.divide_no_nan(2 * overlap, sizes[0] + sizes[1])
        value = tf.math.divide_no_nan(tf.reduce_sum(lost * present), tf.reduce_sum(present))
        # Shape (1,), because Keras scales a loss for its replicas only if it has an axis.
        return tf.reshape(value, (1,))


@keras.saving.register_keras_serializable(package="segnet_tf")
class CrossentropyDice(_SegmentationLoss):
    """Cross-entropy plus Dice: the first keeps gradients alive, the second favours small classes.

    Args:
        num_classes: logits a pixel; 1 takes BinaryCrossentropy, more take MaskedCrossentropy.
        class_weights: weights of the cross-entropy alone, as in MaskedCrossentropy; for one
            logit the weights of background and foreground, whose ratio is `pos_weight`.
        label_smoothing: as in MaskedCrossentropy, for 2 or more logits.
    """

    arguments = ("num_classes", "class_weights", "label_smoothing")

    def __init__(
        self,
        num_classes: int,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        name: str = "crossentropy_dice",
    ):
        super().__init__(name)
        self.num_classes = num_classes
        self.class_weights = checked_weights(class_weights)
        self.label_smoothing = float(label_smoothing)
        self._dice = Dice(num_classes)
        if num_classes == 1:
            if label_smoothing:
                raise UserError(
                    "`label_smoothing` needs 2 or more logits a pixel. Received: "
                    f"label_smoothing={label_smoothing} with num_classes=1. Leave it at 0."
                )
            self._crossentropy = BinaryCrossentropy(foreground_weight(self.class_weights))
        else:
            self._crossentropy = MaskedCrossentropy(self.class_weights, label_smoothing)

    def call(self, y_true, y_pred):
        return self._crossentropy.call(y_true, y_pred) + self._dice.call(y_true, y_pred)


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
    weights = checked_weights(class_weights)
    expected = label_count(num_classes)
    if weights is not None and len(weights) != expected:
        raise UserError(
            f"`class_weights` must hold {expected} weights, one per class. "
            f"Received: {len(weights)} weights. Leave void out."
        )
    return {
        "crossentropy": lambda: MaskedCrossentropy(weights),
        "binary": lambda: BinaryCrossentropy(foreground_weight(weights)),
        "dice": lambda: Dice(num_classes),
        "crossentropy+dice": lambda: CrossentropyDice(num_classes, weights),
    }[name]()
