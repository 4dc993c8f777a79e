"""What a model says of each pixel: a distribution over the classes, and where it is unsure.

A `Source` turns images into a `Distribution`; `evaluate` scores whatever it gives. One pass of a
model is the only source here; another one, such as the mean of many samples, is a function of the
same form, with uncertainty maps of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.inference.image_scale import Asked
from segnet_tf.inference.predictors import Predictor, resized, winners


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
