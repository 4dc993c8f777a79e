"""Is a model right as often as it says? Bins of confidence, and the calibration errors from them.

    ECE = sum over the bins of (pixels in it / all pixels) * |accuracy - mean confidence|

Reference:
    Guo et al., 2017, https://arxiv.org/abs/1706.04599, for equal widths; Nguyen and O'Connor, 2015,
    https://arxiv.org/abs/1508.05154, for equal numbers of pixels
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

# As in the paper's tables.
RELIABILITY_BINS = 15


class ReliabilityBin(TypedDict):
    """Pixels whose confidence is above `lower` and at most `upper`; `None` in an empty bin."""

    lower: float
    upper: float
    pixels: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Bins:
    """Bins from low to high confidence.

    Attributes:
        pixels, right, confidence: float64 `(bins,)`, each the sum over the pixels of a bin.
    """

    pixels: np.ndarray
    right: np.ndarray
    confidence: np.ndarray

    def expected_error(self) -> float:
        """The expected calibration error, from 0 to 1; 0 without pixels."""
        # pixels * |right / pixels - confidence / pixels|
        gaps = np.abs(self.right - self.confidence)
        return float(gaps.sum() / max(self.pixels.sum(), 1))

    def entries(self) -> list[ReliabilityBin]:
        """The bins of equal width as JSON types."""
        count = len(self.pixels)

        def mean(total: float, pixels: float) -> float | None:
            return float(total / pixels) if pixels else None

        return [
            {
                "lower": number / count,
                "upper": (number + 1) / count,
                "pixels": int(pixels),
                "confidence": mean(confidence, pixels),
                "accuracy": mean(right, pixels),
            }
            for number, (pixels, right, confidence) in enumerate(
                zip(self.pixels, self.right, self.confidence, strict=True)
            )
        ]


def equal_width(confidence: np.ndarray, right: np.ndarray, bins: int = RELIABILITY_BINS) -> Bins:
    """Counts pixels in bins of one width; exact, and batches add up.

    Args:
        confidence: float `(pixels,)`, the highest probability of each.
        right: bool `(pixels,)`.
        bins: how many; each holds the confidences above its lower edge, up to its upper one.
    """
    places = np.ceil(confidence.astype(np.float64) * bins).astype(np.int64) - 1
    places = np.clip(places, 0, bins - 1)
    return Bins(
        np.bincount(places, minlength=bins).astype(np.float64),
        np.bincount(places, right, bins),
        np.bincount(places, confidence, bins),
    )


def equal_mass(
    pixels: np.ndarray, right: np.ndarray, confidence: np.ndarray, bins: int = RELIABILITY_BINS
) -> Bins:
    """Bins with the same number of pixels each, out of many fine ones.

    Where the edge of a bin lies within a fine one, the fine one's pixels are shared out in
    proportion, as pixels of equal confidence must be.

    Args:
        pixels, right, confidence: sums over the pixels of each fine bin, from low to high
            confidence.
        bins: how many to make.
    """
    used = pixels > 0
    running = [
        np.concatenate([[0.0], np.cumsum(values[used], dtype=np.float64)])
        for values in (pixels, right, confidence)
    ]
    edges = np.linspace(0, running[0][-1], bins + 1)
    return Bins(*(np.diff(np.interp(edges, running[0], values)) for values in running))
