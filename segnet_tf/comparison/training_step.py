"""Time and memory of a training step. A subprocess measures it, see `worker`: its memory counts."""

from __future__ import annotations

import dataclasses
import statistics
import time

from segnet_tf.comparison import measurements
from segnet_tf.comparison.measurements import Job
from segnet_tf.runs.records import read_run
from segnet_tf.system.resident import resident_peak
from segnet_tf.training import precision
from segnet_tf.training.preparation import Data, be_repeatable, compiled_model, make_dataset

_TIMED_STEPS = 7


def measure(job: Job) -> None:
    """Times a few steps as `segnet-tf train` does them; the peak is of this process."""
    config = dataclasses.replace(
        job.config, mixed_precision=precision.resolved(job.config.mixed_precision)
    )
    be_repeatable(config)
    data = Data.open(config)
    record = read_run(job.run)
    model = compiled_model(config, data, record["class_weights"] if record else None)
    times = []
    for images, labels in make_dataset(config, data.train, 0).take(_TIMED_STEPS + 1):
        began = time.perf_counter()
        model.train_on_batch(images, labels)
        times.append(time.perf_counter() - began)
    # The first call builds the graph.
    measurements.training_step(job).store(
        {"seconds": statistics.median(times[1:]), "peak_bytes": resident_peak()}
    )
