"""Counts, scores and exports the model of a run. A subprocess does it, see `worker`."""

from __future__ import annotations

from segnet_tf.comparison import measurements
from segnet_tf.comparison.measurements import Job, Scored
from segnet_tf.errors import UserError
from segnet_tf.export import exporter
from segnet_tf.export.options import ExportOptions
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.models.cost import cost_of
from segnet_tf.runs.checkpoints import load_model
from segnet_tf.runs.records import read_run
from segnet_tf.runs.splits import run_split
from segnet_tf.system.outputs import make_folder
from segnet_tf.system.progress import ProgressLine

# A comparison shows what int8 costs, it does not refuse it.
_ANY_DROP = 1.0
# The exporter scores a file on a few images; the comparison itself does so on all of them.
_CHECKED_IMAGES = 8


def measure(job: Job) -> None:
    """Counts the network, scores it, exports it and scores its int8 file, each unless it is done.

    Raises:
        UserError: an export failed; all else has been done.
    """
    model = load_model(job.run)
    if measurements.cost(job).result() is None:
        found = cost_of(model, job.size)
        measurements.cost(job).store({"parameters": found.trainable_parameters, "macs": found.macs})
    _score(job, "keras")
    failures = _export(job)
    if measurements.exports(job)["int8"].result() is not None:
        _score(job, "int8")
    if failures:
        raise UserError(f"`model` must export. Received: {'; '.join(failures)}")


def _export(job: Job) -> list[str]:
    """Exports to float32 and int8, each file checked as `segnet-tf export` does it.

    Returns:
        What failed; the other file is there if it passed.
    """
    make_folder(job.folder)
    failures = []
    for form, measured in measurements.exports(job).items():
        if measured.result() is not None:
            continue
        # Of earlier weights, if it is there.
        job.file(form).unlink(missing_ok=True)
        options = ExportOptions(
            form,
            data=job.config.data,
            output=job.file(form),
            input_size=job.size,
            limit=_CHECKED_IMAGES,
            largest_drop=_ANY_DROP,
        )
        try:
            _, report = exporter.export(str(job.run), options)
        except (UserError, exporter.CheckFailed) as error:
            failures.append(f"{form}: {error}")
            continue
        facts = {"bytes": report.facts["bytes"], "partitions": report.facts["partitions"]["count"]}
        # The key holds the file, which is new.
        measurements.exports(job)[form].store(facts)
    return failures


def _score(job: Job, what: Scored) -> None:
    """Scores the Keras model or the int8 file on each split."""
    record = read_run(job.run)
    model = job.run if what == "keras" else job.file("int8")
    for (split, scored), measured in measurements.scores(job).items():
        if scored != what or measured.result() is not None:
            continue
        samples = run_split(record, "val", job.config.data, split=split, size=job.config.size)
        with ProgressLine(f"scoring {what} on {split}") as progress:
            found = evaluate(model, samples, size=job.size, progress=progress)
        measured.store(found.summary)
