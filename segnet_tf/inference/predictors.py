"""Label maps from any model: Keras or TFLite, in memory or in a file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.inference.tflite_model import TFLiteModel, check_survives
from segnet_tf.models.input_size import too_small
from segnet_tf.runs.checkpoints import load_model, resolve


class Predictor:
    """Images in, label maps of the same size out.

    Args:
        model: a `keras.Model` that gives logits, or a `TFLiteModel`.
        name: what the user called it.

    Attributes:
        channels: logits a pixel, None for a model that gives labels.
        input_size: `(height, width)` in pixels that the model is fixed to; None takes any.
    """

    def __init__(self, model: keras.Model | TFLiteModel, name: str):
        self.model = model
        self.name = name
        self.is_tflite = isinstance(model, TFLiteModel)
        self.channels: int | None
        self.input_size: tuple[int, int] | None
        if isinstance(model, TFLiteModel):
            self.channels = model.channels
            self.input_size = model.input_size
        else:
            self.channels = model.output_shape[-1]
            height, width = model.input_shape[1:3]
            self.input_size = (height, width) if height and width else None

    def check_classes(self, count: int) -> None:
        """Raises UserError unless the model tells `count` classes apart."""
        if self.channels is not None and max(self.channels, 2) != count:
            raise UserError(
                f"`model` must have the {count} classes of the data. "
                f"Received: {self.name} with {max(self.channels, 2)}. "
                "Evaluate it on the data set that it was trained for."
            )

    def labels(
        self, images: np.ndarray, *, size: tuple[int, int] | None = None, flip: bool = False
    ) -> np.ndarray:
        """Predicts label maps.

        Args:
            images: float32 `(batch, H, W, 3)`, RGB 0..255.
            size: `(height, width)` to resize the images to for the model; None for the
                size that the model is fixed to, or else their own.
            flip: average with the output for the mirrored image.

        Returns:
            int32 `(batch, H, W)`.

        Raises:
            UserError: the size is not the model's, or below the depth of its network.
        """
        height, width = images.shape[1:3]
        seen = size or self.input_size or (height, width)
        output = self._output(_resized(images, seen), flip)
        if self.channels is None:
            if output.shape[1:3] != (height, width):
                # Class ids cannot be interpolated.
                output = tf.image.resize(output[..., None], (height, width), "nearest")[..., 0]
            return np.asarray(output, np.int32)
        output = _resized(output, (height, width))
        if self.channels == 1:
            return (output[..., 0] > 0).astype(np.int32)
        return np.argmax(output, axis=-1).astype(np.int32)

    def _output(self, images: np.ndarray, flip: bool) -> np.ndarray:
        size = images.shape[1:3]
        if self.input_size is not None and size != self.input_size:
            height, width = self.input_size
            raise UserError(
                f"`size` must be {height}x{width}, which {self.name} is fixed to. Received: images "
                f"of {size[0]}x{size[1]} (height x width). Pass --size {height}x{width}."
            )
        if not flip:
            return self._run(images)
        if self.channels is None:
            raise UserError(
                "`flip` needs a model that gives logits or probabilities to average. "
                f"Received: {self.name}, which gives labels. Leave out --flip."
            )
        mirrored = self._run(np.ascontiguousarray(images[:, :, ::-1]))[:, :, ::-1]
        return (self._probabilities(self._run(images)) + self._probabilities(mirrored)) / 2

    def _probabilities(self, output: np.ndarray) -> np.ndarray:
        """Logits as probabilities, one logit as a probability minus a half."""
        if isinstance(self.model, TFLiteModel) and self.model.kind == "probabilities":
            return output
        if self.channels == 1:
            return tf.sigmoid(output).numpy() - 0.5
        return tf.nn.softmax(output).numpy()

    def _run(self, images: np.ndarray) -> np.ndarray:
        if isinstance(self.model, TFLiteModel):
            output = self.model.on_batch(images)
            if self.channels == 1 and self.model.kind == "probabilities":
                output = output - 0.5  # so that 0 is the threshold, as for logits
            return output
        try:
            return np.asarray(self.model.predict_on_batch(images), np.float32)
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                f"`size` must fit into memory. Received: images of {images.shape[1]}x"
                f"{images.shape[2]} (height x width). Pass a smaller --size."
            ) from error
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise too_small("size", images.shape[1:3], error) from error


def predict(
    model: keras.Model | str | Path,
    image: np.ndarray,
    *,
    size: tuple[int, int] | None = None,
    flip: bool = False,
) -> np.ndarray:
    """Predicts the class of every pixel.

    Args:
        model: a `keras.Model` that gives logits, a run folder, a `.keras` or `.tflite` file or
            `"weights:NAME"`. What is not in memory yet is loaded in each call: to predict many
            images, load the model once, or pass them as a batch.
        image: RGB 0..255, uint8 or float, `(height, width, 3)`, or a batch
            `(batch, height, width, 3)`.
        size: `(height, width)` to resize the images to for the model; None for the size that the
            model is fixed to, or else their own.
        flip: average with the output for the mirrored image, which takes twice as long.

    Returns:
        int32 class ids of the image's own size: `(height, width)`, or for a batch
        `(batch, height, width)`. With one logit 1 is foreground.

    Raises:
        UserError: no such model, no such image, or a size that does not fit the model.
    """
    images = np.asarray(image)
    numeric = np.issubdtype(images.dtype, np.integer) or np.issubdtype(images.dtype, np.floating)
    if images.ndim not in (3, 4) or images.shape[-1] != 3 or not images.size or not numeric:
        raise UserError(
            "`image` must be RGB 0..255 of shape (height, width, 3) or (batch, height, width, 3). "
            f"Received: shape {images.shape}, dtype {images.dtype}. "
            "Pass np.asarray(PIL.Image.open(path).convert('RGB')), for example."
        )
    if isinstance(model, keras.Model):
        predictor = Predictor(model, model.name)
    else:
        predictor = open_predictor(model)
    batch = images if images.ndim == 4 else images[None]
    labels = predictor.labels(batch.astype(np.float32), size=size, flip=flip)
    return labels if images.ndim == 4 else labels[0]


def open_predictor(model: str | Path) -> Predictor:
    """A `Predictor` of a run folder, a `.keras` or `.tflite` file or "weights:NAME"."""
    path = resolve(model)
    if path.suffix != ".tflite":
        return Predictor(load_model(model), str(model))
    check_survives(path)
    return Predictor(TFLiteModel(path), str(model))


def _resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if images.shape[1:3] == tuple(size):
        return images
    return tf.image.resize(images, size).numpy()
