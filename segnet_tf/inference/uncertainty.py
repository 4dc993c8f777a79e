"""What a model says of each pixel: a distribution over the classes, and where it is unsure.

A `Source` turns images into a `Distribution`; `evaluate` scores whatever it gives. `one_pass` of a
model is a source, and so is the mean of many samples of a network whose dropout stays alive,
`many_passes`. `sample` gives the same for images in memory.

Reference:
    Kendall et al., 2015, https://arxiv.org/abs/1511.02680
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.inference.dropout_samples import DropoutSampler, statistics
from segnet_tf.inference.image_scale import Asked
from segnet_tf.inference.predictors import Predictor, open_predictor, resized, winners


@dataclass(frozen=True)
class Distribution:
    """What is predicted for a batch of images, at their own size.

    Attributes:
        labels: int32 `(batch, H, W)`, the class that wins.
        probabilities: float32 `(batch, H, W, classes)`, which sum to 1; two classes for a model
            with one logit.
        uncertainty: further numbers a pixel by name, float32 `(batch, H, W)`: 0 is sure, more is
            less sure. One minus the highest probability needs no place here: the measures take it
            from `probabilities`.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    uncertainty: dict[str, np.ndarray]


# The uncertainties of `many_passes`: attributes of `MonteCarlo`.
SAMPLED = ("predictive_entropy", "mutual_information", "variance")

# From images, float32 `(batch, H, W, image_channels)` of 0..255, to a distribution at their size.
Source = Callable[[np.ndarray], Distribution]


def one_pass(predictor: Predictor, *, size: Asked = None, flip: bool = False) -> Source:
    """The source that does what `Predictor.labels` does, with the same labels.

    Args:
        predictor: of a model that gives logits or probabilities, with a CRF or without; see
            `Predictor.probabilities`.
        size, flip: as `Predictor.labels` takes them.

    Returns:
        A source whose uncertainty is the "predictive_entropy".

    Raises:
        UserError: see `require_distribution`.
    """
    require_distribution(predictor)

    def source(images: np.ndarray) -> Distribution:
        own_size = images.shape[1:3]
        if predictor.output.kind == "logits" and not flip and predictor.crf is None:
            # A softmax may round two logits to one number: the class is that of the logits.
            logits = resized(predictor.values(images, size), own_size)
            labels = predictor.labels_of(logits, own_size)
            found = predictor.probabilities_of(logits)
        else:
            found = predictor.probabilities(images, size=size, flip=flip)
            labels = winners(found, own_size, 0.5)
        probabilities = of_each_class(found)
        return Distribution(
            labels, probabilities, {"predictive_entropy": predictive_entropy(probabilities)}
        )

    return source


@dataclass(frozen=True)
class MonteCarlo:
    """What the samples of a network say of a batch of images, at their own size.

    Attributes:
        probabilities: float32 `(batch, H, W, classes)`, the mean over the samples; two classes for
            a model with one logit.
        predictive_entropy: float32 `(batch, H, W)`, nats: the entropy of that mean.
        mutual_information: the same less the mean of the samples' entropies, nats: how far the
            samples disagree. 0 where all say the same, however unsure.
        variance: of the samples' probabilities, averaged over the classes.
    """

    probabilities: np.ndarray
    predictive_entropy: np.ndarray
    mutual_information: np.ndarray
    variance: np.ndarray


