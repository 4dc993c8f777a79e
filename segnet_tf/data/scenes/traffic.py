"""What moves or stands at the kerb of a synthetic road scene; `canvas` has the units."""

from __future__ import annotations

import math

from segnet_tf.data.classes import VOID
from segnet_tf.data.scenes.canvas import (
    BICYCLIST,
    CAR,
    GLASS,
    PAINTS,
    PEDESTRIAN,
    POLE,
    SIGN,
    Canvas,
    Random,
    pick,
)

CLOTHES = (
    (170, 44, 50), (40, 58, 104), (58, 60, 64), (206, 196, 178), (36, 104, 96),
    (216, 168, 52), (110, 66, 110), (90, 110, 70), (230, 120, 60), (60, 130, 190),
)  # fmt: skip
SKINS = ((236, 196, 166), (206, 154, 118), (150, 102, 74), (104, 70, 52))


def car(c: Canvas, x: float, z: float, oncoming: bool, rng: Random) -> None:
    """A car, or one in six a van, whose near end is at `z` and whose middle is at `x`."""
    van = rng.random() < 0.16
    paint = pick(PAINTS, rng)
    half, long = 0.86 + 0.08 * rng.random(), (4.9 if van else 3.9 + 0.6 * rng.random())
    belt, top = (1.15, 2.1) if van else (0.86 + 0.08 * rng.random(), 1.4 + 0.1 * rng.random())
    back, end = z, z + long
    # The cabin: where its glass meets the belt and the roof, from the near end.
    low = (0.05, long - 0.9) if van else (0.25 if not oncoming else 1.1, long - 1.1)
    high = (0.15, long - 1.5) if van else (0.85 if not oncoming else 1.8, long - 1.7)
    inner = half * (0.95 if van else 0.8)
    at = c.at
    side = -1 if x + at.curve * z * z > 0 else 1  # The side that the camera sees.
    lit, shade = c.facing(side), 0.86
    body, flank = c.tone(paint, shade, z), c.tone(paint, lit * 0.92, z)
    glass = c.tone(GLASS, 0.72, z)

    c.polygon([at(x - half - 0.12, 0, back - 0.1), at(x + half + 0.12, 0, back - 0.1),
               at(x + half + 0.12, 0, end), at(x - half - 0.12, 0, end)],
              c.tone((40, 40, 44), 0.8, z))  # fmt: skip
    s = x + side * half
    i = x + side * inner
    # Far side first, then roof, near flank, near end.
    c.polygon((at(x - half, belt, back + low[0]), at(x + half, belt, back + low[0]),
               at(x + inner, top, back + high[0]), at(x + inner, top, back + high[1]),
               at(x - inner, top, back + high[1]), at(x - inner, top, back + high[0])),
              body, CAR)  # fmt: skip
    c.wall(s, back, end, 0.22, belt, flank, CAR)
    c.polygon((at(s, belt, back + low[0]), at(s, belt, back + low[1]), at(i, top, back + high[1]),
               at(i, top, back + high[0])), flank, CAR)  # fmt: skip
    for a, b in ((0.08, 0.46), (0.54, 0.94)):
        lows = [back + low[0] + (low[1] - low[0]) * t for t in (a, b)]
        highs = [back + high[0] + (high[1] - high[0]) * t for t in (a, b)]
        c.polygon((at(s, belt + 0.05, lows[0]), at(s, belt + 0.05, lows[1]),
                   at(i, top - 0.1, highs[1]), at(i, top - 0.1, highs[0])), glass)  # fmt: skip
    for wheel in (back + 0.75, end - 0.75):
        wx, wy = at(s, 0.31, wheel)
        depth = abs(at(s, 0, wheel - 0.32)[0] - at(s, 0, wheel + 0.32)[0]) / 2
        rise = 0.32 * at.focal / wheel
        c.ellipse(wx, wy, max(depth, 1), rise, c.tone((30, 30, 32), 1, z), CAR)
        c.ellipse(wx, wy, depth * 0.55, rise * 0.55, c.tone((150, 152, 156), lit, z))
    c.front(x - half, x + half, 0.26, belt, back, body, CAR)
    c.front(x - half, x + half, belt - 0.12, belt, back, c.tone(paint, shade * 1.15, z))
    c.polygon((at(x - half, belt, back), at(x + half, belt, back),
               at(x + half, belt, back + low[0]),
               at(x - half, belt, back + low[0])), c.tone(paint, 1.12, z), CAR)  # fmt: skip
    c.polygon((at(x - half * 0.97, belt, back + low[0]), at(x + half * 0.97, belt, back + low[0]),
               at(x + inner, top, back + high[0]), at(x - inner, top, back + high[0])),
              body, CAR)  # fmt: skip
    c.polygon((at(x - half * 0.86, belt + 0.04, back + low[0]),
               at(x + half * 0.86, belt + 0.04, back + low[0]),
               at(x + inner * 0.88, top - 0.09, back + high[0]),
               at(x - inner * 0.88, top - 0.09, back + high[0])), glass)  # fmt: skip
    c.front(x - half, x + half, 0.26, 0.42, back, c.tone((54, 54, 58), 1, z))
    glow = (255, 246, 214) if oncoming else (196, 30, 26)
    lamp = glow if c.light.lamps else c.tone(glow, 0.95, z)
    for edge in (-1, 1):
        inset = (x + edge * half * 0.96, x + edge * half * 0.66)
        c.front(min(inset), max(inset), belt - 0.34, belt - 0.16, back, lamp)
    plate = (236, 236, 230) if oncoming else (232, 196, 70)
    c.front(x - 0.26, x + 0.26, 0.46, 0.58, back, c.tone(plate, 0.9, z))
    for edge in (-1, 1):
        foot = (x + edge * half * 0.98, x + edge * half * 0.74)
        c.front(min(foot), max(foot), 0.0, 0.3, back, c.tone((28, 28, 30), 1, z), CAR)


