"""Synthetic road scenes from a seed: CamVid's 11 classes and void, with no file needed.

A street in perspective under changing light. Image and labels are drawn by the same calls, so the
labels are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from PIL import Image

from segnet_tf.data.camvid import CLASSES, SPLITS
from segnet_tf.data.samples import Pair, Samples
from segnet_tf.data.scenes import traffic
from segnet_tf.data.scenes.backdrop import FAR, develop, draw_ground, draw_hood, draw_sky
from segnet_tf.data.scenes.canvas import Camera, Canvas, Light, Random
from segnet_tf.data.scenes.scenery import building, fence, tree
from segnet_tf.errors import UserError
from segnet_tf.version import __version__

SIZE = (192, 256)
COUNTS = {"train": 400, "val": 100, "test": 100}

LIGHTS = (  # zenith, horizon, tint, sun, contrast, haze, lamps
    Light((88, 142, 208), (196, 216, 232), (1.06, 1.03, 0.98), 1, 0.42, 0.006),
    Light((64, 120, 196), (214, 224, 228), (1.10, 1.06, 0.98), -1, 0.5, 0.004),
    Light((168, 176, 184), (214, 217, 219), (0.92, 0.94, 0.96), 1, 0.12, 0.010),
    Light((132, 146, 164), (206, 208, 210), (0.96, 0.97, 0.99), -1, 0.2, 0.014),
    Light((104, 134, 190), (250, 206, 150), (1.10, 0.94, 0.76), 1, 0.55, 0.008),
    Light((86, 92, 148), (240, 164, 124), (0.82, 0.68, 0.66), -1, 0.5, 0.008, True),
    Light((48, 62, 104), (150, 140, 160), (0.52, 0.54, 0.66), 1, 0.3, 0.007, True),
)
# Clear days are the most frequent, nights the rarest.
_LIGHT_SHARES = (0.24, 0.24, 0.12, 0.08, 0.16, 0.1, 0.06)


def samples(
    split: str, *, size: tuple[int, int] = SIZE, count: int | None = None, seed: int = 0
) -> Samples:
    """Synthetic scenes of one split; no scene belongs to two splits.

    Args:
        split: "train", "val" or "test".
        size: `(height, width)` in pixels.
        count: how many; None takes `COUNTS[split]`.
        seed: other seeds give other scenes.

    Raises:
        UserError: an unknown split, or a size below 32 pixels.
    """
    if split not in SPLITS:
        raise UserError(
            f"`split` of synthetic scenes must be one of {', '.join(SPLITS)}. "
            f"Received: {split!r}. Choose one of these."
        )
    if min(size) < 32:
        raise UserError(
            "`size` of synthetic scenes must be at least 32 pixels each way. "
            f"Received: {size[0]}x{size[1]}. Ask for larger ones."
        )
    count = COUNTS[split] if count is None else count
    return Samples(
        source="synthetic",
        split=split,
        classes=CLASSES,
        stems=tuple(f"{split}_{seed}_{i:05d}" for i in range(count)),
        read=partial(_read, SPLITS.index(split), size, seed),
        read_as=partial(_read_as, SPLITS.index(split), size, seed),
        origin_of=partial(_origin, split, size, seed),
    )


def _origin(split: str, size: tuple[int, int], seed: int, index: int) -> tuple[str, str]:
    # Another version may draw other scenes.
    return f"synthetic {split} {size} {seed} {index}", __version__


def _read(split: int, size: tuple[int, int], seed: int, index: int) -> Pair:
    # Scenes 0, 3, 6... are train's, 1, 4, 7... val's: no scene is in two splits, however many.
    return scene(index * len(SPLITS) + split, size=size, seed=seed)


def _read_as(split: int, size: tuple[int, int], seed: int, channels: int, index: int) -> Pair:
    image, labels = _read(split, size, seed, index)
    grey = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    if channels == 1:
        return grey, labels
    # No camera: the colors and then their brightness, so that no two channels are alike.
    more = [np.roll(grey, shift, axis=1) for shift in range(max(channels - 3, 0))]
    return np.concatenate([image, *more], axis=2)[..., :channels], labels


def scene(index: int, size: tuple[int, int] = SIZE, seed: int = 0) -> Pair:
    """Draws one scene, the same for the same arguments.

    Args:
        index: number of the scene, any from 0 on.
        size: `(height, width)` in pixels.
        seed: an integer from 0 on.

    Returns:
        RGB uint8 `(height, width, 3)` and labels uint8 `(height, width)`.
    """
    rng = np.random.default_rng((seed, index))
    height, width = size
    light = LIGHTS[int(rng.choice(len(LIGHTS), p=_LIGHT_SHARES))]
    # Drawn at twice the size, because halving the image makes edges smooth.
    camera = Camera(
        focal=2 * max(width, height) * (0.8 + 0.25 * rng.random()),
        centre=2 * width * (0.38 + 0.24 * rng.random()),
        horizon=2 * height * (0.4 + 0.12 * rng.random()),
        height=1.4 + 0.5 * rng.random(),
        curve=(rng.random() - 0.5) * 0.004,
    )
    canvas = Canvas(2 * width, 2 * height, camera, light)
    draw_sky(canvas, rng)
    road = draw_ground(canvas, rng)
    for _, draw in sorted(_objects(canvas, road, rng), key=lambda item: -item[0]):
        draw()
    draw_hood(canvas, rng)
    image = np.asarray(canvas.image.reduce(2), np.float32)
    labels = np.asarray(canvas.labels)[::2, ::2].copy()
    return develop(image, labels, light, rng), labels


def _objects(
    c: Canvas, road: dict[str, float], rng: Random
) -> list[tuple[float, Callable[[], None]]]:
    """`(depth, draw)` of all that stands up, to be drawn from far to near."""
    left, right, walk, yard = road["left"], road["right"], road["walk"], road["yard"]
    items: list[tuple[float, Callable[[], None]]] = []

    def add(z: float, draw: Callable[..., None], *arguments: float) -> None:
        items.append((z, partial(draw, c, *arguments, rng)))

    for side, edge in ((-1, left - walk), (1, right + walk)):
        front = edge + side * yard
        z, open_land = 2.0 + 5 * rng.random(), rng.random() < 0.2
        while z < FAR:
            end = z + 5 + 9 * rng.random()
            if open_land or rng.random() < 0.16:
                for _ in range(2):
                    where = z + (end - z) * rng.random()
                    # As if 3 m further: the fence before it is drawn later.
                    add(where + 3, tree, front + side * (1 + 3 * rng.random()), where)
            else:
                add(end - 0.01, building, side, front, z, end)
            if (yard > 0 or open_land) and z < 50 and rng.random() < 0.75:
                # In short parts, so that a car beside it is drawn after those behind the car.
                cuts = np.linspace(z, end, 2 + int((end - z) / 2.5)).tolist()
                look = int(rng.integers(2**31))
                for near, far in pairwise(cuts):
                    add(far - 0.02, fence, side, edge + side * 0.1, near, far, look)
            z = end
        for _ in range(int(rng.integers(0, 3))):
            where = 7 + 30 * rng.random()
            add(where, tree, edge - side * 0.3, where)
        for where in np.arange(6 + 8 * rng.random(), 60, 14 + 8 * rng.random()):
            if rng.random() < 0.8:
                add(where, traffic.lamp_post, side, edge - side * (walk - 0.4), float(where))
        for kind, most in ((traffic.road_sign, 3), (traffic.pedestrian, 4), (traffic.litter, 2)):
            for _ in range(int(rng.integers(0, most + 1))):
                where = 5 + 20 * rng.random() ** 1.3
                add(where, kind, edge - side * (0.3 + (walk - 0.6) * rng.random()), where)
        if rng.random() < 0.25:
            where = 8 + 10 * rng.random()
            add(where, traffic.traffic_light, edge - side * (walk - 0.3), where)
        if right - left > 6 and rng.random() < 0.6:  # Parked at the kerb.
            where = 5 + 6 * rng.random()
            while where < 45 and rng.random() < 0.8:
                kerb = (right if side > 0 else left) - side * 1.1
                add(where, traffic.car, kerb, where, side > 0)
                where += 5.4 + 5 * rng.random()
    middle = (left + right) / 2
    if rng.random() < 0.5:
        where = 9 + 25 * rng.random()
        add(where, traffic.car, (left + middle) / 2 + 0.4, where, False)
    if rng.random() < 0.45:
        where = 8 + 30 * rng.random()
        add(where, traffic.car, (right + middle) / 2 - 0.4, where, True)
    for _ in range(int(rng.integers(0, 4))):
        where = 4.5 + 14 * rng.random()
        add(where, traffic.bicyclist, left + 0.6 + (right - left - 1.2) * rng.random(), where)
    if rng.random() < 0.25:
        where = 7 + 12 * rng.random()
        add(where, traffic.pedestrian, left + (right - left) * rng.random(), where)
    return items
