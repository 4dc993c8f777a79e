"""Sky, ground and camera effects of a synthetic road scene."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from segnet_tf.data.classes import VOID
from segnet_tf.data.scenes.canvas import (
    BUILDING,
    PAVEMENT,
    ROAD,
    SKY,
    TREE,
    Canvas,
    Light,
    Random,
    pick,
)

FAR, NEAR = 110.0, 1.3  # How much of the street is drawn, meters ahead.

DASHES = ((2.0, 4.0), (3.0, 3.0), (60.0, 1.0))  # Metres painted, meters left out.

# Grain of a surface, in grey levels: leaves and asphalt are rougher than sky and paint.
_GRAIN = np.full(256, 2.5, np.float32)
_GRAIN[[SKY, BUILDING, ROAD, PAVEMENT, TREE]] = (1.0, 3.5, 4.5, 4.0, 6.0)


def draw_sky(c: Canvas, rng: Random) -> None:
    width, height = c.image.size
    horizon = max(2, int(c.at.horizon) + 4)
    blend = np.linspace(0, 1, horizon, dtype=np.float32)[:, None] ** 0.8
    rows = np.array(c.light.zenith) * (1 - blend) + np.array(c.light.horizon) * blend
    sky = np.repeat(rows[:, None, :], width // 4, axis=1)[::4]
    coarse = (width // 4, len(sky))
    cloud = np.zeros(coarse[::-1], np.float32)
    for cells, weight in ((5, 0.6), (11, 0.3), (23, 0.15)):
        grid = Image.fromarray(rng.random((cells // 2 + 2, cells), np.float32))
        cloud += weight * np.asarray(grid.resize(coarse, Image.Resampling.BICUBIC))
    cover = np.clip((cloud - 0.72 + 0.4 * rng.random()) * 3, 0, 0.8)[:, :, None]
    white = np.minimum(255, np.array(c.light.horizon) * 1.06 + 8)
    sky = np.clip(sky * (1 - cover) + white * cover, 0, 255).astype(np.uint8)
    c.image.paste(Image.fromarray(sky).resize((width, horizon), Image.Resampling.BILINEAR))
    # Trees and roofs far away, along the horizon.
    x, y = -20.0, c.at.horizon
    green = rng.random() < 0.6
    while x < width + 20:
        w, h = width * (0.03 + 0.06 * rng.random()), height * (0.015 + 0.05 * rng.random())
        if green:
            c.ellipse(x, y, w, h, c.tone((74, 98, 62), 0.85 + 0.2 * rng.random(), 60), TREE)
        else:
            color = c.tone((150, 128, 112), 0.85 + 0.25 * rng.random(), 70)
            box = ((x - w, y + 4), (x + w, y + 4), (x + w, y - h), (x - w, y - h))
            c.polygon(box, color, BUILDING)
        x += w


def draw_ground(c: Canvas, rng: Random) -> dict[str, float]:
    """Road, kerbs, pavements, marks and shadows. Returns the street's measures in meters."""
    left, right = -(1.8 + 3.6 * rng.random()), 2.0 + 3.4 * rng.random()
    walk = 1.6 + 2.0 * rng.random()
    yard = 3.5 * rng.random() if rng.random() < 0.5 else 0.0
    grey = 84 + 34 * rng.random()
    asphalt = (grey, grey, grey + 3 + 4 * rng.random())
    slab = 136 + 40 * rng.random()
    stone = (slab + 6, slab, slab - 10 * rng.random())
    grass = (92, 116, 60)
    width, height = c.image.size
    below = ((0, c.at.horizon + 2), (width, c.at.horizon + 2), (width, height), (0, height))
    c.polygon(below, c.tone(grass, 1, 20), TREE)
    c.ground(left - walk - 0.1, right + walk + 0.1, NEAR, FAR, c.tone(stone, 1, 12), PAVEMENT)
    z = NEAR
    while z < 22:  # Joints of the slabs.
        for a, b in ((left - walk, left), (right, right + walk)):
            c.limb(c.at(a, 0, z), c.at(b, 0, z), c.at.focal / z * 0.02, c.tone(stone, 0.86, z))
        z += 1.1
    c.ground(left, right, NEAR, FAR, c.tone(asphalt, 1, 10), ROAD)
    for edge, side in ((left, -1), (right, 1)):
        c.ground(edge, edge + side * 0.16, NEAR, FAR, c.tone(stone, 1.16, 8), PAVEMENT)
    _draw_marks(c, left, right, rng)
    _draw_shadows(c, left, right, walk, rng)
    return {"left": left, "right": right, "walk": walk, "yard": yard}


