"""Pictures of runs and data: curves, confusion matrix, predictions, pairs, overlays, legend.

Figures are made without pyplot: nothing is shown, and the caller's own plots are not changed.
Matplotlib is imported where a figure is drawn, because overlays don't need it.
"""

from __future__ import annotations

from segnet_tf.plots.charts import confusion, curves
from segnet_tf.plots.pictures import legend, overlay, pairs, predictions

__all__ = ["confusion", "curves", "legend", "overlay", "pairs", "predictions"]
