"""What a check of a data set found, and the lines that say so on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segnet_tf.data.census import Census
from segnet_tf.data.classes import Classes

PICTURES = 4
_SHOWN = 20


@dataclass(frozen=True)
class Picture:
    """A pair to look at.

    Attributes:
        name: split and name of the pair.
        image: RGB uint8 `(H, W, 3)`.
        labels: uint8 `(H, W)`, class ids and 255 = void.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class SplitReport:
    """What one split holds.

    Attributes:
        pairs: how many pairs there are, damaged ones too.
        sizes: `(width, height)` of the images -> how many.
        modes: Pillow's mode of image and mask, e.g. `("RGB", "P")` -> how many.
        census: pixels of each class; None if no mask can be read.
    """

    name: str
    pairs: int
    sizes: dict[tuple[int, int], int]
    modes: dict[tuple[str, str], int]
    census: Census | None


@dataclass(frozen=True)
class DataReport:
    """What `check_data` found.

    Attributes:
        layout: name of the layout, and what it looks like.
        classes: None if the class file cannot be read.
        problems: an error text for each file or setting that training would refuse, all of them.
        remarks: what looks wrong and can be trained on all the same, with what mends it.
        pictures: at most `PICTURES` pairs to look at.
    """

    directory: str | Path
    layout: tuple[str, str]
    classes: Classes | None
    splits: tuple[SplitReport, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    pictures: tuple[Picture, ...]

    def text(self) -> str:
        """The report in lines for a terminal."""
        return _text(self)


def _text(report: DataReport) -> str:
    """Facts of each split, the shares of the classes, problems and remarks."""
    lines = [
        f"data      {report.directory}",
        f"layout    {report.layout[0]}: {report.layout[1]}",
    ]
    for split in report.splits:
        sizes = {f"{width}x{height}": count for (width, height), count in split.sizes.items()}
        modes = {f"image {a}, mask {b}": count for (a, b), count in split.modes.items()}
        lines.append(f"{split.name:<9} {split.pairs} pairs; {_most(sizes)}; {_most(modes)}")
    lines += _shares(report)
    lines += _listed("problems", report.problems)
    lines += _listed("looks wrong", report.remarks)
    if not report.problems and not report.remarks:
        lines.append("nothing looks wrong")
    return "\n".join(lines)


def _most(counts: Mapping[str, int]) -> str:
    """The most frequent of them with their counts, e.g. "480x360" or "480x360 (9), 64x64 (1)"."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    if len(ordered) == 1:
        return ordered[0][0]
    shown = ", ".join(f"{name} ({count})" for name, count in ordered[:3])
    return (shown or "none readable") + f" and {len(ordered) - 3} more" * (len(ordered) > 3)


def _shares(report: DataReport) -> list[str]:
    """A table: a row a class, a column a split, in percent of the pixels that aren't void."""
    counted = [(split.name, split.census) for split in report.splits if split.census]
    if report.classes is None or not counted:
        return []
    width = max(len(name) for name in ("class", *report.classes.names))
    lines = ["", f"{'class':<{width}}" + "".join(f"  {name:>10}" for name, _ in counted)]
    for index, name in enumerate(report.classes.names):
        cells = "".join(f"  {100 * census.shares[index]:>8.2f} %" for _, census in counted)
        lines.append(f"{name:<{width}}{cells}")
    if any(census.void for _, census in counted):
        cells = "".join(f"  {100 * census.void_share:>8.2f} %" for _, census in counted)
        lines.append(f"{'void':<{width}}{cells}")
    return lines


def _listed(title: str, texts: Sequence[str]) -> list[str]:
    if not texts:
        return []
    more = [f"  and {len(texts) - _SHOWN} more"] * (len(texts) > _SHOWN)
    return ["", f"{title} ({len(texts)})", *(f"- {text}" for text in texts[:_SHOWN]), *more]