def _draw_marks(c: Canvas, left: float, right: float, rng: Random) -> None:
    paint = c.tone((226, 226, 220), 1, 6)
    z, dash = NEAR + 4 * rng.random(), pick(DASHES, rng)
    middle = (left + right) / 2
    while z < 70:
        c.ground(middle - 0.08, middle + 0.08, z, z + dash[0], paint)
        z += sum(dash)
    if rng.random() < 0.5:
        yellow = c.tone((206, 168, 60), 1, 6)
        for line in (left + 0.25, right - 0.25):
            c.ground(line - 0.06, line + 0.06, NEAR, 60, yellow)
    if rng.random() < 0.22:  # A zebra crossing.
        z, x = 7 + 12 * rng.random(), left + 0.3
        while x < right - 0.5:
            c.ground(x, x + 0.5, z, z + 2.6, paint)
            x += 1.0


def _draw_shadows(c: Canvas, left: float, right: float, walk: float, rng: Random) -> None:
    if c.light.contrast < 0.3:
        return
    mask = Image.new("L", c.image.size)
    draw = ImageDraw.Draw(mask)
    # Houses on the sun's side cast theirs over the pavement and part of the road.
    side = c.light.sun
    foot = right + walk + 0.2 if side > 0 else left - walk - 0.2
    z = NEAR
    while z < 80:
        end, reach = z + 5 + 9 * rng.random(), walk + (right - left) * (0.15 + 0.5 * rng.random())
        tip = foot - side * reach
        draw.polygon([c.at(foot, 0, z), c.at(foot, 0, end), c.at(tip, 0, end), c.at(tip, 0, z)],
                     fill=int(190 * c.light.contrast))  # fmt: skip
        z = end + (3 * rng.random() if rng.random() < 0.3 else 0)
    c.image.paste((26, 30, 48), (0, 0), mask)


def draw_hood(c: Canvas, rng: Random) -> None:
    """The hood of the camera's own car, in one scene of five, labeled void."""
    if rng.random() < 0.2:
        width, height = c.image.size
        rise = height * (0.04 + 0.05 * rng.random())
        for shift, gain in ((0.0, 0.7), (rise * 0.3, 0.5)):
            c.ellipse(width / 2, height + rise * 0.6 + shift, width * 0.56, rise * 1.6,
                      c.tone((70, 76, 92), gain), VOID)  # fmt: skip


def develop(image: np.ndarray, labels: np.ndarray, light: Light, rng: Random) -> np.ndarray:
    """Grain, blotches, vignette and exposure, as a camera would add them."""
    height, width = labels.shape
    # Uniform bytes cost a fifth of normal numbers and look the same. 74 is their deviation.
    noise = rng.integers(0, 256, (4, height, width), np.uint8).astype(np.float32) - 127.5
    grain = noise[0] * (_GRAIN / 74)[labels]
    coarse = Image.fromarray(rng.standard_normal((height // 8 + 2, width // 8 + 2), np.float32))
    grain += 3 * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] ** 2
    gain = (0.92 + 0.16 * rng.random()) * (1 - 0.1 * (x + y))
    image = image * gain[:, :, None].astype(np.float32) + grain[:, :, None]
    image += noise[1:].transpose(1, 2, 0) * (2 / 74)
    return np.clip(image, 0, 255).astype(np.uint8)
