"""What the losses share: how values of pixels become one number."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf.data.label_maps import logits_behind
from segnet_tf.errors import UserError

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)
DEFAULT_REDUCTION = "sum_over_batch_size"


class SegmentationLoss(keras.losses.Loss):
    """Takes labels and logits, computes in float32 and keeps its arguments in its config.

    Args:
        name: of the loss.
        reduction: one of `REDUCTIONS`.

    Raises:
        UserError: an unknown reduction.
    """

    arguments: tuple[str, ...] = ()  # of __init__, beside name and reduction; kept as attributes

    def __init__(self, name: str, reduction: str | None) -> None:
        if reduction not in REDUCTIONS:
            raise UserError(
                f"`reduction` must be one of {', '.join(map(repr, REDUCTIONS))}. "
                f"Received: reduction={reduction!r}. Leave it out for the mean."
            )
        # float32 under every policy: a float16 sum over pixels overflows at 65504.
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def __call__(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        if logits_behind(y_pred) is not None:
            raise UserError(
                "`y_pred` must be logits. Received: probabilities, since the model ends in softmax "
                "or sigmoid. Leave its last activation out: predict and export make probabilities."
            )
        if sample_weight is not None:
            sample_weight = _with_axes_of_pixels(sample_weight)
        return self.reduced(y_true, y_pred, sample_weight)

    def reduced(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None
    ) -> tf.Tensor:
        """The loss, given weights that fit `(batch, H, W)`."""
        return super().__call__(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in self.arguments}
        return {"name": self.name, "reduction": self.reduction, **own}


class PixelLoss(SegmentationLoss):
    """A loss with a term `w * l` for each pixel; w is 0 for void, else the weight of its class.

    Args:
        name: of the loss.
        reduction: what becomes of the terms, in Keras's words. With s the `sample_weight`, one a
            pixel `(batch, H, W)` or one an image `(batch,)`, and 1 where none is given:

            - `"sum_over_batch_size"` or `"mean"`: `sum(s * w * l) / sum(w)`.
            - `"mean_with_sample_weight"`: `sum(s * w * l) / sum(s * w)`.
            - `"sum"`: `sum(s * w * l)`.
            - `"none"` or `None`: `s * w * l`, float32 `(batch, H, W)`.
    """

    def pixels(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`w * l` and w of each pixel, float32 `(batch, H, W)`."""
        raise NotImplementedError

    @property
    def is_plain_mean(self) -> bool:
        """Whether the terms are divided by `sum(w)`, which knows no `sample_weight`."""
        return self.reduction in ("sum_over_batch_size", "mean")

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        terms, weights = self.pixels(y_true, y_pred)
        return share_of(terms, tf.reduce_sum(weights)) if self.is_plain_mean else terms

    def reduced(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None
    ) -> tf.Tensor:
        if self.reduction != "mean_with_sample_weight":
            return super().reduced(y_true, y_pred, sample_weight)
        weights = self.pixels(y_true, tf.cast(y_pred, tf.float32))[1]
        given = tf.ones_like(weights) if sample_weight is None else sample_weight
        given = tf.broadcast_to(given, tf.shape(weights))
        # Keras's divisors are sum(s) and the number of replicas; the first is replaced here.
        value = super().reduced(y_true, y_pred, given)
        total = mean_over_replicas(tf.reduce_sum(given * weights))
        return value * tf.math.divide_no_nan(tf.reduce_sum(given), total)


def share_of(terms: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """Per-pixel values whose mean over all pixels is `sum(terms) / total`; 0 if total is 0.

    Keras divides by the number of pixels, void included, and then by the number of replicas.
    Multiplying by the number of pixels here leaves replicas and `sample_weight` to Keras.

    Under `tf.distribute` each replica has a part of the batch, and `total` is taken over all of
    them: the mean of the replicas' losses is then the loss of the whole batch, also where one of
    them has more void pixels than the others. (The mean of means, each by its own total, is not.)
    """
    pixels = tf.cast(tf.size(terms), tf.float32)
    return terms * tf.math.divide_no_nan(pixels, mean_over_replicas(total))


def mean_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """The mean of a value over the replicas of a step; the value itself where there is but one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)


def _with_axes_of_pixels(sample_weight: tf.Tensor) -> tf.Tensor:
    weight = tf.cast(tf.convert_to_tensor(sample_weight), tf.float32)
    rank = weight.shape.rank
    if rank in (0, 3, None):
        return weight
    if rank == 4 and weight.shape[-1] == 1:
        return weight[..., 0]
    if rank == 1 or (rank == 2 and weight.shape[-1] == 1):
        # Keras would line the images up with the columns of pixels.
        return tf.reshape(weight, (-1, 1, 1))
    raise ValueError(
        "`sample_weight` must have one weight a pixel, (batch, H, W), or one an image, (batch,). "
        f"Received: sample_weight.shape={weight.shape}. Reshape it. Weights of classes belong "
        "into the loss, as in MaskedCrossentropy(class_weights=[1, 2]), and not into fit."
    )
