"""What an int8 file takes from training images: ranges of its tensors, and corrected biases."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np

from segnet_tf.data import Samples
from segnet_tf.errors import UserError
from segnet_tf.export import bias_correction
from segnet_tf.export.bias_correction import Shifts
from segnet_tf.export.conversion import calibration, sampling
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.options import ExportOptions
from segnet_tf.export.sources import OpenedData, Source
from segnet_tf.system.progress import counted


class Measured(TypedDict):
    """What int8 ranges were measured on, as the report has it."""

    images: int
    data: str


def ranges_of(
    options: ExportOptions, source: Source, data: OpenedData, size: tuple[int, int]
) -> tuple[Ranges, Measured | None]:
    """The int8 ranges of all tensors, and what they were measured on if that was now.

    Else they are out of a report, or those shipped with the weights.
    """
    file = _report(options, source, data)
    if file is not None:
        return calibration.read_ranges(file), None
    train = source.samples(data, "train")
    if train is None:
        raise UserError(
            "`data` must be given for int8, to measure the ranges of the activations. "
            "Received: none, and the model does not say what it was trained on. "
            "Give data=images, RGB 0..255, or a folder (--data DIR)."
        )
    count = options.calibration_images
    images = calibration.calibration_images(train, count, size, options.seed)
    total = min(count, len(train))
    images = counted(images, total, "calibrating")
    if options.mc_samples is None or options.second_output is None:
        ranges = calibration.measure_ranges(source.model, images)
    else:
        network = sampling.distribution_of(source.model, size, options.second_output)
        ranges = calibration.ranges_of_network(network, images)
    return ranges, {"images": total, "data": f"{train.source} {train.split}"}


def unbiased(
    content: bytes,
    options: ExportOptions,
    source: Source,
    data: OpenedData,
    size: tuple[int, int],
    ranges: Ranges,
) -> tuple[bytes, Shifts | None]:
    """An int8 file with its biases corrected, and by what: `None` where none are.

    Not corrected are a file whose rounding was trained with, and one with an uncertainty: samples
    of a network share their biases.
    """
    trained_for_int8 = options.compression is not None and options.compression.qat is not None
    if trained_for_int8 or options.second_output is not None:
        return content, None
    file = _report(options, source, data)
    shifts = None if file is None else bias_correction.read_shifts(file)
    if shifts is None:
        train = source.samples(data, "train")
        if train is None:
            return content, None
        shifts = _measured_shifts(content, options, source, train, size, ranges)
    return bias_correction.corrected(content, source.model, ranges, shifts)


def _report(options: ExportOptions, source: Source, data: OpenedData) -> Path | None:
    """The JSON file that says all that else is measured."""
    if options.ranges is not None:
        return Path(options.ranges)
    # Shipped ranges were measured without dropout.
    if data is None and options.mc_samples is None:
        return source.shipped_ranges()
    return None


def _measured_shifts(
    content: bytes,
    options: ExportOptions,
    source: Source,
    train: Samples,
    size: tuple[int, int],
    ranges: Ranges,
) -> Shifts:
    count = min(bias_correction.IMAGES, options.calibration_images, len(train))
    images = calibration.calibration_images(train, count, size, options.seed)
    batches = (np.repeat(image, options.batch, axis=0) for image in images)
    return bias_correction.measure(
        content, source.model, ranges, counted(batches, count, "correcting biases")
    )