def sample(
    model: str | Path | keras.Model | Predictor,
    images: np.ndarray,
    samples: int = 40,
    seed: int = 0,
    *,
    size: Asked = None,
    batch_size: int | None = None,
    tick: Callable[[int], None] | None = None,
) -> MonteCarlo:
    """Predicts many times with dropout alive, and says what the samples have in common.

    Only Dropout and SpatialDropout layers are alive; batch normalization keeps its statistics. The
    layers before the first of them run once an image. Sample k of a seed has the same masks for
    each image and whatever `batch_size` is; the memory does not grow with `samples`.

    Args:
        model: a run folder, a `.keras` file, "weights:NAME", a `keras.Model`, or an open one.
        images: RGB 0..255, uint8 or float, `(batch, H, W, 3)`, or of the model's channels.
        samples: how many, at least 2.
        seed: of the masks, from 0.
        size: as `Predictor.labels` takes it. The samples are added up at the size that the model
            sees; the sums are resized to the images.
        batch_size: samples at once; None for what fits well.
        tick: called with the number of samples after each batch of them.

    Raises:
        UserError: a model without dropout, a `.tflite` file, a model that gives no distribution
            over the classes, fewer than two samples, a batch that does not fit into memory.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not images.size or images.dtype.kind not in "uif":
        raise UserError(
            "`images` must be numbers 0..255 of shape (batch, height, width, channels). "
            f"Received: shape {images.shape}, dtype {images.dtype}. Pass image[None] for one."
        )
    draw = _sampler(open_predictor(model), samples, seed, size, batch_size, tick)
    return draw(images.astype(np.float32))


def many_passes(
    predictor: Predictor,
    samples: int,
    seed: int = 0,
    *,
    size: Asked = None,
    flip: bool = False,
    tick: Callable[[int], None] | None = None,
) -> Source:
    """The source that gives the mean of samples, through the predictor's CRF if it has one.

    Its uncertainty is what the samples say, before the CRF. Takes what `sample` takes.

    Raises:
        UserError: as `sample`, and with `flip`.
    """
    if flip:
        raise UserError(
            "`flip` must be left out with samples, which average the network with itself already. "
            f"Received: flip=True with {samples} samples. Leave out --flip or --mc-samples."
        )
    draw = _sampler(predictor, samples, seed, size, None, tick)

    def source(images: np.ndarray) -> Distribution:
        found = draw(images)
        probabilities = predictor.refined(found.probabilities, images)
        maps = {name: getattr(found, name) for name in SAMPLED}
        return Distribution(np.argmax(probabilities, -1).astype(np.int32), probabilities, maps)

    return source


def _sampler(
    predictor: Predictor,
    samples: int,
    seed: int,
    size: Asked,
    batch_size: int | None,
    tick: Callable[[int], None] | None,
) -> Callable[[np.ndarray], MonteCarlo]:
    for name, value, least, option in (
        ("samples", samples, 2, "--mc-samples 40"),
        ("seed", seed, 0, "--seed 0"),
    ):
        is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not is_whole or not least <= value < 2**63:
            raise UserError(
                f"`{name}` must be a whole number, {least} or more and below 2**63. "
                f"Received: {name}={value!r}. The usual is {option}."
            )
    sampler = DropoutSampler(predictor)
    require_distribution(predictor)

    def draw(images: np.ndarray) -> MonteCarlo:
        seen = predictor.seen(images, size)
        rows = [
            statistics(sampler.sums(image[None], samples, seed, batch_size, tick), samples)
            for image in seen
        ]
        own_size = images.shape[1:3]
        probabilities, *maps = (np.stack(each) for each in zip(*rows, strict=True))
        # All are resized alike, so that no map becomes larger than the entropy that it is part of.
        found = (resized(each[..., None], own_size)[..., 0] for each in maps)
        return MonteCarlo(resized(probabilities, own_size), *found)

    return draw


def require_distribution(predictor: Predictor) -> None:
    """Raises UserError unless a model gives one distribution over the classes a pixel."""
    if predictor.channels is None:
        raise UserError(
            "`model` must give logits or probabilities, of which calibration is a property. "
            f"Received: {predictor.name}, which gives labels. "
            "Use the model that it was exported from, or export it without --output-kind labels."
        )
    if predictor.channels > 1 and predictor.output.activation == "sigmoid":
        raise UserError(
            "`model` must give probabilities that sum to 1 over the classes. "
            f"Received: {predictor.name}, which ends in a sigmoid for each of "
            f"{predictor.channels} classes. Train it with a softmax, or with logits."
        )


def of_each_class(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities `(..., classes)`; of one channel, the foreground's, those of both classes."""
    if probabilities.shape[-1] > 1:
        return probabilities
    return np.concatenate([1 - probabilities, probabilities], axis=-1)


def predictive_entropy(probabilities: np.ndarray) -> np.ndarray:
    """`-sum(p * ln(p))` over the classes, in nats: 0 is sure, `ln(classes)` knows nothing.

    Args:
        probabilities: float `(..., classes)`, which sum to 1.

    Returns:
        float32 `(...)`.
    """
    # The least positive float32: 0 * ln(0) is meant to be 0, and ln(0) is not a number.
    tiny = np.finfo(np.float32).tiny
    found = -np.einsum("...c,...c->...", probabilities, np.log(np.maximum(probabilities, tiny)))
    return np.maximum(found, 0).astype(np.float32)
