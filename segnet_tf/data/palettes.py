"""Ids and colors in one mask: which it uses, and whether its palette says something else."""

from __future__ import annotations

import numpy as np

from segnet_tf.data.classes import Color
from segnet_tf.data.masks import StoredMask

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def distinct(values: np.ndarray) -> set[int]:
    if values.dtype == np.uint8:
        return set(np.flatnonzero(np.bincount(values.ravel(), minlength=256)).tolist())
    return set(np.unique(values).tolist())


def is_gray(mask: StoredMask) -> bool:
    first = mask.values[..., :1]
    return bool((mask.values == first).all())


def used_colors(mask: StoredMask) -> dict[int, Color]:
    """Index -> its color, for the indices that a palette image uses."""
    assert mask.palette is not None
    colors = {}
    for index in distinct(mask.values):
        # A file may leave the end of its palette out.
        red, green, blue = mask.palette[index].tolist() if index < len(mask.palette) else BLACK
        colors[index] = (red, green, blue)
    return colors


def grays(used: dict[int, Color]) -> dict[int, Color]:
    return {index: color for index, color in used.items() if color in (BLACK, WHITE)}


def gray_values(used: dict[int, Color]) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    for index, color in used.items():
        table[index] = color[0]
    return table


def conflict(
    used: dict[int, Color], by_id: dict[int, int], by_color: dict[Color, int]
) -> tuple[int, Color] | None:
    """An index whose color is that of another class, and a color that is no class's."""
    if len(set(used.values())) != len(used):
        return None  # a palette that tells nothing apart
    for index, color in used.items():
        if color in by_color and by_color[color] != by_id.get(index):
            return index, next((c for c in used.values() if c not in by_color), color)
    return None
