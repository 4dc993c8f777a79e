"""One cell of the parity table: one file on one runtime, compared with the Keras model."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.data import Samples
from segnet_tf.export.checks.uncertainty import Distributions, rank_correlation
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.uncertainty import Uncertainty
from segnet_tf.metrics import SegmentationScores
from segnet_tf.system.progress import counted

# Smallest fractions of pixels with Keras's class, and the largest loss of mIoU, a fraction too.
FLOAT32_PIXELS = 0.9999
FLOAT16_PIXELS = 0.995
INT8_DROP = 0.003
# Images in one call to a runtime: it returns all their outputs at once, in memory.
TOGETHER = 8

Keep = Callable[[int, np.ndarray], None]


@dataclasses.dataclass(frozen=True)
class Cell:
    """What a file gave on a runtime.

    Attributes:
        file_format, runtime: which cell it is.
        images: how many were run.
        delegated: nodes that a delegate took, `None` where the runtime only says "not all".
        nodes: of the file.
        pixels: the part of the pixels that has Keras's class.
        mean_iou, keras_mean_iou: fractions, on the images that were run.
        worst, mean: difference to Keras's logits, or probabilities of a file with an uncertainty.
        seconds: that all of it took.
        entropy_difference, entropy_rank: mean difference to Keras's entropy in nats, and Spearman's
            rank correlation with it; `None` for a file without an uncertainty.
        target: the promise this cell is held to, empty for none.
        met: whether it is kept; `None` without one.
    """

    file_format: str
    runtime: str
    images: int
    delegated: int | None
    nodes: int
    pixels: float
    mean_iou: float
    keras_mean_iou: float
    worst: float
    mean: float
    seconds: float
    entropy_difference: float | None = None
    entropy_rank: float | None = None
    target: str = ""
    met: bool | None = None

    @property
    def all_delegated(self) -> bool | None:
        """Whether one delegate took every node; `None` for kernels that run without one."""
        if not registry.get(self.runtime).has_delegate:
            return None
        return self.delegated == self.nodes


class KerasOutputs:
    """Images at the size of the files, and Keras's outputs for them, which are kept on disk.

    Args:
        model: from RGB 0..255 to logits.
        samples: images and labels.
        size: `(height, width)` in pixels that the files take.
        folder: an existing one; it gets a file of 4 bytes a number.
        uncertainty: that the files have; `None` for files with one output.

    Attributes:
        logits: float32 `(images, height, width, channels)`; of files with an uncertainty the mean
            probabilities by the same dropout masks.
        entropies: float32 `(images, height, width)` in nats, or `None`.

    Raises:
        UserError: a model that cannot be sampled.
    """

    def __init__(
        self,
        model: keras.Model,
        samples: Samples,
        size: tuple[int, int],
        folder: Path,
        uncertainty: Uncertainty | None = None,
    ) -> None:
        self.samples, self.size = samples, size
        if uncertainty is not None:
            model = Distributions(model, size, uncertainty).network
        shape = (len(samples), *size, model.output_shape[-1])
        values = np.lib.format.open_memmap(folder / "keras.npy", "w+", np.float32, shape)
        for index in counted(range(len(samples)), len(samples), "Keras"):
            values[index] = model.predict_on_batch(self.image(index))[0]
        self.logits = values if uncertainty is None else values[..., :-1]
        self.entropies = None if uncertainty is None else values[..., -1]

    def __len__(self) -> int:
        return len(self.samples)

    def image(self, index: int) -> np.ndarray:
        """float32 `(1, height, width, 3)`, RGB 0..255."""
        image = tf.cast(self.samples.read(index)[0], tf.float32)[tf.newaxis]
        return tf.image.resize(image, self.size).numpy()

    def score(self, metric: SegmentationScores, index: int, logits: np.ndarray) -> None:
        """Adds an output to a score at the size of the labels, as `segnet-tf evaluate` does."""
        truth = self.samples.read(index)[1]
        found = self.label_map(tf.image.resize(logits[np.newaxis], truth.shape[:2]).numpy())
        metric.update_state(truth[np.newaxis], tf.one_hot(found, len(self.samples.classes)))

    def label_map(self, values: np.ndarray) -> np.ndarray:
        """Class ids of what the files give, `(..., channels)`."""
        return label_map(values, 0.0 if self.entropies is None else 0.5)


def label_map(values: np.ndarray, threshold: float = 0.0) -> np.ndarray:
    """Class ids of `(..., channels)`; a single channel is foreground above the threshold."""
    return (values[..., 0] > threshold).astype(int) if values.shape[-1] == 1 else values.argmax(-1)


def measure(
    content: bytes,
    file_format: str,
    runtime: str,
    truth: KerasOutputs,
    count: int,
    keep: Keep = lambda index, logits: None,
) -> Cell:
    """Runs a file on the first images.

    Args:
        content: of the .tflite file, which gives logits, or the uncertainty of `truth` and behind
            it probabilities.
        file_format: what it is called in the table.
        runtime: a name in `registry.RUNTIMES`.
        truth: images and Keras's outputs.
        count: images to run, at most those that there are.
        keep: called with the number of each image and its logits.

    Raises:
        UserError: the runtime is missing or refuses the file.
    """
    count = min(count, len(truth))
    metrics = [SegmentationScores(len(truth.samples.classes)) for _ in range(2)]
    worst, same, differences, pixels, values = 0.0, 0, 0.0, 0, 0
    began = time.perf_counter()
    delegated: int | None = None
    entropies: list[np.ndarray] = []
    done = counted(range(count), count, f"{file_format} on {runtime}")
    for start in range(0, count, TOGETHER):
        images = [truth.image(index) for index in range(start, min(start + TOGETHER, count))]
        result = registry.get(runtime).run(content, images)
        delegated = result.delegated
        for outputs in result.outputs:
            index, logits = next(done), outputs[-1][0]
            if truth.entropies is not None:
                entropies.append(outputs[0][0, ..., 0])
            expected = truth.logits[index]
            difference = np.abs(logits - expected)
            # NaN counts as the worst: Python's `max` may ignore it, `np.maximum` keeps it.
            worst = float(np.maximum(worst, difference.max()))
            differences += float(difference.sum(dtype=np.float64))
            same += int((truth.label_map(logits) == truth.label_map(expected)).sum())
            pixels += logits.shape[0] * logits.shape[1]
            values += logits.size
            for metric, output in zip(metrics, (logits, expected), strict=True):
                truth.score(metric, index, output)
            keep(index, logits)
    next(done, None)
    mean_iou, keras_mean_iou = (float(metric.result()["mean_iou"]) for metric in metrics)
    cell = Cell(
        file_format,
        runtime,
        count,
        delegated,
        len(flatbuffer.read(content).ops),
        same / pixels,
        mean_iou,
        keras_mean_iou,
        worst,
        differences / values,
        time.perf_counter() - began,
        *_entropy(entropies, truth.entropies),
    )
    return judged(cell, len(truth))


def _entropy(
    found: list[np.ndarray], expected: np.ndarray | None
) -> tuple[float | None, float | None]:
    if expected is None:
        return None, None
    own, meant = np.stack(found), expected[: len(found)]
    return float(np.abs(own - meant).mean(dtype=np.float64)), rank_correlation(own, meant)


def judged(cell: Cell, available: int) -> Cell:
    """The cell with its target.

    Args:
        cell: as measured.
        available: images in the split. A score on a few of them is no score to judge by.
    """
    target, met = "", None
    if registry.get(cell.runtime).float16:
        if cell.file_format in ("float32", "float16"):
            target = f"pixels >= {100 * FLOAT16_PIXELS:g} %"
            met = cell.pixels >= FLOAT16_PIXELS
    elif cell.file_format == "float32":
        target = f"pixels >= {100 * FLOAT32_PIXELS:g} %"
        met = cell.pixels >= FLOAT32_PIXELS
    elif cell.file_format == "int8" and cell.images == available:
        target = f"mIoU lost <= {100 * INT8_DROP:g}"
        met = cell.keras_mean_iou - cell.mean_iou <= INT8_DROP
    return dataclasses.replace(cell, target=target, met=met)


def to_json(cell: Cell) -> dict[str, Any]:
    """The cell as JSON types."""
    return {**dataclasses.asdict(cell), "all_delegated": cell.all_delegated}
