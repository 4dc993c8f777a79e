"""What stands in a synthetic road scene: a camera, a canvas, and objects in meters.

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
BRICKS = (
    (158, 96, 74), (136, 82, 66), (196, 160, 122), (214, 200, 172), (176, 138, 104),
    (186, 178, 166), (224, 212, 196), (168, 118, 96), (150, 150, 148), (206, 182, 140),
)  # fmt: skip
SLATES = ((92, 88, 92), (122, 76, 60), (104, 92, 84), (78, 82, 90))
LEAVES = ((66, 96, 46), (84, 112, 52), (52, 84, 50), (104, 112, 50), (128, 104, 46))
PAINTS = (
    (176, 36, 34), (34, 62, 122), (200, 202, 204), (40, 42, 46), (120, 124, 130),
    (232, 232, 228), (30, 92, 78), (196, 148, 44), (92, 28, 40), (88, 128, 168),
)  # fmt: skip
CLOTHES = (
    (170, 44, 50), (40, 58, 104), (58, 60, 64), (206, 196, 178), (36, 104, 96),
    (216, 168, 52), (110, 66, 110), (90, 110, 70), (230, 120, 60), (60, 130, 190),
)  # fmt: skip
SKINS = ((236, 196, 166), (206, 154, 118), (150, 102, 74), (104, 70, 52))


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


def building(c: Canvas, side: int, x: float, z0: float, z1: float, rng: Random) -> None:
    """A house beside the road from `z0` to `z1`, its front at `x` (meters, signed)."""
    storey = 2.7 + 0.6 * rng.random()
    floors = int(rng.integers(2, 6))
    height = floors * storey + 0.6
    color = pick(BRICKS, rng)
    face, end = c.facing(-side), 0.9
    roof, eaves = pick(SLATES, rng), height + 1.6 + 1.6 * rng.random()
    if floors < 4:
        at, ridge = c.at, x + side * 4.5
        c.polygon((at(x, height, z0), at(x, height, z1),
                   at(ridge, eaves, z1), at(ridge, eaves, z0)),
                  c.tone(roof, face, z0), BUILDING)  # fmt: skip
        c.polygon((at(x, height, z0), at(ridge, eaves, z0), at(x + side * 9, height, z0)),
                  c.tone(color, end, z0), BUILDING)  # fmt: skip
    c.front(x, x + side * 9, 0, height, z0, c.tone(color, end, z0), BUILDING)
    c.wall(x, z0, z1, 0, height, c.tone(color, face, z0), BUILDING)
    c.wall(x, z0, z1, height - 0.35, height, c.tone(color, face * 1.22, z0))
    shop = z0 < 45 and rng.random() < 0.4
    if shop:
        sign = c.tone(pick(PAINTS, rng), face, z0)
        c.wall(x, z0 + 0.3, z1 - 0.3, 0.5, 2.4, c.tone(GLASS, 1.0, z0))
        c.wall(x, z0 + 0.2, z1 - 0.2, 2.4, 3.0, sign)
        for i in range(1, 4):
            z = z0 + (z1 - z0) * i / 4
            c.wall(x, z - 0.12, z + 0.12, 0.0, 2.4, c.tone(color, face * 0.9, z0))
    if c.at.focal / z1 * storey < 7:
        return
    columns = max(1, int((z1 - z0) / (2.0 + 1.4 * rng.random())))
    pitch, width = (z1 - z0) / columns, 0.42 + 0.16 * rng.random()
    tall, frame = 0.46 + 0.16 * rng.random(), c.tone((226, 222, 212), face, z0)
    lit = rng.random((floors, columns))
    for floor in range(1 if shop else 0, floors):
        y0 = floor * storey + 0.26 * storey
        y1 = y0 + tall * storey
        for column in range(columns):
            a = z0 + (column + 0.5 - width / 2) * pitch
            b = a + width * pitch
            if floor == 0 and column == columns // 2:
                c.wall(x, a, b, 0, 2.2, c.tone(pick(PAINTS, rng), 0.8 * face, z0))
                continue
            pane = lit[floor, column]
            if c.light.lamps and pane < 0.35:
                glass = (255, 208, 128)
            else:
                glass = c.tone(GLASS, 0.75 + 0.7 * pane, z0)
            if z0 < 32:
                c.wall(x, a - 0.1, b + 0.1, y0 - 0.12, y1 + 0.08, frame)
            c.wall(x, a, b, y0, y1, glass)


def tree(c: Canvas, x: float, z: float, rng: Random, ground: float = 0.0) -> None:
    """A trunk and a crown of many leaves, lighter towards the sun."""
    scale = c.at.focal / z
    tall = 4.5 + 4.5 * rng.random()
    leaf, slim = pick(LEAVES, rng), 0.45 + 0.5 * rng.random()
    base, (mx, my) = c.at(x, ground, z), c.at(x, tall * 0.62, z)
    c.limb(base, (mx, my), (0.22 + 0.14 * rng.random()) * scale, c.tone((88, 70, 54), 1, z), TREE)
    ry = tall * 0.36 * scale
    rx = ry * (0.55 + slim * 0.6)
    for u, v, w in rng.random((14 if rx > 16 else 6, 3)).tolist():
        angle, r = u * 2 * math.pi, 0.68 * math.sqrt(v)
        size = 0.3 + 0.2 * w
        c.ellipse(mx + rx * r * math.cos(angle), my + ry * r * math.sin(angle),
                  rx * size, ry * size, c.tone(leaf, 0.62 + 0.2 * w, z), TREE)  # fmt: skip
    for u, v, w in rng.random((min(56, int(rx)), 3)).tolist():
        angle, r = u * 2 * math.pi, 0.8 * math.sqrt(v)
        dx, dy = r * math.cos(angle), r * math.sin(angle)
        gain = 0.92 + 0.5 * c.light.contrast * (dx * c.light.sun - dy) + 0.3 * (w - 0.5)
        size = 0.05 + 0.08 * w
        # Tufts at the rim belong to the tree, so they carry its label too.
        c.ellipse(mx + rx * dx, my + ry * dy, rx * size, ry * size, c.tone(leaf, gain, z), TREE)


def fence(c: Canvas, side: int, x: float, z0: float, z1: float, look: int, rng: Random) -> None:
    """Planks or railings along the road; parts with the same `look` belong together."""
    height, wood = 1.0 + (look % 9) * 0.09, look % 11 < 6
    planks = ((138, 104, 72), (166, 140, 108), (220, 216, 206))
    color = planks[look % 3] if wood else (58, 66, 70)
    face = c.facing(-side)
    c.wall(x, z0, z1, 0, height, c.tone(color, 0.82 * face if wood else 1.25, z0), FENCE)
    z = z0
    while z < z1 and c.at.focal / z > 8:
        step = 0.28 if wood else 0.22
        c.wall(x, z, min(z + step * (0.62 if wood else 0.3), z1), 0.05, height - 0.06,
               c.tone(color, (1.0 if wood else 0.8) * face, z))  # fmt: skip
        z += step * max(1.0, z / 9)
    c.wall(x, z0, z1, height - 0.1, height, c.tone(color, 1.15 * face, z0))
    if not wood:
        c.wall(x, z0, z1, 0.12, 0.22, c.tone(color, 0.8 * face, z0))
