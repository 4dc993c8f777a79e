"""Runs a file and its Keras model on the same images: how many pixels agree, and both scores."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TypedDict

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.data import Samples
from segnet_tf.data.pipeline import evaluation_batches
from segnet_tf.data.scenes import synthetic
from segnet_tf.inference.predictors import Predictor
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.metrics import SegmentationScores
from segnet_tf.system.progress import counted

# Enough to see a broken file when there are no labels to score on.
SYNTHETIC_SCENES = 8


class ProbabilityDifference(TypedDict):
    """Of the probabilities of a file and its Keras model, which are fractions of 1."""

    largest: float
    mean: float


class Scores(TypedDict):
    """What `compare` found; fractions, `None` without labels to score on.

    Attributes:
        pixel_agreement: the part of the pixels to which both give the same class.
        probability_difference: the largest and the mean absolute difference of the probabilities
            of all classes, at the file's output size; `None` for a file that gives labels.
        keras_mean_iou: of the Keras model.
        tflite_mean_iou: of the file.
        mean_iou_drop: what the file loses.
        images: how many were run.
        data: the source and the split.
    """

    pixel_agreement: float
    probability_difference: ProbabilityDifference | None
    keras_mean_iou: float | None
    tflite_mean_iou: float | None
    mean_iou_drop: float | None
    images: int
    data: str


def model_images(shape: tuple[int, ...], samples: Samples | None, count: int) -> list[np.ndarray]:
    """The first images of `samples`, resized and grouped as a file's input asks.

    Args:
        shape: of the input, `(batch, height, width, channels)`.
        samples: images; `None` for synthetic scenes.
        count: batches to return; fewer if `samples` has fewer images.

    Returns:
        float32 `(batch, height, width, channels)` each, 0..255.
    """
    batch, height, width, channels = shape
    if samples is None:
        samples = synthetic.samples("val", size=(height, width), count=count * batch)
    samples = samples.in_channels(channels)
    images = []
    for index in range(min(count * batch, len(samples))):
        image, _ = samples.read(index)
        images.append(tf.image.resize(tf.cast(image, tf.float32), (height, width)).numpy())
    # A batch gets different images, so that a mix-up inside a batch shows. If the images do not
    # fill the last batch, it goes on with the first ones.
    full = -(-len(images) // batch) * batch
    stacked = np.stack([images[index % len(images)] for index in range(full)])
    return list(stacked.reshape(-1, batch, height, width, channels))


def compare(path: Path, model: keras.Model | Predictor, samples: Samples | None) -> Scores:
    """Pixel agreement, and the mIoU of both where there are labels.

    Args:
        path: of the .tflite file.
        model: the Keras model it was made from, or what predicts with it.
        samples: images and labels, or images alone, of which pixels are compared; `None` compares
            pixels on synthetic scenes.
    """
    tflite = TFLiteModel(path)
    file = Predictor(tflite, str(path))
    keras_model = model if isinstance(model, Predictor) else Predictor(model, model.name)
    # What the logits mean is the model's to say; a file without metadata cannot.
    file.output = dataclasses.replace(file.output, activation=keras_model.output.activation)
    size = tflite.input_size
    scored = samples is not None and samples.is_labelled
    if samples is None:
        samples = synthetic.samples("val", size=size, count=SYNTHETIC_SCENES)
    else:
        file.check_classes(len(samples.classes))
        keras_model.check_classes(len(samples.classes))
    samples = samples.in_channels(file.image_channels)
    classes = len(samples.classes)
    metrics = {name: SegmentationScores(classes) for name in ("keras", "tflite")}
    same = total = 0
    largest = summed = count = 0.0
    compares = file.channels is not None and keras_model.channels is not None
    pairs = evaluation_batches(samples, batch_size=tflite.batch)
    batches = -(-len(samples) // tflite.batch)
    for images, truth in counted(pairs, batches, "comparing"):
        labels_of, chances = {}, []
        for name, predictor in (("keras", keras_model), ("tflite", file)):
            values = predictor.values(images.numpy(), size)
            labels_of[name] = predictor.labels_of(values, images.shape[1:3])
            if compares:
                chances.append(predictor.probabilities_of(values))
        if compares:
            apart = np.abs(chances[0] - chances[1])
            largest = max(largest, float(apart.max()))
            summed += float(apart.sum(dtype=np.float64))
            count += apart.size
        same += int((labels_of["keras"] == labels_of["tflite"]).sum())
        total += labels_of["keras"].size
        if scored:
            for name, found in labels_of.items():
                metrics[name].update_state(truth, tf.one_hot(found, classes))
    keras_score, tflite_score = (
        float(metric.result()["mean_iou"]) if scored else None for metric in metrics.values()
    )
    drop = None if keras_score is None or tflite_score is None else keras_score - tflite_score
    return {
        "pixel_agreement": same / total,
        "probability_difference": {"largest": largest, "mean": summed / count}
        if compares
        else None,
        "keras_mean_iou": keras_score,
        "tflite_mean_iou": tflite_score,
        "mean_iou_drop": drop,
        "images": len(samples),
        "data": f"{samples.source} {samples.split}",
    }


def mean_iou(model: keras.Model, samples: Samples, size: tuple[int, int]) -> float:
    """The score of a Keras model alone, measured as `compare` does.

    Args:
        model: from RGB 0..255 to logits or probabilities.
        samples: images and labels.
        size: `(height, width)` in pixels; images are resized to it for the model.
    """
    predictor = Predictor(model, model.name)
    classes = len(samples.classes)
    scores = SegmentationScores(classes)
    samples = samples.in_channels(predictor.image_channels)
    pairs = evaluation_batches(samples, batch_size=1)
    for images, labels in counted(pairs, len(samples), "scoring the model before"):
        found = predictor.labels(images.numpy(), size=size)
        scores.update_state(labels, tf.one_hot(found, classes))
    return float(scores.result()["mean_iou"])
