"""Which CRF parameters to try: a coarse grid, then steps around the best."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

from segnet_tf.inference.crf import CRFParameters

# The score of parameters on so many images; more is better.
Score = Callable[[CRFParameters, int], float]

# Kraehenbuehl and Koltun find that the Gaussian's width hardly matters: it is left to the steps.
GRID = {
    "gaussian_weight": (1.0, 3.0),
    "bilateral_weight": (2.0, 6.0),
    "bilateral_width": (20.0, 60.0),
    "bilateral_color": (3.0, 9.0),
}
# The grid is scored on these many images only, the steps on all of them.
GRID_IMAGES = 24
STEPS = (2.0, 1.4, 1.2)
STEPPED = ("bilateral_weight", "bilateral_color", "bilateral_width", "gaussian_weight")
# Below these a kernel does nothing: a pixel hears itself alone.
_LEAST = {"gaussian_width": 0.3, "bilateral_width": 1.0, "bilateral_color": 0.5}
MOST_STEPS = 40


def search(score: Score, images: int, start: CRFParameters) -> CRFParameters:
    """The best parameters found. A pure function of the scores, so equal scores take equal ways.

    Args:
        score: called once for each try.
        images: how many there are.
        start: what is tried first; its iterations are kept.
    """
    tried: dict[tuple[CRFParameters, int], float] = {}

    def scored(parameters: CRFParameters, count: int) -> float:
        if (parameters, count) not in tried:
            tried[parameters, count] = score(parameters, count)
        return tried[parameters, count]

    def best_of(some: list[CRFParameters], count: int) -> CRFParameters:
        # Of equal ones the first.
        return max(some, key=lambda parameters: scored(parameters, count))

    grid = [
        _changed(start, dict(zip(GRID, values, strict=True)))
        for values in itertools.product(*GRID.values())
    ]
    # The start once more on all images: there it may be the better one.
    best = best_of([start, best_of([start, *grid], min(images, GRID_IMAGES))], images)
    left = MOST_STEPS
    for step in STEPS:
        moved = True
        while moved:
            moved = False
            for name, factor in itertools.product((*STEPPED, "gaussian_width"), (step, 1 / step)):
                value = max(_rounded(getattr(best, name) * factor), _LEAST.get(name, 0.0))
                near = _changed(best, {name: value})
                if (near, images) in tried:
                    continue
                if not left:
                    return best
                left -= 1
                if scored(near, images) > scored(best, images):
                    best, moved = near, True
    return best


def _changed(parameters: CRFParameters, changes: dict[str, Any]) -> CRFParameters:
    return dataclasses.replace(parameters, **changes)


def _rounded(value: float) -> float:
    """Two digits: more would only make a file hard to read."""
    return float(f"{value:.2g}")
