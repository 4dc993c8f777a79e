"""Scores from one confusion matrix that grows batch by batch; void is in none of them.

Rows are the truth, columns the prediction. `num_classes=1` is binary: one logit, a 2x2 matrix
of background and foreground. All scores are fractions; a matrix without a pixel gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.data.label_maps import label_count, predicted_labels, true_labels
from segnet_tf.metrics.counting import confusion_counts


def scores(matrix: np.ndarray) -> dict[str, Any]:
    """All scores of a confusion matrix, in plain numbers that JSON can hold.

    Args:
        matrix: pixels, whole numbers, `(classes, classes)`, rows the truth.

    Returns:
        By name:

        - `global_accuracy`: share of the pixels that are right.
        - `class_average_accuracy`: mean over the classes in the truth of the share found.
        - `mean_iou`: mean intersection over union over the classes in truth or prediction.
        - `per_class_iou`, `per_class_accuracy`: lists, None where a class isn't counted above.
        - `pixels`: how many pixels were scored.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"`matrix` must be square. Received: matrix.shape={matrix.shape}. "
            "Pass pixel counts with a row and a column per class."
        )
    right = np.diag(matrix).astype(np.float64)
    truth = matrix.sum(axis=1).astype(np.float64)
    union = truth + matrix.sum(axis=0) - right

    def ratios(total: np.ndarray) -> list[float | None]:
        return [float(r / t) if t else None for r, t in zip(right, total, strict=True)]

    def mean(values: list[float | None]) -> float:
        counted = [value for value in values if value is not None]
        return sum(counted) / len(counted) if counted else 0.0

    accuracy, iou = ratios(truth), ratios(union)
    return {
        "global_accuracy": float(right.sum() / truth.sum()) if truth.sum() else 0.0,
        "class_average_accuracy": mean(accuracy),
        "mean_iou": mean(iou),
        "per_class_iou": iou,
        "per_class_accuracy": accuracy,
        "pixels": int(truth.sum()),
    }


class _ConfusionMatrixMetric(keras.metrics.Metric):
    """Holds the matrix, int64: float32 stops counting at 2**24 pixels, a hundred images.

    Args:
        num_classes: logits a pixel; 1 is binary.
        name: of the metric.
        dtype: of the result; None is float32. The counting is int64 always.

    Call arguments (`update_state`):
        y_true: class ids, `(batch, H, W)`, 255 = void.
        y_pred: logits, float `(batch, H, W, num_classes)`.
    """

    def __init__(
        self, num_classes: int, name: str, dtype: str | keras.DTypePolicy | None = None
    ) -> None:
        # float32 unless asked for, under every policy: float16 rounds a score to three digits.
        super().__init__(name=name, dtype="float32" if dtype is None else dtype)
        self.num_classes = num_classes
        self._ids = label_count(num_classes)
        self._counts = self.add_variable(
            (self._ids, self._ids), "zeros", dtype="int64", name="confusion_matrix"
        )

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: None = None
    ) -> None:
        if sample_weight is not None:
            raise ValueError(
                "`sample_weight` isn't supported by confusion matrix scores. Received: a weight. "
                "Pass the metric as `metrics`, not `weighted_metrics`, and mark pixels as void."
            )
        predicted = predicted_labels(y_pred, self.num_classes)
        labels, valid = true_labels(y_true, self.num_classes)
        self._counts.assign_add(confusion_counts(labels, predicted, valid, self._ids))

    def matrix(self) -> np.ndarray:
        """The counts so far, int64 `(classes, classes)`, rows the truth."""
        return np.asarray(self._counts.numpy())

    def _scores(self) -> dict[str, tf.Tensor]:
        # float64, so that the digits are those of `scores`.
        counts = tf.cast(tf.convert_to_tensor(self._counts), tf.float64)
        right = tf.linalg.diag_part(counts)
        truth = tf.reduce_sum(counts, axis=1)
        union = truth + tf.reduce_sum(counts, axis=0) - right
        found = {
            "global_accuracy": tf.math.divide_no_nan(tf.reduce_sum(right), tf.reduce_sum(truth)),
            "class_average_accuracy": _mean_of_ratios(right, truth),
            "mean_iou": _mean_of_ratios(right, union),
        }
        return {name: tf.cast(value, self.dtype) for name, value in found.items()}

    def get_config(self) -> dict[str, Any]:
        return {"num_classes": self.num_classes, "name": self.name, "dtype": self.dtype}


