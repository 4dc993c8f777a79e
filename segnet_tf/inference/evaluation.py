"""Scores of a model on a split: each image at its own size, one confusion matrix for all."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NotRequired, TypedDict

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.data import Samples
from segnet_tf.data.pipeline import evaluation_batches
from segnet_tf.errors import UserError
from segnet_tf.inference.image_scale import Asked, Notes
from segnet_tf.inference.predictors import Predictor, open_predictor
from segnet_tf.inference.uncertainty import many_passes, one_pass
from segnet_tf.metrics import SegmentationScores, scores
from segnet_tf.metrics.boundary import BoundaryF1
from segnet_tf.metrics.calibration import Calibration, CalibrationSummary
from segnet_tf.runs.records import require_same_order, versions
from segnet_tf.system.progress import counter

TOLERANCE = 0.0075


class Summary(TypedDict):
    """The scores of a split, as JSON types and as fractions.

    A class that is in neither truth nor prediction has `None`. `protocol` says what was measured
    and how. `calibration` is there if it was asked for.
    """

    mean_iou: float
    global_accuracy: float
    class_average_accuracy: float
    boundary_f1: float
    per_class_iou: dict[str, float | None]
    per_class_accuracy: dict[str, float | None]
    images: int
    protocol: dict[str, object]
    calibration: NotRequired[CalibrationSummary]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Args:
        summary: the scores.
        matrix: int64 `(n, n)`, pixels by true class (rows) and predicted class.
        prediction_ms: how long the model took for an image, milliseconds, the median: with its
            samples and its CRF, without reading and scoring. Not in the summary, which is equal
            for equal data.
    """

    summary: Summary
    matrix: np.ndarray
    prediction_ms: float


