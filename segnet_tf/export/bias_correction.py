"""Bias correction: takes off what rounding adds to a channel on average.

Rounded filters answer to a constant part of their input with an error that is the same at every
pixel, and layers hand it on. It can be measured on a few images and taken off the biases, which
costs no size and no time in the file (Nagel et al., 2019, https://arxiv.org/abs/1906.04721,
section 4.2, there by the activations' statistics). On CamVid's val it brought segnet_lite's int8
file from 70.88 to 71.5 mIoU, where Keras has 71.43.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import graph, input_scale, layer_tensors
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import biases, flatbuffer
from segnet_tf.system.json_files import read_json

# Four did as well as 32: a mean over all pixels of an image is a mean over thousands of values.
IMAGES = 8

# Layer -> what its output has too much in the file, in real numbers: one number a channel.
Shifts = dict[str, list[float]]


def measure(
    content: bytes, model: keras.Model, ranges: Ranges, pictures: Iterable[np.ndarray]
) -> Shifts:
    """The mean error that each convolution of an int8 file adds to each of its channels.

    A layer is held against what Keras computes from the file's own tensors before it, so that what
    those have too much is not counted again.

    Args:
        content: of the .tflite file, as `convert.convert` wrote it.
        model: the Keras model that it was made from.
        ranges: that it was made with.
        pictures: float32 `(batch, height, width, channels)`, 0..255, of the file's size.

    Returns:
        Rounded to three digits. Layers whose bias cannot be changed are not in it.
    """
    model = input_scale.moved(graph.network_of(model))
    file = flatbuffer.read(content)
    found = layer_tensors.of_layers(file, model, ranges)
    shown = flatbuffer.with_outputs(content, list(found.values()))
    corrected = {name for name, index in found.items() if biases.bias_of(file, index) is not None}
    sums: dict[str, np.ndarray] = {}
    count = 0
    for image in pictures:
        outputs = registry.get("xnnpack").run(shown, [image]).outputs[0][len(file.outputs) :]
        values = dict(zip(found, outputs, strict=True))

        def replace(
            name: str, value: tf.Tensor, values: dict[str, np.ndarray] = values
        ) -> tf.Tensor:
            if name not in found:
                return value
            if name in corrected:
                error = np.asarray(values[name] - value, np.float64)
                mean = error.reshape(-1, error.shape[-1]).mean(axis=0)
                sums[name] = sums.get(name, 0.0) + mean
            return tf.constant(values[name], tf.float32)

        graph.walk(model, image, {}, replace)
        count += 1
    return {
        name: [float(f"{value:.3g}") for value in total / count] for name, total in sums.items()
    }


def read_shifts(path: str | Path) -> Shifts | None:
    """What an earlier export measured, out of its JSON report; None if it has none of it.

    Raises:
        UserError: no such file, or one whose shifts are no numbers.
    """
    found = read_json(path).get("bias_shifts")
    if found is None:
        return None
    try:
        shifts = {name: [float(value) for value in values] for name, values in found.items()}
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise _no_shifts(path) from error
    if not all(np.isfinite(values).all() for values in shifts.values()):
        raise _no_shifts(path)
    return shifts


def _no_shifts(path: str | Path) -> UserError:
    return UserError(
        "`bias_shifts` must be a table of lists of finite numbers. "
        f"Received: another thing in {path}. Give data (--data DIR) instead of ranges."
    )


def corrected(content: bytes, model: keras.Model, ranges: Ranges, shifts: Shifts) -> bytes:
    """The file with `shifts` taken off its biases.

    Behind a ReLU a bias moves only what is not cut off, so of such a layer a part stays.

    Args:
        content: as `measure` takes it, of any size and batch.
        model: the Keras model that it was made from.
        ranges: that it was made with.
        shifts: of `measure`; layers that the model does not have are left out.
    """
    file = flatbuffer.read(content)
    found = layer_tensors.of_layers(file, input_scale.moved(graph.network_of(model)), ranges)
    amounts = {}
    for name, shift in shifts.items():
        bias = biases.bias_of(file, found[name]) if name in found else None
        if bias is not None and file.tensors[bias].shape == (len(shift),):
            amounts[bias] = np.array(shift)
    return biases.lowered(content, amounts)
