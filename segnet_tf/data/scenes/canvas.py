"""The camera, the light and the canvas of a synthetic road scene.

Coordinates: X to the right and Y up from the road below the camera, Z ahead, in meters.
Every object takes the scene's random generator last. Label ids are CamVid's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw

from segnet_tf.data.camvid import CLASSES

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(
    len(CLASSES)
)
Color = tuple[float, float, float]
Ink = tuple[int, ...]  # red, green, blue as Pillow takes them
Random = np.random.Generator
Point = tuple[float, float]
Item = TypeVar("Item")

GLASS = (70, 84, 98)
PAINTS = (
    (176, 36, 34), (34, 62, 122), (200, 202, 204), (40, 42, 46), (120, 124, 130),
    (232, 232, 228), (30, 92, 78), (196, 148, 44), (92, 28, 40), (88, 128, 168),
)  # fmt: skip


def pick(options: Sequence[Item], rng: Random) -> Item:
    return options[int(rng.integers(len(options)))]


@dataclass(frozen=True)
class Light:
    """Colors of a moment of the day. `sun` is the side it stands on, -1 left or 1 right."""

    zenith: Color
    horizon: Color
    tint: Color
    sun: int
    contrast: float
    haze: float
    lamps: bool = False


@dataclass(frozen=True)
class Camera:
    """A pinhole at `height` meters over a road that bends with `curve` (1/m)."""

    focal: float
    centre: float
    horizon: float
    height: float
    curve: float

    def __call__(self, x: float, y: float, z: float) -> tuple[float, float]:
        scale = self.focal / z
        return self.centre + (x + self.curve * z * z) * scale, self.horizon + (
            self.height - y
        ) * scale


class Canvas:
    """An image and its label map, drawn together."""

    def __init__(self, width: int, height: int, camera: Camera, light: Light) -> None:
        self.image = Image.new("RGB", (width, height))
        self.labels = Image.new("L", (width, height), SKY)
        self.at = camera
        self.light = light
        self._ink = ImageDraw.Draw(self.image)
        self._tag = ImageDraw.Draw(self.labels)

    def tone(self, color: Color, gain: float = 1.0, z: float = 0.0) -> tuple[int, int, int]:
        """A color lit by the scene's light, fading into the horizon with distance."""
        # A loop would take a third of a scene's time: a scene has a thousand of these calls.
        clear, tint, far = math.exp(-z * self.light.haze), self.light.tint, self.light.horizon
        gain, fog = gain * clear, 1 - clear
        return (
            min(255, int(color[0] * gain * tint[0] + far[0] * fog)),
            min(255, int(color[1] * gain * tint[1] + far[1] * fog)),
            min(255, int(color[2] * gain * tint[2] + far[2] * fog)),
        )

    def facing(self, side: int) -> float:
        """Brightness of a surface that looks to the left (-1) or to the right (1)."""
        return 1 + 0.5 * self.light.contrast * side * self.light.sun

    def polygon(self, points: Sequence[Point], color: Ink, label: int | None = None) -> None:
        """Fills pixels; with `label` None they stay part of what is below."""
        self._ink.polygon(points, fill=color)
        if label is not None:
            self._tag.polygon(points, fill=label)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, color: Ink, label: int | None = None
    ) -> None:
        box = (x - rx, y - ry, x + rx, y + ry)
        self._ink.ellipse(box, fill=color)
        if label is not None:
            self._tag.ellipse(box, fill=label)

    def ring(
        self, x: float, y: float, rx: float, ry: float, color: Ink, width: float, label: int
    ) -> None:
        box = (x - rx, y - ry, x + rx, y + ry)
        self._ink.ellipse(box, outline=color, width=max(1, round(width)))
        self._tag.ellipse(box, fill=label)

    def limb(
        self, start: Point, end: Point, width: float, color: Ink, label: int | None = None
    ) -> None:
        line, width = (*start, *end), max(1, round(width))
        self._ink.line(line, fill=color, width=width)
        if label is not None:
            self._tag.line(line, fill=label, width=width)

    def wall(
        self,
        x: float,
        z0: float,
        z1: float,
        y0: float,
        y1: float,
        color: Ink,
        label: int | None = None,
    ) -> None:
        """A rectangle along the road, at `x` from `z0` to `z1`."""
        at = self.at
        self.polygon((at(x, y0, z0), at(x, y0, z1), at(x, y1, z1), at(x, y1, z0)), color, label)

    def front(
        self,
        x0: float,
        x1: float,
        y0: float,
        y1: float,
        z: float,
        color: Ink,
        label: int | None = None,
    ) -> None:
        """A rectangle across the road, at `z`."""
        at = self.at
        self.polygon((at(x0, y0, z), at(x1, y0, z), at(x1, y1, z), at(x0, y1, z)), color, label)

    def ground(
        self,
        x0: float,
        x1: float,
        z0: float,
        z1: float,
        color: Ink,
        label: int | None = None,
        y: float = 0.0,
    ) -> None:
        """A strip of the ground that follows the road's bend."""
        at, steps = self.at, 8 if z1 > 2 * z0 else 1
        depths = [z0 * (z1 / z0) ** (i / steps) for i in range(steps + 1)]
        left = [at(x0, y, z) for z in depths]
        right = [at(x1, y, z) for z in reversed(depths)]
        self.polygon(left + right, color, label)
