"""`segnet_tf.predict`: images in memory in, the class of every pixel out."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.inference.image_scale import Asked
from segnet_tf.inference.predictors import Predictor, open_predictor


def predict(
    model: keras.Model | str | Path | Predictor,
    image: np.ndarray,
    *,
    size: Asked = None,
    flip: bool = False,
) -> np.ndarray:
    """Predicts the class of every pixel.

    Args:
        model: a `keras.Model` that gives logits or probabilities, a run folder, a `.keras` or
            `.tflite` file or `"weights:NAME"`. What is not in memory yet is loaded in each call: to
            predict many images, load the model once, or pass them as a batch. Or an open one, e.g.
            with a CRF: `open_predictor("runs/mine").with_crf(CRFParameters())`.
        image: RGB 0..255, uint8 or float, `(height, width, 3)`, or a batch
            `(batch, height, width, 3)`. For a model of other images their channels in place of 3;
            a grey image may be `(height, width)`.
        size: `(height, width)` to resize the images to for the model, or "own" for their own
            size; None for the size that the model is fixed to, or else the scale of its training:
            the image keeps its aspect and gets the area that training saw. A model that was not
            loaded by `segnet_tf.load_model` does not know it, and sees images at their own size.
        flip: average with the output for the mirrored image, which takes twice as long.

    Returns:
        int32 class ids of the image's own size: `(height, width)`, or for a batch
        `(batch, height, width)`. With one logit or probability 1 is foreground.

    Raises:
        UserError: no such model, no such image, or a size that does not fit the model.
    """
    images = np.asarray(image)
    numeric = np.issubdtype(images.dtype, np.integer) or np.issubdtype(images.dtype, np.floating)
    predictor = open_predictor(model)
    count = predictor.image_channels
    if count == 1 and images.ndim == 2:
        images = images[..., None]
    if images.ndim not in (3, 4) or images.shape[-1] != count or not images.size or not numeric:
        kind, mode = {1: ("grey", "L"), 3: ("RGB", "RGB")}.get(count, (f"{count} channels", "RGBA"))
        raise UserError(
            f"`image` must be {kind} 0..255 of shape (height, width, {count}) or "
            f"(batch, height, width, {count}). "
            f"Received: shape {np.shape(image)}, dtype {images.dtype}. "
            f"Pass np.asarray(PIL.Image.open(path).convert({mode!r})), for example."
        )
    batch = images if images.ndim == 4 else images[None]
    labels = predictor.labels(batch.astype(np.float32), size=size, flip=flip)
    return labels if images.ndim == 4 else labels[0]
