"""What the values of a data set's masks mean, decided once for all of its masks.

A class file names the classes, but masks can store them in several ways: ids, 0 and 255 for two
classes, class colors, or indices into a palette that holds those colors. A sample of the masks
decides, never a single one; a mask that contradicts the decision later is an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.classes import VOID, Classes, Color
from segnet_tf.data.images import LOOKED_AT, spread
from segnet_tf.data.masks import StoredMask, from_colors, read_mask, relabel
from segnet_tf.data.palettes import (
    BLACK,
    WHITE,
    conflict,
    distinct,
    gray_values,
    grays,
    is_gray,
    used_colors,
)
from segnet_tf.errors import UserError

# Color 255 of Pascal VOC's palette, which marks the borders of its objects.
_VOC_VOID = (224, 224, 192)
_BINARY = {0: 0, VOID: 1}


@dataclass(frozen=True)
class Meaning:
    """How stored masks become labels.

    Attributes:
        by_id: stored id -> class id or `VOID`.
        by_color: stored color -> class id or `VOID`; empty if masks hold no colors.
        palette: what a palette image is read by: "index", "color" of the class file, or "gray",
            its black and white.
        where: the class file, for messages.
    """

    classes: Classes
    by_id: dict[int, int]
    by_color: dict[Color, int] = field(default_factory=dict)
    palette: str = "index"
    where: Path | None = None

    def labels(self, mask: StoredMask, path: Path) -> np.ndarray:
        """uint8 labels `(H, W)` of a mask read from `path`.

        Raises:
            UserError: it holds a value that has no meaning, or contradicts the others.
        """
        if mask.is_color and (self.by_color or not is_gray(mask)):
            return from_colors(mask.values, self.by_color, path)
        values = mask.values[..., 0] if mask.is_color else mask.values
        if mask.palette is not None:
            used = used_colors(mask)
            if self.palette == "color":
                return relabel(values, self._labels_of(used, path), path)
            if self.palette == "gray" and used.items() <= grays(used).items():
                values = np.take(gray_values(used), values)
            elif clash := conflict(used, self.by_id, self.by_color):
                raise _contradiction(clash, path, self.where)
        self._require_no_contradiction(values, path)
        return relabel(values, self.by_id, path)

    def _labels_of(self, used: dict[int, Color], path: Path) -> dict[int, int]:
        known = {index: self.by_color[c] for index, c in used.items() if c in self.by_color}
        if self.by_id.get(VOID) == VOID:
            known.setdefault(VOID, VOID)
        for index, color in used.items():
            if index not in known:
                raise UserError(
                    "a mask must hold the colors of the class file only. Received: color "
                    f"{color} of index {index} in the palette of {path}. "
                    "Correct the mask or add the color."
                )
        return known

    def _require_no_contradiction(self, values: np.ndarray, path: Path) -> None:
        if self.by_id == _BINARY and ((values != 0) & (values != VOID)).any():
            odd = int(values[(values != 0) & (values != VOID)][0])
            raise UserError(
                "masks of two classes must all hold 0 and 255, or all class ids. "
                f"Received: {odd} in {path}, where the masks looked at hold 0 and 255 only. "
                f"Correct the mask, or give each class its id in {self.where}."
            )
        if len(self.classes) == 2 and VOID not in self.by_id and (values == VOID).any():
            raise _ambiguous("0, 1 and 255", self.classes, path, self.where)


def decide(legend: ClassFile, masks: Sequence[Path]) -> Meaning:
    """The meaning of a data set's masks.

    Args:
        legend: what the class file says.
        masks: all masks of all splits; at most `LOOKED_AT` of them are read.

    Raises:
        UserError: two meanings are possible; the message names both ways out.
    """
    looked_at = _Evidence(legend)
    chosen = spread(masks, LOOKED_AT)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, mask in zip(chosen, pool.map(_read_whole, chosen), strict=True):
            if mask is not None:
                looked_at.add(mask, path)
    by_id = dict(legend.by_id)
    palette = looked_at.palette_use()
    values = looked_at.values | looked_at.palette_values(palette)
    colors = legend.by_color.items()
    gray_colors = {color[0]: label for color, label in colors if len(set(color)) == 1}
    if values and values <= gray_colors.keys() and not values <= by_id.keys() - {VOID}:
        by_id = gray_colors
    elif by_id.get(VOID) == VOID and VOID not in legend.void_ids:
        _judge_255(legend, values, looked_at, by_id)
    return Meaning(legend.classes, by_id, legend.by_color, palette, legend.path)


def _judge_255(
    legend: ClassFile, values: set[int], looked_at: _Evidence, by_id: dict[int, int]
) -> None:
    """Changes `by_id` where 255 is no void; `UserError` where that cannot be told.

    Void by habit, not by the class file: in masks of two classes it is as often the foreground.
    """
    two = len(legend.classes) == 2 and not legend.has_ids and not legend.has_void
    if looked_at.voc_void:
        return
    if VOID not in values:
        if two:
            del by_id[VOID]  # a 255 in a later mask is then an error
    elif values <= _BINARY.keys():
        if not two or legend.classes.names[1].lower() == "background":
            raise _ambiguous("0 and 255 only", legend.classes, looked_at.first_255, legend.path)
        by_id.clear()
        by_id.update(_BINARY)
    elif two:
        raise _ambiguous("0, 1 and 255", legend.classes, looked_at.first_255, legend.path)


class _Evidence:
    """What a sample of the masks holds."""

    def __init__(self, legend: ClassFile) -> None:
        self.legend = legend
        self.values: set[int] = set()  # of masks without a palette
        self.palettes: dict[Path, dict[int, Color]] = {}
        self.first_255: Path | None = None

    def add(self, mask: StoredMask, path: Path) -> None:
        if mask.is_color and (self.legend.by_color or not is_gray(mask)):
            return
        values = mask.values[..., 0] if mask.is_color else mask.values
        found = distinct(values)
        if mask.palette is None:
            self.values |= found
        else:
            self.palettes[path] = used_colors(mask)
        if self.first_255 is None and VOID in found:
            self.first_255 = path

    @property
    def voc_void(self) -> bool:
        return any(used.get(VOID) == _VOC_VOID for used in self.palettes.values())

    def palette_use(self) -> str:
        """What palette images are read by, see `Meaning`."""
        legend = self.legend
        used = {color for colors in self.palettes.values() for color in colors.values()}
        used -= {c[VOID] for c in self.palettes.values() if VOID in c and c[VOID] == _VOC_VOID}
        one_to_one = all(len(set(c.values())) == len(c) for c in self.palettes.values())
        if used and legend.by_color and one_to_one:
            if used <= legend.by_color.keys():
                return "color"
            for path, colors in self.palettes.items():
                if clash := conflict(colors, legend.by_id, legend.by_color):
                    raise _contradiction(clash, path, legend.path)
        elif used and len(legend.classes) == 2 and not legend.has_ids and used <= {BLACK, WHITE}:
            return "gray"
        return "index"

    def palette_values(self, use: str) -> set[int]:
        """The values that palette images bring, if they are read by `use`."""
        if use == "color":
            return set()
        if use == "gray":
            return {color[0] for colors in self.palettes.values() for color in colors.values()}
        return {index for colors in self.palettes.values() for index in colors}


def _read_whole(path: Path) -> StoredMask | None:
    """None for a damaged file, which reading all of them reports."""
    try:
        return read_mask(path)
    except UserError:
        return None


def _contradiction(clash: tuple[int, Color], path: Path | None, where: Path | None) -> UserError:
    index, color = clash
    return UserError(
        "the palette of a mask must hold the colors of the class file, or none of them on another "
        f"id. Received: index {index} has the color of another class, and {color} is in the "
        f"palette of {path}. Add that color to {where}, or take the colors out of it to read "
        "indices."
    )


def _ambiguous(values: str, classes: Classes, path: Path | None, where: Path | None) -> UserError:
    name = classes.names[-1]
    return UserError(
        "a mask value of 255 must be void or a class, and the class file must say which. "
        f"Received: values {values} ({path}) for {len(classes)} classes in {where}. Add the line "
        f'"255 void" there, or give each class its id, {name!r} or another one the id 255.'
    )
