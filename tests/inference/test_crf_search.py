"""The search for CRF parameters, on scores that are known as a formula. No TensorFlow."""

from __future__ import annotations

import dataclasses
import math

from segnet_tf.inference.crf import CRFParameters
from segnet_tf.inference.crf_search import GRID, GRID_IMAGES, MOST_STEPS, search


def hill(top, calls=None):
    """A score that falls with the distance to `top`, in each number's logarithm."""

    def score(parameters, images):
        if calls is not None:
            calls.append((parameters, images))
        return -sum(math.log(getattr(parameters, name) / top[name]) ** 2 for name in top)

    return score


TOP = {"gaussian_weight": 1.3, "gaussian_width": 1.5, "bilateral_weight": 9, "bilateral_color": 5}


def test_it_climbs_to_the_top():
    calls = []
    start = CRFParameters(iterations=7, classes=("a", "b"))
    best = search(hill(TOP, calls), 100, start)
    for name, value in TOP.items():
        assert abs(math.log(getattr(best, name) / value)) < math.log(1.25), name
    assert (best.iterations, best.classes) == (7, ("a", "b"))
    grid = math.prod(map(len, GRID.values()))
    assert [images for _, images in calls] == sorted(images for _, images in calls)
    assert sum(images == GRID_IMAGES for _, images in calls) == grid + 1
    assert sum(images == 100 for _, images in calls) <= MOST_STEPS + 2
    assert len(set(calls)) == len(calls)  # nothing is scored twice
    again = []
    assert search(hill(TOP, again), 100, start) == best and again == calls


def test_few_images_are_all_in_the_grid_too():
    calls = []
    search(hill(TOP, calls), 5, CRFParameters())
    assert {images for _, images in calls} == {5} and len(set(calls)) == len(calls)


def test_the_start_stays_where_nothing_is_better():
    start = CRFParameters()
    assert search(lambda parameters, images: 0.5, 30, start) == start


def test_a_start_that_only_all_images_favor():
    """On few images it loses to the grid, on all of them it wins."""
    start = CRFParameters(bilateral_width=200)

    def score(parameters, images):
        return float((parameters == start) == (images > GRID_IMAGES))

    assert search(score, 60, start) == start


def test_a_kernel_of_no_weight_stays_out():
    start = CRFParameters(gaussian_weight=0)
    score = hill({"bilateral_color": 4})
    best = search(
        lambda parameters, images: score(parameters, images) - parameters.gaussian_weight, 9, start
    )
    assert best.gaussian_weight == 0
    assert dataclasses.replace(best, gaussian_weight=1) != best
