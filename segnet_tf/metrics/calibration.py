"""How far probabilities can be trusted: calibration errors, likelihood, and what they find wrong.

Plain NumPy, added up batch by batch: void is left out, and the memory does not grow with the split.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from segnet_tf.data.classes import VOID
from segnet_tf.errors import UserError
from segnet_tf.metrics.rejection import Rejection, RejectionSummary
from segnet_tf.metrics.reliability import Bins, ReliabilityBin, equal_mass, equal_width

# Probabilities below it count as it: an int8 file gives 0, whose logarithm is infinite.
NLL_FLOOR = 1e-7
# One minus the highest probability: always measured, because the calibration errors need it.
CONFIDENCE = "least_confidence"


class ClassCalibration(TypedDict):
    """Of the pixels of a true class: how many, and the means over them; `None` without any."""

    pixels: int
    accuracy: float | None
    confidence: float | None
    nll: float | None


class CalibrationSummary(TypedDict):
    """The measures of a split, as JSON types.

    `nll` is the mean of `-ln(p of the true class)` in nats a pixel, `p` being at least `nll_floor`;
    `nll_clipped` is the share of the pixels below that. `brier` is the mean of the sum over the
    classes of `(p - truth)**2`, from 0 to 2. `ece` has 15 bins of equal width over the highest
    probability, `adaptive_ece` 15 of equal numbers of pixels. `uncertainty` has an entry for each
    number that says how unsure a pixel is.
    """

    pixels: int
    accuracy: float
    confidence: float
    ece: float
    adaptive_ece: float
    nll: float
    nll_floor: float
    nll_clipped: float
    brier: float
    reliability: list[ReliabilityBin]
    uncertainty: dict[str, RejectionSummary]
    per_class: dict[str, ClassCalibration]


class Calibration:
    """Adds up what `CalibrationSummary` holds.

    The equal-width bins, NLL and Brier score are exact. The rest is made of bins in which
    uncertainties differ by less than 0.4 % (`segnet_tf.metrics.rejection`): `adaptive_ece` and the
    areas are exact but for the order of pixels within such a bin, and an AUROC says how much that
    can be.

    Args:
        names: of the classes.

    Reference:
        Guo et al., 2017, https://arxiv.org/abs/1706.04599; Brier, 1950, "Verification of forecasts
        expressed in terms of probability", for the sum over the classes
    """

    def __init__(self, names: tuple[str, ...]):
        classes = len(names)
        self.names = names
        self._width_bins: Bins | None = None
        self._uncertainty: dict[str, Rejection] = {}
        self._confidence, self._nll = np.zeros(classes), np.zeros(classes)
        self._brier, self._clipped = 0.0, 0

    def update(
        self,
        truth: np.ndarray,
        predicted: np.ndarray,
        probabilities: np.ndarray,
        uncertainty: Mapping[str, np.ndarray],
    ) -> None:
        """Adds pixels, in arrays of any equal shape.

        Args:
            truth: class ids, 255 being void, which is left out.
            predicted: class ids that are scored as right or wrong.
            probabilities: float `(..., classes)`, which sum to 1.
            uncertainty: further numbers by name, each from 0; more is less sure. The names of all
                batches are the same.

        Raises:
            UserError: a number is NaN or infinite.
        """
        valid = truth != VOID
        truth, predicted, probabilities = truth[valid], predicted[valid], probabilities[valid]
        given = {name: values[valid] for name, values in uncertainty.items()}
        for values in (probabilities, *given.values()):
            if not np.isfinite(values).all():
                raise UserError(
                    "`model` must give finite numbers. Received: NaN or infinity in its "
                    "probabilities. Its training diverged; train again at a lower rate."
                )
        confidence, right = probabilities.max(axis=-1), truth == predicted
        of_truth = np.take_along_axis(probabilities, truth[:, None].astype(np.intp), 1)[:, 0]
        of_truth = of_truth.astype(np.float64)
        found = equal_width(confidence, right)
        self._width_bins = found if self._width_bins is None else _added(self._width_bins, found)
        classes = len(self.names)
        self._confidence += np.bincount(truth, confidence, classes)
        self._nll += np.bincount(truth, -np.log(np.maximum(of_truth, NLL_FLOOR)), classes)
        self._clipped += int(np.count_nonzero(of_truth < NLL_FLOOR))
        # sum (p - y)**2 = sum p**2 - 2 * (p of the true class) + 1
        squares = np.einsum("pc,pc->p", probabilities, probabilities)
        self._brier += float(np.sum(squares - 2 * of_truth + 1, dtype=np.float64))
        for name, values in ({CONFIDENCE: 1 - confidence} | given).items():
            self._uncertainty.setdefault(name, Rejection(classes)).update(values, truth, ~right)

    def summary(self) -> CalibrationSummary:
        """The measures of all pixels so far; 0 without any."""
        if self._width_bins is None:
            self._width_bins = equal_width(np.zeros(0), np.zeros(0, bool))
        bins = self._width_bins
        pixels = max(bins.pixels.sum(), 1)
        rejection = self._uncertainty.get(CONFIDENCE, Rejection(len(self.names)))
        by_class = rejection.counts.sum(axis=-1)
        return {
            "pixels": int(bins.pixels.sum()),
            "accuracy": float(bins.right.sum() / pixels),
            "confidence": float(bins.confidence.sum() / pixels),
            "ece": bins.expected_error(),
            "adaptive_ece": _by_mass(rejection).expected_error(),
            "nll": float(self._nll.sum() / pixels),
            "nll_floor": NLL_FLOOR,
            "nll_clipped": self._clipped / pixels,
            "brier": self._brier / pixels,
            "reliability": bins.entries(),
            "uncertainty": {
                name: each.summary(self.names) for name, each in self._uncertainty.items()
            },
            "per_class": {
                name: {
                    "pixels": int(sum(counts)),
                    "accuracy": float(counts[0] / sum(counts)) if sum(counts) else None,
                    "confidence": float(confidence / sum(counts)) if sum(counts) else None,
                    "nll": float(nll / sum(counts)) if sum(counts) else None,
                }
                for name, counts, confidence, nll in zip(
                    self.names, by_class, self._confidence, self._nll, strict=True
                )
            },
        }


def _added(first: Bins, second: Bins) -> Bins:
    return Bins(
        first.pixels + second.pixels,
        first.right + second.right,
        first.confidence + second.confidence,
    )


def _by_mass(rejection: Rejection) -> Bins:
    """Bins of equal mass out of the fine ones of `1 - confidence`."""
    right, wrong = rejection.counts.sum(axis=0)
    pixels = right + wrong
    # From low to high confidence.
    return equal_mass(pixels[::-1], right[::-1], (pixels - rejection.sums)[::-1])
