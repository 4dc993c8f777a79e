"""Pictures of label maps: predictions beside the truth, pairs of a data set, overlays, legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segnet_tf.data.classes import VOID, Classes, colorize
from segnet_tf.plots.charts import INK, QUIET, Path, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

_WRONG = np.array([220, 38, 38], np.float32)
_WIDTH = 3.0  # inches of a picture in a row
_LEGEND_COLUMNS = 6


def predictions(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predictions: Sequence[np.ndarray],
    classes: Classes,
    out: Path,
) -> None:
    """Draws a row per image: the image, the truth, the prediction, and where it is wrong.

    Args:
        images: RGB 0..255, `(H, W, 3)`; sizes may differ from row to row.
        truths: class ids, `(H, W)`, 255 = void.
        predictions: class ids, `(H, W)`.
        classes: names and colors, for the maps and the legend.
        out: the PNG to write.

    Raises:
        ValueError: there is no image, or the three lists differ in length.
    """
    if not len(images) or not len(images) == len(truths) == len(predictions):
        raise ValueError(
            "`images`, `truths` and `predictions` must hold the same number, at least 1. "
            f"Received: {len(images)}, {len(truths)} and {len(predictions)}. Pair them up."
        )
    swatches = _swatches(classes, any((truth == VOID).any() for truth in truths))
    titles = ("image", "truth", "prediction", "wrong pixels")
    figure, grid = _rows(images, titles, swatches)
    for row, image, truth, guess in zip(grid, images, truths, predictions, strict=True):
        shown = (
            np.clip(image, 0, 255).astype(np.uint8),
            colorize(truth, classes),
            colorize(guess, classes),
            _errors(image, truth, guess),
        )
        for axes, picture in zip(row, shown, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
        counted = truth != VOID
        if counted.any():
            share = np.mean(truth[counted] == guess[counted])
            row[3].text(
                0.98,
                0.03,
                f"{100 * share:.1f} % right",
                transform=row[3].transAxes,
                ha="right",
                va="bottom",
                fontsize=9,
                color=INK,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2},
            )
    save(figure, out)


def pairs(found: Sequence[tuple[str, np.ndarray, np.ndarray]], classes: Classes, out: Path) -> None:
    """Draws a row per pair of a data set: the image, its labels, and both over each other.

    Args:
        found: name, image RGB uint8 `(H, W, 3)` and class ids `(H, W)`, 255 = void; at least one.
        classes: names and colors, for the maps and the legend.
        out: the PNG to write.
    """
    swatches = _swatches(classes, any((labels == VOID).any() for _, _, labels in found))
    figure, grid = _rows([image for _, image, _ in found], ("", "labels", "overlay"), swatches)
    for row, (name, image, labels) in zip(grid, found, strict=True):
        row[0].set_title(name, fontsize=9, color=QUIET, loc="left")
        shown = (image, colorize(labels, classes), overlay(image, labels, classes))
        for axes, picture in zip(row, shown, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
    save(figure, out)


def overlay(
    image: np.ndarray, labels: np.ndarray, classes: Classes, alpha: float | np.ndarray = 0.5
) -> np.ndarray:
    """Lays the class colors over an image; void pixels stay as they are.

    Args:
        image: RGB 0..255, `(H, W, 3)`.
        labels: class ids, `(H, W)`, 255 = void.
        alpha: share of the color, 0 to 1; also one a pixel, `(H, W)`.

    Returns:
        uint8 `(H, W, 3)`.
    """
    image = np.asarray(image, np.float32)
    if image.shape[:2] != labels.shape:
        raise ValueError(
            "`labels` must have the height and width of `image`. "
            f"Received: labels.shape={labels.shape}, image.shape={image.shape}. Resize the labels."
        )
    share = np.where(labels == VOID, 0.0, alpha)[..., None].astype(np.float32)
    mixed = (1 - share) * image + share * colorize(labels, classes)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def legend(classes: Classes, out: Path) -> None:
    """Draws the color and name of each class, as a PNG of its own."""
    columns = math.ceil(len(classes) / 24)
    rows = math.ceil(len(classes) / columns)
    longest = max(len(name) for name in classes.names)
    figure = new_figure(0.1 + columns * (0.8 + 0.085 * longest), 0.3 + 0.24 * rows)
    figure.legend(
        handles=_swatches(classes, has_void=False),
        loc="center",
        ncols=columns,
        frameon=False,
        fontsize=11,
        labelcolor=INK,
        labelspacing=0.55,
    )
    save(figure, out)


def _rows(
    images: Sequence[np.ndarray], titles: Sequence[str], swatches: list[Patch]
) -> tuple[Figure, np.ndarray]:
    """A figure with a row of axes per image, as high as it, a title a column and a legend."""
    heights = [image.shape[0] / image.shape[1] for image in images]
    columns = min(len(swatches), _LEGEND_COLUMNS)
    below = 0.27 * math.ceil(len(swatches) / columns)
    figure = new_figure(_WIDTH * len(titles) + 0.2, _WIDTH * sum(heights) + 0.5 + below)
    grid = figure.subplots(len(images), len(titles), squeeze=False, height_ratios=heights)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=11, color=INK, fontweight="bold")
    figure.legend(
        handles=swatches,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    return figure, grid


def _swatches(classes: Classes, has_void: bool) -> list[Patch]:
    from matplotlib.patches import Patch

    shown = list(zip(classes.names, classes.colors, strict=True))
    shown += [("void", (0, 0, 0))] * has_void
    return [
        Patch(facecolor=(r / 255, g / 255, b / 255), edgecolor=QUIET, linewidth=0.4, label=name)
        for name, (r, g, b) in shown
    ]


def _errors(image: np.ndarray, truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """The image in pale grey, wrong pixels red, void black."""
    grey = np.asarray(image, np.float32).mean(axis=-1, keepdims=True)
    picture = np.repeat(128 + grey / 2, 3, axis=-1)
    picture[truth != guess] = 0.25 * picture[truth != guess] + 0.75 * _WRONG
    picture[truth == VOID] = 0
    return np.clip(picture, 0, 255).astype(np.uint8)
