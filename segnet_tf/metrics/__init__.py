"""Keras metrics: region scores from one confusion matrix, and the boundary F1 score."""

from __future__ import annotations

from segnet_tf.metrics.boundary import BoundaryF1
from segnet_tf.metrics.confusion import (
    ClassAverageAccuracy,
    GlobalAccuracy,
    MeanIoU,
    PerClassIoU,
    SegmentationScores,
    scores,
)

__all__ = [
    "BoundaryF1",
    "ClassAverageAccuracy",
    "GlobalAccuracy",
    "MeanIoU",
    "PerClassIoU",
    "SegmentationScores",
    "scores",
]