def _mean_of_ratios(parts: tf.Tensor, totals: tf.Tensor) -> tf.Tensor:
    present = tf.reduce_sum(tf.cast(totals > 0, tf.float64))
    return tf.math.divide_no_nan(tf.reduce_sum(tf.math.divide_no_nan(parts, totals)), present)


@keras.saving.register_keras_serializable(package="segnet_tf")
class GlobalAccuracy(_ConfusionMatrixMetric):
    """Share of the pixels that are right."""

    def __init__(
        self,
        num_classes: int,
        name: str = "global_accuracy",
        dtype: str | keras.DTypePolicy | None = None,
    ):
        super().__init__(num_classes, name, dtype)

    def result(self) -> tf.Tensor:
        return self._scores()["global_accuracy"]


@keras.saving.register_keras_serializable(package="segnet_tf")
class ClassAverageAccuracy(_ConfusionMatrixMetric):
    """Share of each class's pixels that are right, the mean over the classes in the truth."""

    def __init__(
        self,
        num_classes: int,
        name: str = "class_average_accuracy",
        dtype: str | keras.DTypePolicy | None = None,
    ):
        super().__init__(num_classes, name, dtype)

    def result(self) -> tf.Tensor:
        return self._scores()["class_average_accuracy"]


@keras.saving.register_keras_serializable(package="segnet_tf")
class MeanIoU(_ConfusionMatrixMetric):
    """Intersection over union, the mean over the classes in the truth or the prediction."""

    def __init__(
        self, num_classes: int, name: str = "mean_iou", dtype: str | keras.DTypePolicy | None = None
    ):
        super().__init__(num_classes, name, dtype)

    def result(self) -> tf.Tensor:
        return self._scores()["mean_iou"]


@keras.saving.register_keras_serializable(package="segnet_tf")
class PerClassIoU(_ConfusionMatrixMetric):
    """Intersection over union of each class: a dict of `iou_<id>`, NaN for an absent class.

    Args:
        num_classes: logits a pixel; 1 is binary.
        class_names: names to use in place of the ids, one per class, or None.
    """

    def __init__(
        self,
        num_classes: int,
        class_names: Sequence[str] | None = None,
        name: str = "per_class_iou",
        dtype: str | keras.DTypePolicy | None = None,
    ):
        super().__init__(num_classes, name, dtype)
        self.class_names = None if class_names is None else [str(n) for n in class_names]
        if self.class_names is not None and len(self.class_names) != self._ids:
            raise ValueError(
                f"`class_names` must hold {self._ids} names, one per class. "
                f"Received: {len(self.class_names)} names. Leave void out."
            )

    def result(self) -> dict[str, tf.Tensor]:
        counts = tf.cast(tf.convert_to_tensor(self._counts), tf.float64)
        right = tf.linalg.diag_part(counts)
        union = tf.reduce_sum(counts, axis=1) + tf.reduce_sum(counts, axis=0) - right
        iou = tf.unstack(tf.cast(right / union, self.dtype))  # 0 / 0 is the NaN wanted here
        names = self.class_names or range(self._ids)
        return {f"iou_{name}": value for name, value in zip(names, iou, strict=True)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "class_names": self.class_names}


@keras.saving.register_keras_serializable(package="segnet_tf")
class SegmentationScores(_ConfusionMatrixMetric):
    """`global_accuracy`, `class_average_accuracy` and `mean_iou` for one matrix update."""

    def __init__(
        self,
        num_classes: int,
        name: str = "segmentation_scores",
        dtype: str | keras.DTypePolicy | None = None,
    ):
        super().__init__(num_classes, name, dtype)

    def result(self) -> dict[str, tf.Tensor]:
        return self._scores()
