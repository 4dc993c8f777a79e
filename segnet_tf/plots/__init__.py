"""Pictures of runs and data: curves, confusion matrix, calibration, predictions, uncertainty.

    segnet_tf.plots.curves("runs/mine/log.csv", "curves.png")
    painted = segnet_tf.plots.overlay(image, mask, samples.classes)

Figures are made without pyplot: nothing is shown, and the caller's own plots are not changed.
Matplotlib is imported where a figure is drawn, because overlays don't need it. Nothing is imported
before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_tf.system.lazy import lazy_names

if TYPE_CHECKING:
    from segnet_tf.plots.charts import confusion, curves
    from segnet_tf.plots.pictures import legend, overlay, pairs, predictions
    from segnet_tf.plots.reliability import calibration
    from segnet_tf.plots.uncertainty import uncertainty_map, unsure_overlay

__all__ = [
    "calibration",
    "confusion",
    "curves",
    "legend",
    "overlay",
    "pairs",
    "predictions",
    "uncertainty_map",
    "unsure_overlay",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "calibration": "segnet_tf.plots.reliability",
            "confusion": "segnet_tf.plots.charts",
            "curves": "segnet_tf.plots.charts",
            "legend": "segnet_tf.plots.pictures",
            "overlay": "segnet_tf.plots.pictures",
            "pairs": "segnet_tf.plots.pictures",
            "predictions": "segnet_tf.plots.pictures",
            "uncertainty_map": "segnet_tf.plots.uncertainty",
            "unsure_overlay": "segnet_tf.plots.uncertainty",
        },
    )