def pedestrian(c: Canvas, x: float, z: float, rng: Random) -> None:
    """Someone walking: legs, coat, arms, head, now and then a bag."""
    tall = 1.5 + 0.38 * rng.random()
    coat, legs, skin = pick(CLOTHES, rng), pick(CLOTHES[1:3], rng), pick(SKINS, rng)
    stride, lean = 0.06 + 0.2 * rng.random(), (rng.random() - 0.5) * 0.1
    k = c.at.focal / z
    x0, y0 = c.at(x, 0, z)

    def p(dx: float, y: float) -> tuple[float, float]:
        return x0 + dx * k, y0 - y * tall * k

    trousers, jacket = c.tone(legs, 0.9, z), c.tone(coat, 0.95, z)
    c.ellipse(x0, y0, 0.34 * k, 0.06 * k, c.tone((56, 54, 56), 0.9, z))
    for foot in (-stride, stride):
        c.limb(p(foot, 0.01), p(foot * 0.3, 0.5), 0.16 * k, trousers, PEDESTRIAN)
        c.limb(p(foot - 0.02, 0.015), p(foot + 0.1, 0.015), 0.07 * k, c.tone((36, 32, 32), 1, z),
               PEDESTRIAN)  # fmt: skip
    c.polygon((p(-0.19, 0.44), p(0.19, 0.44), p(0.23 + lean, 0.8), p(0.1 + lean, 0.85),
               p(-0.1 + lean, 0.85), p(-0.23 + lean, 0.8)), jacket, PEDESTRIAN)  # fmt: skip
    lit = c.tone(coat, 1.2, z)
    flank = 0.2 * c.light.sun
    c.limb(p(flank, 0.48), p(flank + lean, 0.79), 0.06 * k, lit)
    for arm, swing in ((-0.24, stride * 0.7), (0.24, -stride * 0.7)):
        c.limb(p(arm + lean, 0.79), p(arm + swing, 0.5), 0.1 * k, jacket, PEDESTRIAN)
    if rng.random() < 0.35:
        c.polygon((p(0.2, 0.34), p(0.4, 0.34), p(0.4, 0.48), p(0.2, 0.48)),
                  c.tone(pick(CLOTHES, rng), 0.9, z), PEDESTRIAN)  # fmt: skip
    hx, hy = p(lean, 0.925)
    c.ellipse(hx, hy, 0.105 * k, 0.135 * k, c.tone(skin, 1, z), PEDESTRIAN)
    c.ellipse(hx, hy - 0.05 * k, 0.11 * k, 0.09 * k,
              c.tone(pick(((44, 34, 28), (104, 74, 46), (170, 150, 120)), rng), 1, z),
              PEDESTRIAN)  # fmt: skip


