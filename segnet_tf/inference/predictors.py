"""Label maps from any model: Keras or TFLite, in memory or in a file."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file.interpreter import check_survives
from segnet_tf.inference.crf import CRFParameters, import_densecrf, refine
from segnet_tf.inference.image_scale import Asked, ImageScale, trained_sizes
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.models import output_kind
from segnet_tf.models.input_size import channel_words, check_shapes, too_small
from segnet_tf.runs.checkpoints import load_model, read_record, resolve
from segnet_tf.runs.records import RunRecord, run_classes


class Predictor:
    """Images in, label maps of the same size out.

    Args:
        model: a `keras.Model` or a `TFLiteModel`.
        name: what the user called it.
        record: of the run that it comes from, if that is known.

    Attributes:
        output: what its output means.
        channels: logits or probabilities a pixel, None for a model that gives labels.
        image_channels: of the images that it takes: 3 for RGB, 1 for grey.
        input_size: `(height, width)` in pixels that the model is fixed to; None takes any.
        scale: at which size it sees an image.
        crf: what refines its probabilities, see `with_crf`; None for nothing.

    Raises:
        UserError: a Keras model that is not one from an image to a map.
    """

    def __init__(
        self, model: keras.Model | TFLiteModel, name: str, record: RunRecord | None = None
    ):
        self.model = model
        self.name = name
        self.record = record
        self._has_warned = False
        self.is_tflite = isinstance(model, TFLiteModel)
        self.input_size: tuple[int, int] | None
        self.image_channels: int
        if isinstance(model, TFLiteModel):
            self.output = model.output
            self.input_size, self.image_channels = model.input_size, model.image_channels
            channels = model.channels
        else:
            image, found = check_shapes(model, name)
            self.output = output_kind.of(model)
            self.input_size = (image[1], image[2]) if image[1] and image[2] else None
            self.image_channels, channels = int(image[3] or 0), found[-1]
        self.channels: int | None = None if self.output.kind == "labels" else channels
        self.scale = ImageScale(self.input_size, None if self.input_size else trained_sizes(record))
        self.crf: CRFParameters | None = None

    def check_classes(self, count: int) -> None:
        """Raises UserError unless the model tells `count` classes apart."""
        if self.channels is not None and max(self.channels, 2) != count:
            raise UserError(
                f"`model` must have the {count} classes of the data. "
                f"Received: {self.name} with {max(self.channels, 2)}. "
                "Evaluate it on the data set that it was trained for."
            )

    def labels(self, images: np.ndarray, *, size: Asked = None, flip: bool = False) -> np.ndarray:
        """Predicts label maps.

        Args:
            images: float32 `(batch, H, W, image_channels)`, RGB 0..255.
            size: `(height, width)` to resize the images to for the model, or "own"; None for
                what `ImageScale.seen` says.
            flip: average with the output for the mirrored image.

        Returns:
            int32 `(batch, H, W)`.

        Raises:
            UserError: the size or the channels are not the model's, or the size is below the
                depth of its network.
        """
        own_size = images.shape[1:3]
        if not flip and self.crf is None:
            return self.labels_of(self.values(images, size), own_size)
        return winners(self.probabilities(images, size=size, flip=flip), own_size, 0.5)

    def probabilities(
        self, images: np.ndarray, *, size: Asked = None, flip: bool = False
    ) -> np.ndarray:
        """Probabilities at the images' own size, refined by the CRF if there is one.

        Takes what `labels` takes. Not for a model that gives labels.

        Returns:
            float32 `(batch, H, W, channels)`.
        """
        own_size = images.shape[1:3]
        if flip:
            found = resized(self.mirrored_mean(images, size), own_size)
        else:
            values = self.values(images, size)
            if self.output.kind == "logits":
                found = self.probabilities_of(resized(values, own_size))
            else:
                found = resized(self.probabilities_of(values), own_size)
        return self.refined(found, images)

    def refined(self, probabilities: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Probabilities at the images' own size, through the CRF if there is one."""
        if self.crf is None:
            return probabilities
        pairs = zip(probabilities, images, strict=True)
        return np.stack([refine(each, image, self.crf) for each, image in pairs])

    def with_crf(self, parameters: CRFParameters) -> Predictor:
        """The same model with a fully connected CRF behind it, see `crf.refine`.

        Raises:
            UserError: a model that gives labels, parameters that were tuned for other classes, or
                the optional package pydensecrf2 is missing.
        """
        import_densecrf()
        if self.channels is None:
            raise UserError(
                "`crf` needs a model that gives logits or probabilities to refine. "
                f"Received: {self.name}, which gives labels. Leave out the CRF (--crf)."
            )
        labels = self.model.labels if isinstance(self.model, TFLiteModel) else None
        known = [] if labels is None else [tuple(labels)]
        if self.record is not None:
            known.append(run_classes(self.record).names)
        parameters.check_classes(max(self.channels, 2), known, self.name)
        refined = copy.copy(self)
        refined.crf = parameters
        return refined

    def mirrored_mean(self, images: np.ndarray, size: Asked = None) -> np.ndarray:
        """Probabilities at the model's own size, averaged with those for the mirrored images."""
        if self.channels is None:
            raise UserError(
                "`flip` needs a model that gives logits or probabilities to average. "
                f"Received: {self.name}, which gives labels. Leave out flip (--flip)."
            )
        mirrored = self.values(np.ascontiguousarray(images[:, :, ::-1]), size)[:, :, ::-1]
        seen = self.probabilities_of(self.values(images, size))
        return (seen + self.probabilities_of(mirrored)) / 2

    def values(self, images: np.ndarray, size: Asked = None) -> np.ndarray:
        """What the model gives for images, as `labels` takes them; at the model's own size."""
        return self._run(self.seen(images, size))

    def seen(self, images: np.ndarray, size: Asked = None) -> np.ndarray:
        """The images, as `labels` takes them, at the size at which the model sees them."""
        seen = self.scale.seen(tuple(images.shape[1:3]), size)
        if images.shape[-1] != self.image_channels:
            raise UserError(
                f"`image` must have {channel_words(self.image_channels)}, which {self.name} "
                f"takes. Received: {channel_words(images.shape[-1])}. "
                "Use images of the kind that it was trained on."
            )
        if self.input_size is not None and tuple(seen) != self.input_size:
            height, width = self.input_size
            raise UserError(
                f"`size` must be {height}x{width}, which {self.name} is fixed to. Received: images "
                f"of {seen[0]}x{seen[1]} (height x width). "
                f"Give size=({height}, {width}) (--size {height}x{width})."
            )
        if not self._has_warned and images.size:
            lowest, highest = float(images.min()), float(images.max())
            if lowest < 0 or 0 < highest <= 1:
                self._has_warned = True
                found = f"nothing above {highest:.3g}" if lowest >= 0 else f"{lowest:.3g} too"
                warnings.warn(
                    "`image` should hold 0..255, unless the model was made for other numbers. "
                    f"Received: {found}, for {self.name}. Pass the pixels as they are in the file.",
                    stacklevel=2,
                )
        return resized(images, seen)

    def labels_of(self, values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """int32 `(batch, *size)` out of what `values` gave; maps are resized, not class ids."""
        if self.channels is None:
            ids = values[..., 0] if values.ndim == 4 else values
            if ids.shape[1:3] != tuple(size):
                ids = tf.image.resize(ids[..., None], size, "nearest")[..., 0]
            return np.asarray(ids, np.int32)
        if self.output.kind == "probabilities":
            return winners(self.probabilities_of(values), size, 0.5)
        return winners(values, size, 0.0)

    def probabilities_of(self, values: np.ndarray) -> np.ndarray:
        """Probabilities, float32, out of what `values` gave; not for a model that gives labels."""
        return self.output.probabilities(values)

    def _run(self, images: np.ndarray) -> np.ndarray:
        if isinstance(self.model, TFLiteModel):
            return self.model.on_batch(images)
        try:
            return np.asarray(self.model.predict_on_batch(images), np.float32)
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                f"`size` must fit into memory. Received: images of {images.shape[1]}x"
                f"{images.shape[2]} (height x width). Give a smaller size (--size HxW)."
            ) from error
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise too_small("size", images.shape[1:3], error) from error


