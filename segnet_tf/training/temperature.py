"""The temperature of a model: one number that makes its probabilities as sure as they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import keras
import numpy as np

from segnet_tf.data import VOID, Samples
from segnet_tf.data.pipeline import evaluation_batches
from segnet_tf.errors import UserError
from segnet_tf.inference.predictors import Predictor, open_predictor, resized
from segnet_tf.inference.uncertainty import of_each_class, require_distribution
from segnet_tf.metrics.calibration import Calibration, CalibrationSummary
from segnet_tf.runs.records import require_same_order

# 1 million of CamVid's 17 million validation pixels; T moves by less than 0.01 with others.
PIXELS = 1_000_000
# 256 MB in float32: with more than 67 classes fewer pixels are kept.
_MOST_VALUES = 2**26
# Beyond these a model is right everywhere, or its logits say nothing.
_COLDEST, _HOTTEST = 0.05, 20.0
_ROWS = 2**16  # at once, in float64


@dataclass(frozen=True)
class TemperatureFit:
    """What `fit_temperature` found.

    Attributes:
        temperature: by which the logits are to be divided; above 1 the model was too sure.
        pixels: how many it was fitted on.
        before, after: the measures of those pixels with the model as it is, and with the
            temperature.
    """

    temperature: float
    pixels: int
    before: CalibrationSummary
    after: CalibrationSummary


def fit_temperature(
    model: keras.Model | Predictor,
    samples: Samples,
    *,
    pixels: int = PIXELS,
    seed: int = 0,
    batch_size: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> TemperatureFit:
    """Finds the temperature with the least negative log-likelihood (NLL).

    The images pass once. Of each the same number of pixels is kept, drawn by the seed, so that
    equal calls give equal temperatures. The NLL is convex in `1 / T` and has one minimum, which
    Newton's method finds to seven digits. The model is not changed; see `apply_temperature`.

    Args:
        model: gives logits, or probabilities by a softmax or sigmoid.
        samples: images that the model was not trained on, the validation images: on training images
            it would be found surer than it may be.
        pixels: how many to keep of all images together, void among them, which is left out.
        seed: draws the pixels.
        batch_size: images at once, where they are of one size.
        progress: called with (images done, images).

    Raises:
        UserError: `pixels` or a `seed` that cannot be, another number of classes, no distribution
            over them, no labels, values that are not finite, or no minimum between 0.05 and 20.

    Reference:
        Guo et al., 2017, https://arxiv.org/abs/1706.04599
    """
    for name, value, least in (("pixels", pixels, 1), ("seed", seed, 0)):
        is_whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not is_whole or value < least:
            raise UserError(
                f"`{name}` must be a whole number, {least} or more. Received: {value!r}. "
                "Leave it out for the usual one."
            )
    predictor = open_predictor(model)
    require_distribution(predictor)
    predictor.check_classes(len(samples.classes))
    require_same_order(predictor.record, samples.classes, samples.source)
    samples = samples.in_channels(predictor.image_channels)
    kept = min(pixels, _MOST_VALUES // len(samples.classes))
    logits, truth = _drawn(
        predictor, samples, max(kept // len(samples), 1), seed, batch_size, progress
    )
    temperature = least_nll(logits, truth)
    names = samples.classes.names
    return TemperatureFit(
        temperature,
        len(truth),
        _measured(logits, truth, 1.0, names),
        _measured(logits, truth, temperature, names),
    )


def _drawn(
    predictor: Predictor,
    samples: Samples,
    each: int,
    seed: int,
    batch_size: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Logits, float32 `(pixels, classes)`, and true classes of pixels drawn from every image."""
    found, done = [], 0
    for images, labels in evaluation_batches(samples, batch_size=batch_size):
        maps = _logits(predictor, images.numpy())
        for logits, truth in zip(maps, labels.numpy(), strict=True):
            rng = np.random.default_rng([seed, done])
            places = rng.choice(truth.size, min(each, truth.size), replace=False, shuffle=False)
            places = places[truth.ravel()[places] != VOID]
            found.append((logits.reshape(truth.size, -1)[places], truth.ravel()[places]))
            done += 1
        if progress:
            progress(done, len(samples))
    logits, truth = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not len(truth):
        raise UserError(
            "`data` must have labels, to which the temperature is fitted. Received: void only in "
            f"{samples.source} {samples.split}. Take another split."
        )
    if not np.isfinite(logits).all():
        raise UserError(
            "`model` must give finite numbers. Received: NaN or infinity from "
            f"{predictor.name}. Its training diverged; train again at a lower rate."
        )
    return logits, truth


def _logits(predictor: Predictor, images: np.ndarray) -> np.ndarray:
    """Logits a class at the size of the images, float32 `(batch, H, W, classes)`."""
    values, own_size = predictor.values(images), images.shape[1:3]
    if predictor.output.kind == "logits":
        values = resized(values, own_size)
        # Of one logit z: softmax over (0, z) is sigmoid(z).
        return values if values.shape[-1] > 1 else np.concatenate([0 * values, values], axis=-1)
    # The logarithm of a softmax is its logits less a number that is the same for all classes.
    found = of_each_class(resized(predictor.probabilities_of(values), own_size))
    return np.log(np.maximum(found, np.finfo(np.float32).tiny))


def least_nll(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature T with the least mean of `-ln(softmax(logits / T)[truth])`.

    Args:
        logits: float `(pixels, classes)`.
        truth: class ids `(pixels,)`.

    Raises:
        UserError: it is not between 0.05 and 20.
    """
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    if not _slopes(low, logits, truth)[0] < 0 < _slopes(high, logits, truth)[0]:
        raise UserError(
            "`data` must have pixels that the model gets wrong, and more that it gets right: else "
            f"no temperature between {_COLDEST} and {_HOTTEST:g} has the least NLL. Received: "
            f"{np.mean(logits.argmax(-1) == truth):.1%} of {len(truth)} pixels right. Take more "
            "images, or another model."
        )
    inverse = 1.0
    for _ in range(60):
        slope, curvature = _slopes(inverse, logits, truth)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        before = inverse
        inverse = before - slope / curvature if curvature > 0 else low
        # Bisection where Newton's step leads out of what is known to hold the minimum.
        inverse = inverse if low < inverse < high else (low + high) / 2
        if abs(inverse - before) < 1e-8 * before:
            break
    return 1 / inverse


def _slopes(inverse: float, logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """First and second derivative of the mean NLL by `inverse` = 1 / T.

    They are the means of `E[z] - z[truth]` and of the variance of z, z being a pixel's logits and
    the expectations those of its softmax.
    """
    first, second = 0.0, 0.0
    for start in range(0, len(truth), _ROWS):
        z = logits[start : start + _ROWS].astype(np.float64)
        z -= z.max(axis=-1, keepdims=True)
        p = np.exp(inverse * z)
        p /= p.sum(axis=-1, keepdims=True)
        mean = np.einsum("pc,pc->p", p, z)
        first += float(np.sum(mean - z[np.arange(len(z)), truth[start : start + _ROWS]]))
        second += float(np.sum(np.einsum("pc,pc,pc->p", p, z, z) - mean**2))
    return first / len(truth), second / len(truth)


def _measured(
    logits: np.ndarray, truth: np.ndarray, temperature: float, names: tuple[str, ...]
) -> CalibrationSummary:
    measures = Calibration(names)
    for start in range(0, len(truth), _ROWS):
        z = logits[start : start + _ROWS].astype(np.float64) / temperature
        p = np.exp(z - z.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        part = truth[start : start + _ROWS]
        measures.update(part, z.argmax(axis=-1), p, {})
    return measures.summary()
