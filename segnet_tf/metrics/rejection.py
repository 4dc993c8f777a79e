"""Does a model know where it is wrong? AUROC, and the accuracy of the pixels that are kept.

Pixels are counted in fine bins of their uncertainty, so that a split of any size takes the memory
of one table. A bin is a float's exponent with the first 8 bits of its fraction: 256 bins for each
factor of 2, because confident networks have most pixels within 0.001 of certainty, where bins of
one width would put them all into the first.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

_FRACTION_BITS = 8
# Below the first, 2e-10, is a bin of its own, for 0 above all; no entropy or variance reaches the
# last: ln(255 classes) is 5.5.
_FIRST, _LAST = 2.0**-32, 2.0**4
_SHIFT = np.finfo(np.float32).nmant - _FRACTION_BITS
_FIRST_CODE, _END_CODE = (
    int(value) >> _SHIFT for value in np.array([_FIRST, _LAST], np.float32).view(np.int32)
)
BINS = _END_CODE - _FIRST_CODE + 1
# Shares of the pixels at which the curve is written down.
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 21))


class RejectionSummary(TypedDict):
    """How well an uncertainty finds the wrong pixels.

    `auroc` is the probability that a wrong pixel is less sure than a right one, ties counting half;
    the exact value is at most `auroc_error` away, because pixels of one bin count as tied.
    `kept_accuracy` has the accuracy of the surest pixels, by their share of all (`kept_share`);
    `kept_accuracy_area` is its mean over all shares, and one minus that the area under the curve of
    errors. AUROC is `None` where no pixel, or every one, is wrong.
    """

    auroc: float | None
    auroc_error: float | None
    kept_accuracy_area: float
    kept_share: list[float]
    kept_accuracy: list[float]
    per_class_auroc: dict[str, float | None]


class Rejection:
    """Counts right and wrong pixels by uncertainty and true class.

    It takes `classes * 2 * 9217` int64: 1.6 MB for 11 classes, 22 MB for 150.

    Args:
        classes: how many there are.

    Attributes:
        counts: int64 `(classes, 2, BINS)`: pixels by true class, right (0) or wrong (1), and bin.
        sums: float64 `(BINS,)`: the uncertainties in each bin added up.

    Reference:
        Geifman and El-Yaniv, 2017, https://arxiv.org/abs/1705.08500, for the pixels kept
    """

    def __init__(self, classes: int):
        self.counts = np.zeros((classes, 2, BINS), np.int64)
        self.sums = np.zeros(BINS)

    def update(self, uncertainty: np.ndarray, truth: np.ndarray, wrong: np.ndarray) -> None:
        """Counts pixels.

        Args:
            uncertainty: float32 `(pixels,)`, from 0; more is less sure. A negative number, of
                rounding, counts as 0.
            truth: int `(pixels,)`, true classes without void.
            wrong: bool `(pixels,)`.
        """
        bins = bin_of(uncertainty)
        cells = (truth.astype(np.int64) * 2 + wrong) * BINS + bins
        found = np.bincount(cells, minlength=self.counts.size)
        self.counts += found.reshape(self.counts.shape)
        self.sums += np.bincount(bins, np.maximum(uncertainty, 0), BINS)

    def summary(self, names: tuple[str, ...]) -> RejectionSummary:
        """The measures; `names` are those of the classes."""
        right, wrong = self.counts.sum(axis=0)
        auroc, error = area_under_roc(right, wrong)
        per_class = [area_under_roc(*counts)[0] for counts in self.counts]
        return {
            "auroc": auroc,
            "auroc_error": error,
            "kept_accuracy_area": kept_area(right, wrong),
            "kept_share": list(SHARES),
            "kept_accuracy": [float(each) for each in kept_accuracy(right, wrong, SHARES)],
            "per_class_auroc": dict(zip(names, per_class, strict=True)),
        }


def bin_of(uncertainty: np.ndarray) -> np.ndarray:
    """The fine bin of each float32, int64 of the same shape; they rise with the number.

    All numbers of a bin are within 1/256 of the smallest, or below 2**-32.
    """
    clipped = np.minimum(uncertainty.astype(np.float32), np.nextafter(np.float32(_LAST), 0))
    # A positive float's bits, taken as an integer, rise with it.
    codes = np.maximum(clipped, 0).view(np.int32) >> _SHIFT
    return np.maximum(codes.astype(np.int64) - _FIRST_CODE + 1, 0)


def area_under_roc(right: np.ndarray, wrong: np.ndarray) -> tuple[float | None, float | None]:
    """AUROC of "wrong" by bin, and how far it may be off.

    Args:
        right, wrong: pixels in each bin, from sure to unsure.

    Returns:
        `sum(wrong * (right in bins below + right / 2)) / (all wrong * all right)`, and the share of
        pairs in one bin, of which each counts half and may count 0 or 1. `None` without pairs.
    """
    right, wrong = right.astype(np.float64), wrong.astype(np.float64)
    pairs = right.sum() * wrong.sum()
    if not pairs:
        return None, None
    below = np.cumsum(right) - right
    tied = float(wrong @ right) / 2
    return (float(wrong @ below) + tied) / pairs, tied / pairs


def kept_accuracy(
    right: np.ndarray, wrong: np.ndarray, shares: tuple[float, ...] | np.ndarray
) -> np.ndarray:
    """Accuracy of the surest pixels, for each share of all that is kept, above 0.

    A bin of which only a part is kept has its own accuracy in each part, as ties must. 0 without
    any pixel.
    """
    total, correct = _running(right, wrong)
    kept = np.asarray(shares) * total[-1]
    return np.interp(kept, total, correct) / np.maximum(kept, np.finfo(float).tiny)


def kept_area(right: np.ndarray, wrong: np.ndarray) -> float:
    """The mean of `kept_accuracy` over the shares from 0 to 1.

    Within a bin the right pixels among s that are kept are `a + b * s`, so that the integral of
    `(a + b * s) / s` is `a * ln(s) + b * s`.
    """
    total, correct = _running(right, wrong)
    if len(total) == 1:
        return 0.0
    slopes = np.diff(correct) / np.diff(total)
    offsets = correct[:-1] - slopes * total[:-1]
    # The first bin begins at 0, with a = 0.
    logarithms = np.log(total[2:] / total[1:-1])
    area = offsets[1:] @ logarithms + slopes @ np.diff(total)
    return float(area / total[-1])


def _running(right: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, and right pixels, up to the end of each bin that has some, from 0."""
    counts = right + wrong
    used = counts > 0
    return (
        np.concatenate([[0.0], np.cumsum(counts[used], dtype=np.float64)]),
        np.concatenate([[0.0], np.cumsum(right[used], dtype=np.float64)]),
    )
