"""Class weights against imbalance, from pixel counts: a road has 50 times a cyclist's pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segnet_tf.data.census import take_census
from segnet_tf.data.label_maps import label_count
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError


def count_pixels(samples: Samples, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts labels in one pass over the samples, one image in memory at a time.

    Args:
        samples: images and label maps, 255 = void.
        num_classes: logits a pixel; 1 counts background and foreground.

    Returns:
        Two int64 arrays, one number per class: the pixels of that class, and all pixels that
        aren't void of the images in which the class is present.

    Raises:
        UserError: a label is neither a class id nor void.
    """
    census = take_census(samples, label_count(num_classes))
    return census.pixels, census.image_pixels


def median_frequency_weights(
    pixel_counts: Sequence[int] | np.ndarray,
    image_pixel_counts: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """Median frequency balancing: the median class weighs 1, rarer ones more.

    `weight[c] = median(frequency) / frequency[c]`. Classes without a pixel get 0 and don't
    enter the median.

    Args:
        pixel_counts: pixels of each class over the training split.
        image_pixel_counts: pixels of the images in which each class is present: the paper's
            frequency, kinder to classes seen in few images. None counts every image for every
            class, which is how the weights recomputed for CamVid (0.2663 for sky to 15.3816
            for bicyclists) came about.

    Returns:
        float64, one weight per class.

    Raises:
        UserError: no class has a pixel.

    Reference:
        Eigen and Fergus, 2015, https://arxiv.org/abs/1411.4734
    """
    counts = _checked_counts(pixel_counts)
    totals = np.full_like(counts, counts.sum())
    if image_pixel_counts is not None:
        totals = np.asarray(image_pixel_counts, np.float64)
        if totals.shape != counts.shape or (totals < counts).any():
            raise UserError(
                "`image_pixel_counts` must hold a number per class, no smaller than its pixels. "
                f"Received: {totals.tolist()} for pixel_counts={counts.tolist()}. "
                "Take both from count_pixels."
            )
    present = counts > 0
    frequency = counts[present] / totals[present]
    weights = np.zeros_like(counts)
    weights[present] = np.median(frequency) / frequency
    return weights


def enet_weights(pixel_counts: Sequence[int] | np.ndarray, c: float = 1.02) -> np.ndarray:
    """ENet's rule: `1 / ln(c + share of the class)`, bounded by `1 / ln(c)` (50.5 for 1.02).

    Args:
        pixel_counts: pixels of each class over the training split.
        c: above 1; the closer to 1, the more a rare class weighs.

    Returns:
        float64, one weight per class.

    Raises:
        UserError: no class has a pixel, or c isn't above 1.

    Reference:
        Paszke et al., 2016, https://arxiv.org/abs/1606.02147
    """
    if not c > 1:
        raise UserError(f"`c` must be above 1. Received: c={c}. ENet's authors use 1.02.")
    counts = _checked_counts(pixel_counts)
    return 1 / np.log(c + counts / counts.sum())


def checked_weights(
    class_weights: Sequence[float] | None, count: int | None = None
) -> list[float] | None:
    """The weights as plain floats, which a saved model's JSON can hold; None stays None.

    Args:
        class_weights: one a class.
        count: how many classes there are; None if nobody knows yet.
    """
    if class_weights is None:
        return None
    weights = [float(weight) for weight in class_weights]
    if not all(0 <= weight < float("inf") for weight in weights) or not sum(weights):
        raise UserError(
            "`class_weights` must be finite, 0 or more, and not all 0. "
            f"Received: class_weights={weights}. Drop the argument for equal weights."
        )
    if count is not None and len(weights) != count:
        raise UserError(
            f"`class_weights` must hold {count} weights, one per class. "
            f"Received: {len(weights)} weights. Leave void out."
        )
    return weights


def foreground_weight(class_weights: list[float] | None) -> float | None:
    """The `pos_weight` that two class weights, background and foreground, amount to."""
    if class_weights is None:
        return None
    if len(class_weights) != 2 or not all(class_weights):
        raise UserError(
            "`class_weights` for one logit must be two weights above 0, background and "
            f"foreground. Received: class_weights={class_weights}. Pass two weights."
        )
    return class_weights[1] / class_weights[0]


def _checked_counts(pixel_counts: Sequence[int] | np.ndarray) -> np.ndarray:
    counts = np.asarray(pixel_counts, np.float64)
    if counts.ndim != 1 or (counts < 0).any() or not counts.sum() > 0:
        raise UserError(
            "`pixel_counts` must hold a number of pixels per class, not all 0. "
            f"Received: pixel_counts={counts.tolist()}. Check that the masks hold more than void."
        )
    return counts
