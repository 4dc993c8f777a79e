"""The picture of a calibration: is a model right as often as it says, does it know its errors?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_tf.metrics.calibration import CalibrationSummary
from segnet_tf.plots.charts import COLORS, GRID, INK, QUIET, Path, new_figure, plain_axes, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RIGHT, _SAID = COLORS[0], COLORS[1]


def calibration(found: CalibrationSummary, out: Path) -> None:
    """Draws the reliability diagram, and the accuracy of the pixels that are kept.

    Left: a bar for each bin of confidence, as high as the accuracy in it, and a line at the mean
    confidence in it, where the bar should end. Below it the share of the pixels. Right: the
    accuracy of the surest pixels against their share, a line for each uncertainty.

    Args:
        found: the measures of a split.
        out: the PNG to write.
    """
    figure = new_figure(10.5, 4.6)
    grid = figure.add_gridspec(2, 2, height_ratios=(4, 1))
    upper = figure.add_subplot(grid[0, 0])
    lower = figure.add_subplot(grid[1, 0], sharex=upper)
    right = figure.add_subplot(grid[:, 1])
    _diagram(upper, found)
    _shares(lower, found)
    _kept(right, found)
    ece, nll = 100 * found["ece"], found["nll"]
    _title(upper, "Accuracy by confidence (%)", f"ECE {ece:.2f} %   NLL {nll:.3f}")
    _title(right, "Accuracy of the pixels kept (%)", "")
    for axes in (upper, lower, right):
        plain_axes(axes)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("confidence: the highest probability", color=QUIET, fontsize=9)
    lower.set_ylabel("% of pixels", color=QUIET, fontsize=9)
    right.set_xlabel("surest pixels, % of all", color=QUIET, fontsize=9)
    for axes in (upper, right):
        axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="best")
    save(figure, out)


def _diagram(axes: Axes, found: CalibrationSummary) -> None:
    bins = [each for each in found["reliability"] if each["pixels"]]
    lefts = [each["lower"] for each in bins]
    widths = [each["upper"] - each["lower"] for each in bins]
    heights = [100 * (each["accuracy"] or 0.0) for each in bins]
    said = [100 * (each["confidence"] or 0.0) for each in bins]
    axes.bar(
        lefts, heights, widths, align="edge", edgecolor="white", color=_RIGHT, label="accuracy"
    )
    rights = [each["upper"] for each in bins]
    axes.hlines(said, lefts, rights, color=_SAID, linewidth=2.5, label="mean confidence")
    axes.plot([0, 1], [0, 100], color=QUIET, linewidth=1, linestyle="--")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 100)


def _shares(axes: Axes, found: CalibrationSummary) -> None:
    bins = found["reliability"]
    total = max(found["pixels"], 1)
    axes.bar(
        [each["lower"] for each in bins],
        [100 * each["pixels"] / total for each in bins],
        width=[each["upper"] - each["lower"] for each in bins],
        align="edge",
        edgecolor="white",
        color=QUIET,
    )
    axes.set_ylim(0, 100)


def _kept(axes: Axes, found: CalibrationSummary) -> None:
    for color, (name, row) in zip(COLORS, found["uncertainty"].items(), strict=False):
        auroc = row["auroc"]
        label = name.replace("_", " ") + ("" if auroc is None else f", AUROC {100 * auroc:.1f} %")
        axes.plot(
            [100 * share for share in row["kept_share"]],
            [100 * accuracy for accuracy in row["kept_accuracy"]],
            color=color,
            linewidth=2,
            label=label,
        )
    axes.set_xlim(0, 100)


def _title(axes: Axes, left: str, right: str) -> None:
    axes.set_title(left, loc="left", fontsize=11, color=INK, fontweight="bold")
    axes.set_title(right, loc="right", fontsize=9, color=QUIET)
