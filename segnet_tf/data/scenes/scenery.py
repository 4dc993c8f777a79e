"""Houses, trees and fences of a synthetic road scene; `canvas` has the units."""

from __future__ import annotations

import math

from segnet_tf.data.scenes.canvas import BUILDING, FENCE, GLASS, PAINTS, TREE, Canvas, Random, pick

BRICKS = (
    (158, 96, 74), (136, 82, 66), (196, 160, 122), (214, 200, 172), (176, 138, 104),
    (186, 178, 166), (224, 212, 196), (168, 118, 96), (150, 150, 148), (206, 182, 140),
)  # fmt: skip
SLATES = ((92, 88, 92), (122, 76, 60), (104, 92, 84), (78, 82, 90))
LEAVES = ((66, 96, 46), (84, 112, 52), (52, 84, 50), (104, 112, 50), (128, 104, 46))


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
