"""Pictures of a run: curves, confusion matrix, predictions beside the truth, overlays, legend.

Figures are made without pyplot: nothing is shown, and the caller's own plots are not changed.
Matplotlib is imported where a figure is drawn, because overlays don't need it.
"""

from __future__ import annotations

from segnet_tf.plots.charts import confusion, curves
from segnet_tf.plots.pictures import legend, overlay, predictions

__all__ = ["confusion", "curves", "legend", "overlay", "predictions"]
