"""What the ids of a label map mean: class names, their colors, and void."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from segnet_tf.errors import UserError, printable

# Readers change each data set's own void to this id. It is the largest uint8, so it is never the
# id of a class: there are at most 255 classes, 0 to 254.
VOID = 255

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, in order of their ids 0..n-1. Void is not among them.

    Args:
        names: one name a class, all different, 1 to 255 of them.
        colors: one `(red, green, blue)` in 0..255 a class.

    Raises:
        UserError: a count, a name or a color is against these rules.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= VOID:
            raise UserError(
                f"`names` must hold 1 to {VOID} classes. Received: {len(self.names)} names. "
                "Name every class once and leave void out."
            )
        if len(self.colors) != len(self.names):
            raise UserError(
                "`colors` must hold one color a class. "
                f"Received: {len(self.colors)} colors for {len(self.names)} names. "
                "Give a color for each class, or none and use `default_colors`."
            )
        for name in self.names:
            if not isinstance(name, str) or name != printable(name) or len(name.splitlines()) > 1:
                raise UserError(
                    "`names` must be texts of one line without control characters. "
                    f"Received: {name!r}. Rename the class."
                )
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise UserError(
                f"`names` must all be different. Received: {repeated[0]!r} more than once. "
                "Rename one of the classes."
            )
        for name, color in zip(self.names, self.colors, strict=True):
            if len(color) != 3 or not all(0 <= part <= 255 for part in color):
                raise UserError(
                    "`colors` must be (red, green, blue) in 0..255. "
                    f"Received: {tuple(color)} for class {name!r}. Correct that color."
                )

    def __len__(self) -> int:
        return len(self.names)

    def palette(self) -> np.ndarray:
        """Color of every uint8 label: uint8 `(256, 3)`; void and unused ids are black."""
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(self)] = self.colors
        return palette


def colorize(labels: np.ndarray, classes: Classes) -> np.ndarray:
    """Paints a label map.

    Args:
        labels: integer `(H, W)`, class ids or `VOID`.

    Returns:
        uint8 `(H, W, 3)`; void is black.
    """
    return classes.palette()[np.asarray(labels, np.uint8)]


def default_colors(count: int) -> tuple[Color, ...]:
    """`count` colors that are easy to tell apart, none of them black (void's color)."""
    colors = []
    for i in range(count):
        # Steps of the golden ratio spread hues evenly for any count.
        hue = (0.58 + i * 0.618034) % 1.0
        red, green, blue = colorsys.hsv_to_rgb(hue, (0.75, 0.5)[i % 2], (0.9, 0.7, 0.5)[i % 3])
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colors)
