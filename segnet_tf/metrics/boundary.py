"""Boundary F1: are the contours where they should be? Region scores hardly notice them.

Every class has one bit of an integer, so a boundary of all classes is grown by a handful of
shifts and ORs over one map, where a convolution would need a map and 121 products per class.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from segnet_tf.data.label_maps import label_count, predicted_labels, true_labels
from segnet_tf.errors import UserError
from segnet_tf.metrics.counting import class_counts

_BITS = 31  # classes per int32, whose sign bit stays out of it


@keras.saving.register_keras_serializable(package="segnet_tf")
class BoundaryF1(keras.metrics.Metric):
    """Mean over the images of the mean over their classes of the boundary F1 score (BF).

    A pixel is on the boundary of its class if one of its four neighbours in the image has
    another class; void is no class. Precision is the share of the predicted boundary of a
    class that lies within the tolerance of its true boundary, recall the reverse, and
    F1 = 2PR / (P + R). The tolerance is a Euclidean distance of `tolerance` times the
    image's diagonal, rounded up to whole pixels: 5 for 360x480. Void pixels of the truth are
    void in the prediction too. A class counts in an image if the truth has a boundary of it
    there, an image if it has such a class; without any the result is 0.

    Args:
        num_classes: logits a pixel; 1 is binary, scored over background and foreground.
        tolerance: share of the image's diagonal, from 0 to 1.
        name: of the metric.
        dtype: of the result; None is float32.

    Call arguments (`update_state`):
        y_true: class ids, `(batch, H, W)`, 255 = void.
        y_pred: logits, float `(batch, H, W, num_classes)`.

    Raises:
        UserError: the tolerance is negative or above 1.

    Reference:
        Csurka et al., 2013, http://www.bmva.org/bmvc/2013/Papers/paper0032/
    """

    def __init__(
        self,
        num_classes: int,
        tolerance: float = 0.0075,
        name: str = "boundary_f1",
        dtype: str | keras.DTypePolicy | None = None,
    ):
        super().__init__(name=name, dtype="float32" if dtype is None else dtype)
        if not 0 <= tolerance <= 1:
            raise UserError(
                "`tolerance` must be a share of the image's diagonal from 0 to 1. "
                f"Received: tolerance={tolerance}. SegNet's authors use 0.0075."
            )
        self.num_classes = num_classes
        self.tolerance = float(tolerance)
        self._ids = label_count(num_classes)
        # float64: a float32 sum of many images loses the digits of each next one.
        self._sum = self.add_variable((), "zeros", dtype="float64", name="sum")
        self._images = self.add_variable((), "zeros", dtype="int64", name="images")

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: None = None
    ) -> None:
        if sample_weight is not None:
            raise ValueError(
                "`sample_weight` isn't supported by BoundaryF1. Received: a weight. "
                "Pass the metric as `metrics`, not `weighted_metrics`, and mark pixels as void."
            )
        predicted = predicted_labels(y_pred, self.num_classes)
        labels, valid = true_labels(y_true, self.num_classes)
        radius = tolerance_in_pixels(tf.shape(labels)[1:3], self.tolerance)
        truth = _boundary(labels, valid)
        guess = _boundary(predicted, valid)
        near_truth = _holds(_grown(self._bits(labels, truth), radius), predicted)
        near_guess = _holds(_grown(self._bits(predicted, guess), radius), labels)
        all_truth = self._count(labels, truth)
        all_guess = self._count(predicted, guess)
        precision = tf.math.divide_no_nan(self._count(predicted, guess & near_truth), all_guess)
        recall = tf.math.divide_no_nan(self._count(labels, truth & near_guess), all_truth)
        f1 = tf.math.divide_no_nan(2 * precision * recall, precision + recall)
        classes = tf.reduce_sum(tf.cast(all_truth > 0, tf.float64), axis=1)
        # Without a true boundary recall is 0, so f1 is too: no mask is needed in the sum.
        images = tf.math.divide_no_nan(tf.reduce_sum(f1, axis=1), classes)
        self._sum.assign_add(tf.reduce_sum(images))
        self._images.assign_add(tf.reduce_sum(tf.cast(classes > 0, tf.int64)))

    def result(self) -> tf.Tensor:
        count = tf.cast(tf.convert_to_tensor(self._images), tf.float64)
        return tf.cast(tf.math.divide_no_nan(tf.convert_to_tensor(self._sum), count), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            "num_classes": self.num_classes,
            "tolerance": self.tolerance,
            "name": self.name,
            "dtype": self.dtype,
        }

    def _bits(self, labels: tf.Tensor, boundary: tf.Tensor) -> tf.Tensor:
        """int32 `(batch, H, W, words)`: the bit of a boundary pixel's class, else nothing."""
        bit = tf.bitwise.left_shift(tf.ones_like(labels), labels % _BITS)
        words = range((self._ids + _BITS - 1) // _BITS)
        held = [boundary & tf.equal(labels // _BITS, word) for word in words]
        return tf.stack([tf.where(here, bit, 0) for here in held], axis=-1)

    def _count(self, labels: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        """Chosen pixels of each class in each image, float64 `(batch, classes)`."""
        return tf.cast(class_counts(labels, chosen, self._ids), tf.float64)


def tolerance_in_pixels(size: tf.Tensor, tolerance: float) -> tf.Tensor:
    """`tolerance` times the diagonal of `size = (height, width)`, rounded up, int32."""
    diagonal = tf.sqrt(tf.reduce_sum(tf.square(tf.cast(size, tf.float64))))
    # 0.07 times 100 is 7.000000000000001 in binary and must not round up to 8.
    return tf.cast(tf.math.ceil(diagonal * tolerance - 1e-9), tf.int32)


def _boundary(labels: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """True where one of the four neighbours is valid and has another label."""
    down = (labels[:, 1:] != labels[:, :-1]) & valid[:, 1:] & valid[:, :-1]
    right = (labels[:, :, 1:] != labels[:, :, :-1]) & valid[:, :, 1:] & valid[:, :, :-1]
    above, below = tf.pad(down, [[0, 0], [1, 0], [0, 0]]), tf.pad(down, [[0, 0], [0, 1], [0, 0]])
    return (
        above
        | below
        | tf.pad(right, [[0, 0], [0, 0], [1, 0]])
        | tf.pad(right, [[0, 0], [0, 0], [0, 1]])
    )


def _grown(bits: tf.Tensor, radius: tf.Tensor) -> tf.Tensor:
    """OR of the bits within a disk: all `(dy, dx)` with `dy**2 + dx**2 <= radius**2`.

    From the disk's last row to its middle the rows only get wider, so each row's run is the
    one before, stretched: `4 * radius` ORs instead of `3 * radius**2`.
    """
    height, width = tf.shape(bits)[1], tf.shape(bits)[2]
    wide = tf.pad(bits, [[0, 0], [0, 0], [radius, radius], [0, 0]])

    def stretch(reach: tf.Tensor, run: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        reach += 1
        left = wide[:, :, radius - reach : radius - reach + width]
        right = wide[:, :, radius + reach : radius + reach + width]
        return reach, tf.bitwise.bitwise_or(run, tf.bitwise.bitwise_or(left, right))

    def row(
        dy: tf.Tensor, reach: tf.Tensor, run: tf.Tensor, grown: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        half = tf.cast(tf.sqrt(tf.cast(radius**2 - dy**2, tf.float64)), tf.int32)
        reach, run = tf.while_loop(lambda r, _: r < half, stretch, (reach, run))
        tall = tf.pad(run, [[0, 0], [dy, dy], [0, 0], [0, 0]])
        both = tf.bitwise.bitwise_or(tall[:, :height], tall[:, 2 * dy : 2 * dy + height])
        return dy - 1, reach, run, tf.bitwise.bitwise_or(grown, both)

    start = (radius, tf.constant(0), bits, tf.zeros_like(bits))
    return tf.while_loop(lambda dy, *_: dy >= 0, row, start)[3]


def _holds(bits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """True where the bit of the pixel's label is set."""
    words = tf.gather(bits, labels // _BITS, batch_dims=3)
    return tf.bitwise.right_shift(words, labels % _BITS) % 2 == 1