def winners(values: np.ndarray, size: tuple[int, int], threshold: float) -> np.ndarray:
    """Class ids at `size` out of values a class; of one value, 1 where it is above `threshold`."""
    values = resized(values, size)
    if values.shape[-1] == 1:
        return (values[..., 0] > threshold).astype(np.int32)
    return np.argmax(values, axis=-1).astype(np.int32)


def open_predictor(model: str | Path | keras.Model | Predictor) -> Predictor:
    """A `Predictor` of a run folder, a `.keras` or `.tflite` file, "weights:NAME" or a model."""
    if isinstance(model, Predictor):
        return model
    if isinstance(model, keras.Model):
        return Predictor(model, model.name, read_record(model))
    path = resolve(model)
    if path.suffix != ".tflite":
        return Predictor(load_model(model), str(model), read_record(model))
    check_survives(path)
    return Predictor(TFLiteModel(path), str(model), read_record(model))


def resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images `(batch, height, width, channels)` at `size`, as a model sees them."""
    if images.shape[1:3] == tuple(size):
        return images
    # Bilinear interpolation reads 2x2 pixels: of a photo a tenth as large it would skip most of
    # them, and a camera's noise would cost 44 of 71 points of mIoU.
    shrinks = images.shape[1] > 2 * size[0] or images.shape[2] > 2 * size[1]
    return tf.image.resize(images, size, antialias=shrinks).numpy()
