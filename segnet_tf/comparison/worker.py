"""The subprocess of a comparison that exports, scores and measures one run.

`python -m segnet_tf.comparison.worker STEP JOB` with JOB in JSON does one step of `STEPS` and keeps
its results; those that are there already are not measured again.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable

from segnet_tf.comparison import measurements
from segnet_tf.comparison.measurements import Job
from segnet_tf.errors import UserError
from segnet_tf.system.outputs import make_folder
from segnet_tf.system.progress import ProgressLine
from segnet_tf.system.resident import resident_peak
from segnet_tf.system.tensorflow_start import start_tensorflow

# The exit code when the last line on stderr is the whole error message.
REFUSED = 2
# A comparison shows what int8 costs, it does not refuse it.
_ANY_DROP = 1.0
# The exporter scores a file on a few images; the comparison itself does so on all of them.
_CHECKED_IMAGES = 8
_TIMED_STEPS = 7


def export(job: Job) -> None:
    """Exports to float32 and int8, each file checked as `segnet-tf export` does it.

    Raises:
        UserError: a file failed its checks; the other one is there if it passed.
    """
    from segnet_tf.export import exporter, sources
    from segnet_tf.export.options import ExportOptions

    make_folder(job.folder)
    source = sources.open_source(str(job.run))
    failures = []
    for form, measured in measurements.exports(job).items():
        if measured.result() is not None:
            continue
        options = ExportOptions(
            form,
            data=job.config.data,
            output=job.file(form),
            input_size=job.size,
            limit=_CHECKED_IMAGES,
            largest_drop=_ANY_DROP,
            overwrite=True,
        )
        try:
            _, report = exporter.export(source, options)
        except (UserError, exporter.CheckFailed) as error:
            failures.append(f"{form}: {error}")
            continue
        facts = {"bytes": report.facts["bytes"], "partitions": report.facts["partitions"]["count"]}
        # The key holds the file, which is new.
        measurements.exports(job)[form].store(facts)
    if failures:
        raise UserError(f"`model` must export. Received: {'; '.join(failures)}")


def score(job: Job) -> None:
    """Scores the Keras model and the int8 file on each split; no file, no scores of it."""
    from segnet_tf.inference.evaluation import evaluate
    from segnet_tf.runs.records import read_run
    from segnet_tf.runs.splits import run_split

    record = read_run(job.run)
    models = {"keras": job.run, "int8": job.file("int8")}
    for (split, what), measured in measurements.scores(job).items():
        if measured.result() is not None or not models[what].exists():
            continue
        samples = run_split(record, "val", job.config.data, split=split, size=job.config.size)
        with ProgressLine(f"scoring {what} on {split}") as progress:
            found = evaluate(models[what], samples, size=job.size, progress=progress)
        measured.store(found.summary)


def cost(job: Job) -> None:
    """Counts parameters and multiply-adds."""
    from segnet_tf.models.cost import cost_of
    from segnet_tf.runs.checkpoints import load_model

    found = cost_of(load_model(job.run), job.size)
    measurements.cost(job).store({"parameters": found.parameters, "macs": found.macs})


def training_step(job: Job) -> None:
    """Times a few steps as `segnet-tf train` does them; the peak is of this process."""
    from segnet_tf.runs.records import read_run
    from segnet_tf.training import precision
    from segnet_tf.training.preparation import Data, be_repeatable, compiled_model, make_dataset

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


STEPS: dict[str, Callable[[Job], None]] = {
    "export": export,
    "score": score,
    "cost": cost,
    "training_step": training_step,
}


def main(arguments: list[str]) -> int:
    """Does a step; 2 and a line on stderr for bad input."""
    name, content = arguments
    start_tensorflow()
    try:
        STEPS[name](Job.from_json(json.loads(content)))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
