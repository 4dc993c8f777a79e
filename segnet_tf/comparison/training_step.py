"""Time and memory of a training step. A subprocess measures it, see `worker`: its memory counts."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterable, Iterator

import keras
import tensorflow as tf

from segnet_tf.comparison import measurements
from segnet_tf.comparison.measurements import Job
from segnet_tf.config import TrainConfig
from segnet_tf.runs.records import read_run
from segnet_tf.system.resident import resident_peak
from segnet_tf.training import precision
from segnet_tf.training.preparation import Data, be_repeatable, compiled_model, make_dataset

_TIMED_STEPS = 7


def measure(job: Job) -> None:
    """Times a few steps as `segnet-tf train` does them; the peak is of this process."""
    record = read_run(job.run)
    model, batches = opened(job.config, record["class_weights"] if record else None)
    times = list(step_seconds(model, batches.take(_TIMED_STEPS + 1)))
    # The first call builds the graph.
    measurements.training_step(job).store(
        {"seconds": statistics.median(times[1:]), "peak_bytes": resident_peak()}
    )


def opened(
    config: TrainConfig, class_weights: list[float] | None
) -> tuple[keras.Model, tf.data.Dataset]:
    """The compiled model of a run before its first step, and its endless stream of batches.

    Raises:
        UserError: as the training itself.
    """
    config = dataclasses.replace(config, mixed_precision=precision.resolved(config.mixed_precision))
    be_repeatable(config)
    data = Data.open(config)
    model = compiled_model(config, data, class_weights)
    return model, make_dataset(config, data.train, 0)


def step_seconds(
    model: keras.Model, batches: Iterable[tuple[tf.Tensor, tf.Tensor]]
) -> Iterator[float]:
    """Trains on one batch after the other and gives the time of each step."""
    for images, labels in batches:
        began = time.perf_counter()
        model.train_on_batch(images, labels)
        yield time.perf_counter() - began
