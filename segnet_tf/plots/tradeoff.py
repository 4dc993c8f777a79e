"""The picture of a comparison: score against time, the area of a point its memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segnet_tf.plots.charts import COLORS, GRID, INK, QUIET, Path, new_figure, plain_axes, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

_LARGEST_AREA = 1500.0  # of a point, in square points of 1/72 inch
_UNKNOWN = 0.05  # of that, for a point of unknown memory
# Where a label may stand: angles around its point, the nearest distance from its edge first.
_ANGLES = (0, 180, 90, 270, 35, 145, 215, 325)
_GAPS = (4.0, 14.0, 26.0, 40.0, 56.0)
# Times that differ more are shown on a logarithmic axis.
_LINEAR_RANGE = 6.0


@dataclass(frozen=True)
class Point:
    """A network in the picture.

    Attributes:
        name: its label.
        milliseconds: of an inference.
        megabytes: of its tensors; `None` if nobody knows.
        scores: panel -> score in percent; empty for one that is only timed, which gets a line.
    """

    name: str
    milliseconds: float
    megabytes: float | None
    scores: dict[str, float]


def tradeoff(points: Sequence[Point], panels: Sequence[str], note: str, out: Path) -> None:
    """Draws a panel for each split: mean IoU against time, each point with its name and memory.

    Args:
        points: the networks.
        panels: names of the splits.
        note: what was timed, below the title.
        out: the PNG to write.
    """
    figure = new_figure(6.6 * len(panels), 5.2)
    times = [point.milliseconds for point in points]
    largest = max((point.megabytes or 0.0 for point in points), default=0.0)
    # A label has its point's color: in a crowd it may stand nearer to another one.
    scored = [point.name for point in points if point.scores]
    colors = dict(zip(scored, itertools.cycle(COLORS), strict=False))
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        plain_axes(axes)
        axes.set_title(f"{panel}: mean IoU (%)", loc="left", color=INK, fontweight="bold")
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel("milliseconds for an image", color=QUIET, fontsize=9)
        if times and max(times) > _LINEAR_RANGE * min(times):
            _logarithmic(axes, times)
        axes.margins(0.22, 0.18)
        shown = [point for point in points if panel in point.scores]
        for point in shown:
            axes.scatter(
                point.milliseconds,
                point.scores[panel],
                s=_area(point, largest),
                color=colors[point.name],
                # Small ones over large ones.
                zorder=3 - (point.megabytes or 0.0) / (largest or 1.0),
                alpha=0.75,
                edgecolor="white",
                linewidth=1,
            )
        for point in points:
            if not point.scores:
                axes.axvline(point.milliseconds, color=QUIET, linewidth=1, linestyle=":")
    figure.suptitle(note, x=0.01, ha="left", fontsize=9, color=QUIET)
    # The layout decides where the points are, and so where their labels find room.
    figure.draw_without_rendering()
    for axes, panel in zip(figure.axes, panels, strict=True):
        _label(axes, points, panel, largest, colors)
    save(figure, out)


def _area(point: Point, largest: float) -> float:
    """Of a point in square points, so that the largest memory has `_LARGEST_AREA`."""
    return _LARGEST_AREA * (point.megabytes / largest if point.megabytes else _UNKNOWN)


def _logarithmic(axes: Axes, times: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _label(
    axes: Axes,
    points: Sequence[Point],
    panel: str,
    largest: float,
    colors: Mapping[str, str],
) -> None:
    """Writes each name where it covers no other label and no point."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    pixels = axes.figure.dpi / 72
    taken: list[Bbox] = []
    spots = []
    for point in points:
        if panel in point.scores:
            x, y = axes.transData.transform((point.milliseconds, point.scores[panel]))
            radius = math.sqrt(_area(point, largest) / math.pi) * pixels
            taken.append(Bbox.from_extents(x - radius, y - radius, x + radius, y + radius))
            spots.append((point, x, y, radius))
        elif not point.scores:
            # At the foot of its line.
            x, y = axes.transData.transform((point.milliseconds, axes.get_ylim()[0]))
            spots.append((point, x, y + 14 * pixels, 0.0))
    for point, x, y, radius in spots:
        text = axes.annotate(
            point.name + ("" if point.megabytes is None else f"\n{point.megabytes:.1f} MB"),
            (x, y),
            xycoords="figure pixels",
            textcoords="figure pixels",
            ha="center",
            va="center",
            fontsize=8,
            color=colors.get(point.name, QUIET),
            fontweight="bold",
            linespacing=1.1,
            arrowprops={
                "arrowstyle": "-",
                "color": colors.get(point.name, QUIET),
                "linewidth": 0.6,
                "shrinkB": radius / pixels,
            },
        )
        text.set_in_layout(False)
        box = _free_box(axes, Text.get_window_extent(text), (x, y, radius), taken, pixels)
        text.set_position(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        taken.append(box)


def _free_box(
    axes: Axes, text: Bbox, spot: tuple[float, float, float], taken: list[Bbox], pixels: float
) -> Bbox:
    """Where a label of that extent stands beside its point: the first place that is free."""
    from matplotlib.transforms import Bbox

    x, y, radius = spot
    width, height = text.width + 2 * pixels, text.height + 2 * pixels
    inside = axes.get_window_extent()
    first = None
    for gap, angle in itertools.product(_GAPS, _ANGLES):
        turn = math.radians(angle)
        reach = radius + gap * pixels
        center_x = x + math.cos(turn) * (reach + width / 2)
        center_y = y + math.sin(turn) * (reach + height / 2)
        box = Bbox.from_bounds(center_x - width / 2, center_y - height / 2, width, height)
        first = first or box
        whole = inside.x0 <= box.x0 and box.x1 <= inside.x1
        whole = whole and inside.y0 <= box.y0 and box.y1 <= inside.y1
        if whole and not any(box.overlaps(other) for other in taken):
            return box
    assert first is not None
    return first
