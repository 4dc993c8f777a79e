"""A `.tflite` file as a function of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import metadata
from segnet_tf.export.tflite_file.finite import require_numbers
from segnet_tf.export.tflite_file.interpreter import open_file
from segnet_tf.export.tflite_file.quantized import dequantize, quantize
from segnet_tf.models.output_kind import Kind, Output, of_values

# What a converter may put behind the op that says what the numbers mean.
_WRAPPERS = {"DEQUANTIZE", "QUANTIZE", "CAST", "RESHAPE", "DELEGATE"}
_RESIZES = {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "STRIDED_SLICE", "TRANSPOSE"}
# They make logits. For a file that ends otherwise, e.g. in the parts of a softmax, the values on a
# few images say what they are.
_LINEAR = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"}
_PROBABILITIES = {"SOFTMAX", "LOGISTIC"}
_LABELS = {"ARG_MAX", "ARG_MIN"}
# An input of bytes that spans less than this does not hold 0..255: normalized images span 1 to 6.
_FEWEST_PIXEL_SPAN = 16


class TFLiteModel:
    """A segmentation model in TFLite form, run by `ai_edge_litert` on the CPU.

    Args:
        path: of the `.tflite` file.
        threads: of the interpreter.

    Attributes:
        input_size: `(height, width)` in pixels, which is fixed.
        batch: images that the file takes at a time.
        output: what its output means.
        channels: values a pixel, None for labels.
        image_channels: of the images that it takes: 3 for RGB, 1 for grey.
        labels: class names in the file, None if it has none.
        colors: of these classes, None if it has none.
        uncertainty: what a second output says of each pixel, None for a file with one output.

    Call arguments:
        image: `(height, width, image_channels)`, RGB 0..255, any dtype. What the file's metadata
            says is subtracted from it and divides it, before it is quantized.

    Returns:
        float32 `(h, w, channels)`, or int32 `(h, w)` for a label map; at the file's own
        output size.

    Raises:
        UserError: not a TFLite file, or not one from an image to a map.
    """

    def __init__(self, path: str | Path, threads: int = 1):
        self._interpreter = open_file(Path(path), threads)
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        content = Path(path).read_bytes()
        require_numbers(content, str(path))
        said = metadata.read(content, str(path))
        self.labels = None if said is None else said.labels
        self.colors = None if said is None else said.colors
        self.uncertainty = None if said is None else said.uncertainty
        shape = tuple(inputs[0]["shape"])
        out = tuple(outputs[-1]["shape"])
        expected = 1 if self.uncertainty is None else 2
        if len(inputs) != 1 or len(outputs) != expected or len(shape) != 4:
            raise UserError(
                "`model` must take images (batch, height, width, channels) and give one map each, "
                "or two if its metadata says what the first one is. "
                f"Received: {path} with {len(inputs)} inputs, the first {shape}, and "
                f"{len(outputs)} outputs."
            )
        others = {tuple(detail["shape"]) for detail in outputs[:-1]}
        if len(out) not in (3, 4) or out[0] != shape[0] or others - {(*out[:3], 1)}:
            raise UserError(
                "`model` must give maps (batch, height, width) or (batch, height, width, classes). "
                f"Received: {path}, which gives {', '.join(map(str, (*others, out)))} for {shape}."
            )
        self._input, self._output, self._outputs = inputs[0], outputs[-1], outputs
        self.input_size = (int(shape[1]), int(shape[2]))
        self.image_channels = int(shape[3])
        self.batch = int(shape[0])
        self._normalization = _normalization(said, self.image_channels, path)
        kind = self._find_kind()
        self.channels = None if kind == "labels" else int(out[3])
        # What a file says of itself: of logits whose classes are not exclusive a sigmoid each.
        is_sigmoid = self.channels == 1 or (said is not None and said.activation == "sigmoid")
        self.output = Output(kind, "sigmoid" if is_sigmoid else "softmax")

    def _find_kind(self) -> Kind:
        if len(self._output["shape"]) == 3:
            return "labels"
        # Its last op makes the uncertainty.
        if self.uncertainty is not None:
            return "probabilities"
        ops = [op["op_name"] for op in self._interpreter._get_ops_details()]
        last = next((name for name in reversed(ops) if name not in _WRAPPERS | _RESIZES), "")
        # An integer output without a scale can only be ids, whatever made them.
        bare = self._output["quantization"][0] == 0 and self._output["dtype"] != np.float32
        if last in _LABELS or bare:
            return "labels"
        if last in _PROBABILITIES:
            return "probabilities"
        if last in _LINEAR:
            return "logits"
        return of_values(self._real_numbers, (*self.input_size, self.image_channels))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        image = np.asarray(image)
        expected = (*self.input_size, self.image_channels)
        if image.shape != expected:
            raise UserError(
                f"`image` must be {expected}, which the file is fixed to. "
                f"Received: {image.shape}. Resize it."
            )
        return self.on_batch(image[None])[0]

    def on_batch(self, images: np.ndarray) -> np.ndarray:
        """The outputs for `(count, height, width, channels)`, stacked, whatever the batch."""
        return self._classes(self._stored(images)[-1])

    def with_uncertainty(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What `on_batch` gives, and how unsure each pixel is, in one run.

        Returns:
            The outputs, and the entropy in nats, float32 `(count, h, w)`. Only for a file that has
            an `uncertainty`.
        """
        entropy, classes = self._stored(images)
        real = dequantize(entropy, *self._outputs[0]["quantization"])
        return self._classes(classes), real[..., 0].astype(np.float32)

    def _classes(self, stored: np.ndarray) -> np.ndarray:
        if self.channels is None:
            return (stored[..., 0] if stored.ndim == 4 else stored).astype(np.int32)
        return self._real(stored)

    def _real_numbers(self, images: np.ndarray) -> np.ndarray:
        return self._real(self._stored(images)[-1])

    def _real(self, stored: np.ndarray) -> np.ndarray:
        return dequantize(stored, *self._output["quantization"]).astype(np.float32)

    def _stored(self, images: np.ndarray) -> list[np.ndarray]:
        """Each of the file's outputs, in its own dtype."""
        outputs: list[list[np.ndarray]] = [[] for _ in self._outputs]
        for start in range(0, len(images), self.batch):
            part = images[start : start + self.batch]
            # The last images may not fill a batch: the last one is repeated, to be cut off again.
            filled = np.concatenate([part, part[-1:].repeat(self.batch - len(part), axis=0)])
            self._interpreter.set_tensor(self._input["index"], self._codes(filled))
            self._interpreter.invoke()
            for found, detail in zip(outputs, self._outputs, strict=True):
                found.append(self._interpreter.get_tensor(detail["index"])[: len(part)])
        return [np.concatenate(found) for found in outputs]

    def _codes(self, images: np.ndarray) -> np.ndarray:
        dtype, (scale, zero_point) = self._input["dtype"], self._input["quantization"]
        if self._normalization is not None:
            mean, std = self._normalization
            images = (images - mean) / std
        elif dtype in (np.int8, np.uint8) and 255 * scale < _FEWEST_PIXEL_SPAN:
            # It was trained on numbers such as -1..1 and does not say so. MediaPipe feeds bytes.
            scale, zero_point = 1, np.iinfo(dtype).min
        return quantize(images, dtype, scale, zero_point)


def _normalization(
    said: metadata.Metadata | None, channels: int, path: str | Path
) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and standard deviation that the file's metadata asks for, one number or one a channel.

    Raises:
        UserError: they are no such numbers.
    """
    if said is None or said.normalization is None:
        return None
    mean, std = (np.asarray(values, np.float32) for values in said.normalization)
    sizes = {mean.size, std.size}
    with np.errstate(all="ignore"):
        are_numbers = np.isfinite([*mean, *std, *(255 / std)]).all()
    if not (sizes <= {1, channels} and are_numbers and (std > 0).all()):
        raise UserError(
            "`model` must say in its metadata one mean and one standard deviation above 0, or as "
            f"many as the image has channels, {channels}. Received: {path} with the means "
            f"{mean.tolist()} and the deviations {std.tolist()}. Write its metadata anew."
        )
    return mean, std