def bicyclist(c: Canvas, x: float, z: float, rng: Random) -> None:
    """A rider at any angle between rear view and side view."""
    turn = rng.random() ** 1.3
    way = -1 if rng.random() < 0.5 else 1
    shirt, skin = pick(CLOTHES, rng), pick(SKINS, rng)
    k = c.at.focal / z
    x0, y0 = c.at(x, 0, z)
    spread = 0.52 * turn * way

    def p(dx: float, y: float) -> tuple[float, float]:
        return x0 + dx * k, y0 - y * k

    dark, steel = c.tone((32, 32, 36), 1, z), c.tone(pick(PAINTS, rng), 1.05, z)
    c.ellipse(x0, y0, (0.25 + 0.5 * turn) * k, 0.06 * k, c.tone((56, 54, 56), 0.9, z))
    for hub in (-spread, spread):
        hx, hy = p(hub, 0.34)
        c.ring(hx, hy, max(0.05, 0.34 * turn) * k, 0.34 * k, dark, 0.07 * k, BICYCLIST)
    hip, bar, pedal = p(-0.42 * spread, 0.98), p(0.8 * spread, 1.0), p(0.0, 0.32)
    neck, head = p(0.22 * spread, 1.48), p(0.34 * spread, 1.66)
    for a, b in ((p(-spread, 0.34), pedal), (pedal, bar), (hip, pedal), (p(spread, 0.34), bar),
                 (p(-spread, 0.34), hip)):  # fmt: skip
        c.limb(a, b, 0.06 * k, steel, BICYCLIST)
    wide = 0.2 * (1 - turn)
    c.limb(p(0.8 * spread - wide * 1.3, 1.02), p(0.8 * spread + wide * 1.3, 1.02), 0.05 * k, dark,
           BICYCLIST)  # fmt: skip
    trousers = c.tone(pick(CLOTHES[1:4], rng), 0.9, z)
    lift = 0.2 * rng.random()
    for leg, drop in ((-1, lift), (1, 0.2 - lift)):
        knee = p(0.3 * spread + leg * wide * 0.7, 0.66 + drop)
        c.limb((hip[0] + leg * wide * 0.4 * k, hip[1]), knee, 0.16 * k, trousers, BICYCLIST)
        c.limb(knee, p(leg * wide * 0.6, 0.2 + drop), 0.12 * k, trousers, BICYCLIST)
    torso, broad = c.tone(shirt, 1, z), (0.13 + 0.08 * (1 - turn)) * k
    c.polygon(((hip[0] - broad * 0.8, hip[1]), (hip[0] + broad * 0.8, hip[1]),
               (neck[0] + broad * 1.1, neck[1] + 0.05 * k), (neck[0] + broad * 0.4, neck[1]),
               (neck[0] - broad * 0.4, neck[1]), (neck[0] - broad * 1.1, neck[1] + 0.05 * k)),
              torso, BICYCLIST)  # fmt: skip
    for arm in (-1, 1):
        c.limb((neck[0] + arm * broad, neck[1] + 0.08 * k),
               (bar[0] + arm * wide * k * 1.2, bar[1]), 0.1 * k, torso, BICYCLIST)  # fmt: skip
    c.ellipse(*head, 0.11 * k, 0.13 * k, c.tone(skin, 1, z), BICYCLIST)
    c.ellipse(head[0], head[1] - 0.06 * k, 0.13 * k, 0.085 * k, c.tone(pick(PAINTS, rng), 1.1, z),
              BICYCLIST)  # fmt: skip


def lamp_post(c: Canvas, side: int, x: float, z: float, rng: Random) -> None:
    """A street lamp that reaches over the road."""
    tall, k = 5.5 + 2.5 * rng.random(), c.at.focal / z
    color = c.tone(pick(((96, 100, 102), (64, 74, 70), (134, 136, 134)), rng), 1, z)
    foot, top = c.at(x, 0, z), c.at(x, tall, z)
    c.limb(foot, c.at(x, 1.0, z), 0.22 * k, color, POLE)
    c.limb(foot, top, 0.15 * k, color, POLE)
    arm = c.at(x - side * 1.2, tall + 0.3, z)
    c.limb(top, arm, 0.1 * k, color, POLE)
    glow = (255, 226, 160) if c.light.lamps else c.tone((214, 214, 208), 1, z)
    c.ellipse(*arm, 0.3 * k, 0.1 * k, glow, POLE)


