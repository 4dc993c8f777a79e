"""Pictures of where a model is unsure: maps with a scale, and overlays that fade."""

from __future__ import annotations

import numpy as np

from segnet_tf.data.classes import Classes
from segnet_tf.plots.charts import INK, QUIET, Path, new_figure, save
from segnet_tf.plots.pictures import overlay

# Equal steps of a number are equal steps to the eye, also in grey and to the color-blind.
_COLORS = "magma"
# Inches: as wide as the map at 100 pixels an inch, within these.
_LEAST, _MOST = 4.0, 12.0


def uncertainty_map(values: np.ndarray, largest: float, label: str, out: Path) -> None:
    """Draws numbers a pixel, dark being sure, beside the scale of the colors.

    Args:
        values: float `(H, W)`, from 0.
        largest: the number that gets the lightest color, as all above it do. One for all images
            makes the pictures comparable.
        label: of the scale, such as "predictive entropy (nats)".
        out: the PNG to write.
    """
    height, width = values.shape
    wide = min(max(width / 100, _LEAST), _MOST)
    figure = new_figure(wide + 1.0, max(wide * height / width, 1.5) + 0.1)
    axes = figure.subplots()
    shown = axes.imshow(values, cmap=_COLORS, vmin=0, vmax=largest, interpolation="nearest")
    axes.set_axis_off()
    above = "max" if values.max(initial=0) > largest else "neither"
    scale = figure.colorbar(shown, ax=axes, extend=above, fraction=0.05, pad=0.02)
    scale.set_label(label, color=INK, fontsize=9)
    scale.ax.tick_params(colors=QUIET, labelsize=8)
    save(figure, out)


def unsure_overlay(
    image: np.ndarray, labels: np.ndarray, classes: Classes, entropy: np.ndarray
) -> np.ndarray:
    """The overlay of a prediction, whose color fades where the model is unsure.

    The color's share is a half where the entropy is 0 and falls evenly to nothing at half of what
    knowing nothing has, `ln(classes) / 2`.

    Args:
        image: RGB 0..255, `(H, W, 3)`.
        labels: class ids, `(H, W)`, 255 = void.
        classes: names and colors.
        entropy: float `(H, W)`, nats.

    Returns:
        uint8 `(H, W, 3)`.
    """
    sure = 1 - np.minimum(entropy / (np.log(len(classes)) / 2), 1)
    return overlay(image, labels, classes, 0.5 * sure)