def evaluate(
    model: str | Path | keras.Model | Predictor,
    samples: Samples,
    *,
    batch_size: int = 1,
    size: Asked = None,
    flip: bool = False,
    calibration: bool = False,
    mc_samples: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Scores a model. Void is left out, labels are never resized.

    Args:
        model: a run folder, a `.keras` or `.tflite` file, "weights:NAME", a `keras.Model`, or an
            open one.
        samples: the images and labels to score on.
        batch_size: images at once, where they are of one size.
        size: `(height, width)` in pixels that images are resized to for the model, or "own"; the
            logits are resized back to the labels. None for the scale of its training, see
            `ImageScale`.
        flip: average with the output for the mirrored image.
        calibration: also measure how far the probabilities can be trusted.
        mc_samples: score the mean of so many samples with dropout alive, with calibration, see
            `uncertainty.sample`; None for one pass.
        seed: of the samples.
        progress: called with (images done, images), or samples where there are some.
        say: called with each line on the scale that the user must know, before it takes its time.

    Raises:
        UserError: another number of classes, a size the model cannot take, calibration of a model
            that gives no distribution over the classes, samples of a model without dropout.
    """
    predictor = open_predictor(model)
    ids = len(samples.classes)
    predictor.check_classes(ids)
    require_same_order(predictor.record, samples.classes, samples.source)
    samples = samples.in_channels(predictor.image_channels)
    # Where calibration is measured, the source gives the labels too: the model runs once.
    source = None
    if mc_samples is not None:
        tick = counter(progress, len(samples) * mc_samples)
        source = many_passes(predictor, mc_samples, seed, size=size, flip=flip, tick=tick)
        calibration, progress = True, None
    elif calibration:
        source = one_pass(predictor, size=size, flip=flip)
    trust = Calibration(samples.classes.names)
    region, boundary = SegmentationScores(ids), BoundaryF1(ids, tolerance=TOLERANCE)
    done, note, rescaled = 0, Notes(say), False
    times: list[float] = []
    for images, labels in evaluation_batches(samples, batch_size=batch_size):
        own = tuple(images.shape[1:3])
        rescaled |= predictor.scale.seen(own, size) != own
        note(predictor.scale.note(own, size))
        pixels = images.numpy()
        began = time.perf_counter()
        distribution = None if source is None else source(pixels)
        if distribution is None:
            predicted = predictor.labels(pixels, size=size, flip=flip)
        else:
            predicted = distribution.labels
        times.append((time.perf_counter() - began) / len(pixels))
        if predicted.max() >= ids:
            raise UserError(
                f"`model` must have the {ids} classes of the data. "
                f"Received: class {predicted.max()} from {predictor.name}. "
                "Evaluate it on the data set that it was trained for."
            )
        # The metrics take the argmax of logits: one-hot vectors give the labels back.
        logits = tf.one_hot(predicted, ids)
        region.update_state(labels, logits)
        boundary.update_state(labels, logits)
        if distribution is not None:
            trust.update(
                labels.numpy(), predicted, distribution.probabilities, distribution.uncertainty
            )
        done += len(predicted)
        if progress:
            progress(done, len(samples))
    found = scores(region.matrix())
    names = samples.classes.names
    summary: Summary = {
        "mean_iou": found["mean_iou"],
        "global_accuracy": found["global_accuracy"],
        "class_average_accuracy": found["class_average_accuracy"],
        "boundary_f1": float(boundary.result()),
        "per_class_iou": dict(zip(names, found["per_class_iou"], strict=True)),
        "per_class_accuracy": dict(zip(names, found["per_class_accuracy"], strict=True)),
        "images": len(samples),
        "protocol": _protocol(predictor, samples, predictor.scale.describe(size, rescaled), flip),
    }
    if mc_samples is not None:
        summary["protocol"] |= {"mc_samples": mc_samples, "mc_seed": seed}
    if calibration:
        summary["calibration"] = trust.summary()
    # The first batch waits for TensorFlow's tracing.
    prediction_ms = 1000 * statistics.median(times[1:] or times)
    return Evaluation(summary, region.matrix(), prediction_ms)


def _protocol(
    predictor: Predictor, samples: Samples, input_size: list[int] | str, flip: bool
) -> dict[str, object]:
    record = predictor.record
    config = record["config"] if record else {}
    return {
        "model": predictor.name,
        "architecture": config.get("model"),
        "data": samples.source,
        "split": samples.split,
        "input_size": input_size,
        "scored_at": "the size of the labels; logits are resized bilinearly where they differ",
        "void": "left out of truth and prediction",
        "mean": "over the classes in truth or prediction, one confusion matrix for the split",
        "boundary_tolerance": f"{TOLERANCE} of the image's diagonal, rounded up to whole pixels",
        "flip": flip,
        **({} if predictor.crf is None else {"crf": predictor.crf.to_json()}),
        "training_images": record["training_images"] if record else None,
        "seed": config.get("seed"),
        "versions": versions(),
    }


def table(summary: Summary) -> str:
    """The scores of `Evaluation.summary` as text, one row a class, in percent."""

    def percent(value: float | None) -> str:
        return "     -" if value is None else f"{100 * value:6.2f}"

    width = max(len(name) for name in [*summary["per_class_iou"], "class average accuracy"])
    lines = [f"{'class':{width}}     IoU  accuracy"]
    for name, iou in summary["per_class_iou"].items():
        lines.append(
            f"{name:{width}}  {percent(iou)}    {percent(summary['per_class_accuracy'][name])}"
        )
    lines.append("")
    for label, score in (
        ("mean IoU", summary["mean_iou"]),
        ("global accuracy", summary["global_accuracy"]),
        ("class average accuracy", summary["class_average_accuracy"]),
        ("boundary F1", summary["boundary_f1"]),
    ):
        lines.append(f"{label:{width}}  {percent(score)}")
    protocol = summary["protocol"]
    lines.append(f"{summary['images']} images, {protocol['data']} {protocol['split']}, percent")
    return "\n".join(lines)
