"""Charts of a run's numbers, and what all figures share."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

import numpy as np

from segnet_tf.data.classes import Classes
from segnet_tf.errors import UserError
from segnet_tf.metrics import scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Path = str | os.PathLike[str]

INK, QUIET, GRID = "#1f2933", "#7b8794", "#e4e7eb"
_TRAIN, _VAL, _THIRD = "#2f6fb3", "#d9622b", "#3a9a6e"
# Of things side by side.
COLORS = (_TRAIN, _VAL, _THIRD, "#8e5bb0", "#a37f12", "#2b8a97", "#b5476b", "#6b7d3a", "#5c6b7a")
_DPI = 120
# With more classes the numbers in a confusion matrix would be too small to read.
_MOST_NUMBERED = 30

_SCORES = (
    ("mean_iou", "mean IoU", _VAL, 2.4),
    ("class_average_accuracy", "class average accuracy", _THIRD, 1.4),
    ("global_accuracy", "global accuracy", _TRAIN, 1.4),
)


def curves(csv_path: Path, out: Path) -> None:
    """Draws the log of a training: losses on the left, validation scores on the right.

    Args:
        csv_path: a `log.csv`: a header, then one row an epoch, with `epoch`, `loss`,
            `val_loss`, `val_mean_iou` and so on; cells and columns may be missing.
        out: the PNG to write.

    Raises:
        UserError: there is no row, or a cell isn't a number.
    """
    log = _columns(csv_path)
    figure = new_figure(10.5, 4.0)
    left, right = figure.subplots(1, 2)
    for name, label, color in (("loss", "training", _TRAIN), ("val_loss", "validation", _VAL)):
        _line(left, log, name, label, color, 2.0)
    for name, label, color, width in _SCORES:
        _line(right, log, "val_" + name, label, color, width, scale=100)
    iou = log.get("val_mean_iou")
    if iou is not None and np.isfinite(iou).any():
        best = int(np.nanargmax(iou))
        right.plot(log["epoch"][best], 100 * iou[best], "o", color=_VAL, markersize=6)
        right.set_title(
            f"best mean IoU {100 * iou[best]:.1f} % in epoch {log['epoch'][best]:.0f}",
            loc="right",
            fontsize=9,
            color=QUIET,
        )
        right.set_ylim(0, 100)
    for axes, title in ((left, "Loss"), (right, "Validation scores (%)")):
        axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
        plain_axes(axes)
        axes.set_xlabel("epoch", color=QUIET, fontsize=9)
        # Two ticks at least, as it has by itself, would be fractions where there is one epoch.
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(color=GRID, linewidth=0.8)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    save(figure, out)


def confusion(matrix: np.ndarray, classes: Classes, out: Path) -> None:
    """Draws a confusion matrix, each row in percent of the true class, and each class's IoU.

    Args:
        matrix: pixels, `(n, n)`, rows the truth.
        classes: the n classes.
        out: the PNG to write.

    Raises:
        ValueError: the matrix hasn't a row and a column per class.
    """
    matrix = np.asarray(matrix)
    n = len(classes)
    if matrix.shape != (n, n):
        raise ValueError(
            f"`matrix` must have the shape ({n}, {n}), a row and a column per class. "
            f"Received: matrix.shape={matrix.shape}. Pass the classes it was counted with."
        )
    found = scores(matrix)
    truth = matrix.sum(axis=1, keepdims=True)
    percent = 100 * matrix / np.maximum(truth, 1)
    side = min(3.2 + 0.55 * n, 22.0)
    figure = new_figure(side + 0.8, side)
    axes = figure.subplots()
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    size = 9 if n <= 15 else 7
    if n <= _MOST_NUMBERED:
        for row, column in np.ndindex(n, n):
            value = percent[row, column]
            if truth[row, 0] and (value >= 0.5 or row == column):
                color = "white" if value > 55 else INK
                weight = "bold" if row == column else "normal"
                axes.text(
                    column,
                    row,
                    f"{value:.0f}",
                    ha="center",
                    va="center",
                    color=color,
                    fontsize=size,
                    fontweight=weight,
                )
    plain_axes(axes, sides=())
    ticks = range(n)
    axes.set_xticks(ticks, classes.names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, classes.names)
    axes.set_xticks(np.arange(n - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(n - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0, labelsize=size, labelcolor=INK)
    axes.set_xlabel("predicted", color=QUIET, fontsize=9)
    axes.set_ylabel("true (each row: % of its pixels)", color=QUIET, fontsize=9)
    iou = axes.secondary_yaxis("right")
    iou.set_yticks(ticks, [_percent(value) for value in found["per_class_iou"]])
    iou.tick_params(length=0, labelsize=size, labelcolor=INK)
    iou.spines["right"].set_visible(False)
    axes.text(1.01, 1.01, "IoU (%)", transform=axes.transAxes, color=QUIET, fontsize=9)
    figure.suptitle(
        f"mean IoU {_percent(found['mean_iou'])} %    "
        f"class average {_percent(found['class_average_accuracy'])} %    "
        f"global {_percent(found['global_accuracy'])} %",
        fontsize=11,
        fontweight="bold",
        color=INK,
    )
    save(figure, out)


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of that size in inches, outside pyplot."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), dpi=_DPI, layout=layout, facecolor="white")


def save(figure: Figure, out: Path) -> None:
    """Writes the figure as a PNG."""
    # The format is given because a file under a temporary name may have another suffix.
    figure.savefig(out, format="png")


def plain_axes(axes: Axes, sides: tuple[str, ...] = ("left", "bottom")) -> None:
    """Leaves only the lines on these sides, and no marks on them."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)
        spine.set_color(GRID)
    axes.tick_params(colors=QUIET, labelsize=9, length=0)


def _line(
    axes: Axes,
    log: dict[str, np.ndarray],
    name: str,
    label: str,
    color: str,
    width: float,
    scale: float = 1.0,
) -> None:
    if name not in log:
        return
    known = np.isfinite(log[name])  # The line goes on over epochs without validation.
    x, y = log["epoch"][known], scale * log[name][known]
    mark = "o" if len(x) < 2 else ""
    axes.plot(x, y, color=color, linewidth=width, marker=mark, label=label)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _columns(csv_path: Path) -> dict[str, np.ndarray]:
    with open(csv_path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise UserError(
            f"`csv_path` must hold at least one epoch. Received: {csv_path} without a row. "
            "Train for an epoch first."
        )
    try:
        log = {
            name: np.array([float(row[name] or "nan") for row in rows])
            for name in rows[0]
            if name is not None
        }
    except (TypeError, ValueError) as error:
        raise UserError(
            f"`csv_path` must hold numbers only. Received: {csv_path} with {error}. "
            "Pass the log of a training."
        ) from None
    log.setdefault("epoch", np.arange(1.0, len(rows) + 1))
    return log