def traffic_light(c: Canvas, x: float, z: float, rng: Random) -> None:
    k = c.at.focal / z
    c.limb(c.at(x, 0, z), c.at(x, 2.3, z), 0.14 * k, c.tone((70, 74, 76), 1, z), POLE)
    c.front(x - 0.26, x + 0.26, 2.2, 3.3, z, c.tone((30, 32, 34), 1, z), SIGN)
    on = int(rng.integers(3))
    for i, color in enumerate(((60, 210, 120), (250, 180, 50), (240, 50, 40))):
        lamp = color if i == on else tuple(v // 4 for v in color)
        c.ellipse(*c.at(x, 2.4 + 0.34 * i, z), 0.13 * k, 0.13 * k, lamp)


def road_sign(c: Canvas, x: float, z: float, rng: Random) -> None:
    """A disc, a triangle or a board on a pole."""
    tall, k = 2.1 + 0.5 * rng.random(), c.at.focal / z
    size = 0.36 + 0.14 * rng.random()
    c.limb(c.at(x, 0, z), c.at(x, tall, z), 0.13 * k, c.tone((124, 128, 130), 1, z), POLE)
    cx, cy = c.at(x, tall, z)
    red, white = c.tone((204, 36, 40), 1, z), c.tone((240, 240, 236), 1, z)
    blue, dark = c.tone((28, 84, 170), 1.05, z), c.tone((40, 40, 44), 1, z)
    r, kind = size * k, int(rng.integers(5))
    if kind == 0:
        c.ellipse(cx, cy, r, r, red, SIGN)
        c.ellipse(cx, cy, r * 0.72, r * 0.72, white)
        c.limb((cx - r * 0.25, cy + r * 0.4), (cx - r * 0.25, cy - r * 0.4), r * 0.2, dark)
        c.ellipse(cx + r * 0.25, cy, r * 0.22, r * 0.36, dark)
    elif kind == 1:
        c.ellipse(cx, cy, r, r, red, SIGN)
        c.polygon(((cx - r * 0.66, cy - r * 0.18), (cx + r * 0.66, cy - r * 0.18),
                   (cx + r * 0.66, cy + r * 0.18), (cx - r * 0.66, cy + r * 0.18)),
                  white)  # fmt: skip
    elif kind == 2:
        c.ellipse(cx, cy, r, r, blue, SIGN)
        c.limb((cx - r * 0.4, cy + r * 0.4), (cx + r * 0.3, cy - r * 0.3), r * 0.26, white)
        c.ellipse(cx + r * 0.34, cy - r * 0.34, r * 0.24, r * 0.24, white)
    elif kind == 3:
        for q, color, label in ((1.15, red, SIGN), (0.7, white, None)):
            c.polygon([(cx + q * r * math.sin(a), cy - q * r * math.cos(a))
                       for a in (0, 2.094, 4.189)], color, label)  # fmt: skip
        c.limb((cx, cy - r * 0.25), (cx, cy + r * 0.15), r * 0.16, dark)
    else:
        board = pick((blue, c.tone((24, 108, 72), 1.1, z), white), rng)
        c.front(x - size * 1.8, x + size * 1.8, tall - size * 0.7, tall + size, z, board, SIGN)
        for row, long in ((0.55, 1.3), (-0.05, 0.8)):
            c.front(x - size * 1.5, x - size * 1.5 + long * size * 2, tall + size * (row - 0.12),
                    tall + size * (row + 0.16), z, dark if board == white else white)  # fmt: skip


def litter(c: Canvas, x: float, z: float, rng: Random) -> None:
    """A bin or a cone: CamVid labels such things void."""
    k = c.at.focal / z
    fx, fy = c.at(x, 0, z)
    if rng.random() < 0.5:
        c.front(x - 0.27, x + 0.27, 0, 1.0, z, c.tone((46, 62, 54), 1, z), VOID)
        c.front(x - 0.31, x + 0.31, 0.9, 1.08, z, c.tone((62, 78, 68), 1.1, z), VOID)
    else:
        c.polygon(((fx - 0.24 * k, fy), (fx + 0.24 * k, fy), (fx, fy - 0.8 * k)),
                  c.tone((232, 104, 38), 1.05, z), VOID)  # fmt: skip
        c.front(x - 0.12, x + 0.12, 0.3, 0.46, z, c.tone((240, 240, 236), 1, z))
