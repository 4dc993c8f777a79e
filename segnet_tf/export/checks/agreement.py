"""Runs a file and its Keras model on the same images: pixels that agree, and both scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.data import Samples
from segnet_tf.data.pipeline import evaluation_dataset
from segnet_tf.data.scenes import synthetic
from segnet_tf.export.tflite_file.flatbuffer import Graph
from segnet_tf.inference.predictors import Predictor
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.metrics import SegmentationScores
from segnet_tf.system.progress import counted

# Enough to see a broken file where there is nothing to score on.
DRAWN_SCENES = 8


def model_images(graph: Graph, samples: Samples | None, count: int) -> list[np.ndarray]:
    """The first images of `samples` (drawn ones for `None`), at the file's input size and batch.

    Returns:
        float32 `(batch, height, width, 3)` each, RGB 0..255.
    """
    batch, height, width = graph.tensors[graph.inputs[0]].shape[:3]
    if samples is None:
        samples = synthetic.samples("val", size=(height, width), count=count * batch)
    images = []
    for index in range(min(count * batch, len(samples))):
        image, _ = samples.read(index)
        images.append(tf.image.resize(tf.cast(image, tf.float32), (height, width)).numpy())
    # Different ones in a batch, which shows one taken for another; again from the first at its end.
    full = -(-len(images) // batch) * batch
    stacked = np.stack([images[index % len(images)] for index in range(full)])
    return list(stacked.reshape(-1, batch, height, width, 3))


def compare(path: Path, model: keras.Model, samples: Samples | None) -> dict[str, Any]:
    """Pixel agreement, and mIoU of both where there are labels.

    Args:
        path: of the .tflite file.
        model: the Keras model it was made from.
        samples: images and labels; `None` compares pixels on drawn scenes.

    Returns:
        `pixel_agreement`, `keras_mean_iou`, `tflite_mean_iou`, `mean_iou_drop` (fractions,
        the last three `None` without labels), `images`, `data`.
    """
    tflite = TFLiteModel(path)
    file = Predictor(tflite, str(path))
    keras_model = Predictor(model, model.name)
    size = file.input_size
    scored = samples is not None
    if samples is None:
        samples = synthetic.samples("val", size=size, count=DRAWN_SCENES)
    else:
        file.check_classes(len(samples.classes))
        keras_model.check_classes(len(samples.classes))
    classes = len(samples.classes)
    metrics = {name: SegmentationScores(classes) for name in ("keras", "tflite")}
    same = total = 0
    pairs = evaluation_dataset(samples, batch_size=tflite.batch)
    batches = -(-len(samples) // tflite.batch)
    for images, labels in counted(pairs, batches, "comparing"):
        answers = {
            "keras": keras_model.labels(images.numpy(), size=size),
            "tflite": file.labels(images.numpy(), size=size),
        }
        same += int((answers["keras"] == answers["tflite"]).sum())
        total += answers["keras"].size
        if scored:
            for name, answer in answers.items():
                metrics[name].update_state(labels, tf.one_hot(answer, classes))
    facts: dict[str, Any] = {
        "pixel_agreement": same / total,
        "keras_mean_iou": None,
        "tflite_mean_iou": None,
        "mean_iou_drop": None,
        "images": len(samples),
        "data": f"{samples.source} {samples.split}",
    }
    if scored:
        for name, metric in metrics.items():
            facts[f"{name}_mean_iou"] = float(metric.result()["mean_iou"])
        facts["mean_iou_drop"] = facts["keras_mean_iou"] - facts["tflite_mean_iou"]
    return facts


def mean_iou(model: keras.Model, samples: Samples, size: tuple[int, int]) -> float:
    """The score of a Keras model alone, as `compare` takes it.

    Args:
        model: from RGB 0..255 to logits.
        samples: images and labels.
        size: `(height, width)` in pixels that images are resized to for the model.
    """
    predictor = Predictor(model, model.name)
    classes = len(samples.classes)
    scores = SegmentationScores(classes)
    pairs = evaluation_dataset(samples, batch_size=1)
    for images, labels in counted(pairs, len(samples), "scoring the model before"):
        answer = predictor.labels(images.numpy(), size=size)
        scores.update_state(labels, tf.one_hot(answer, classes))
    return float(scores.result()["mean_iou"])
