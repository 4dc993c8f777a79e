"""Trains, exports and measures each row of a comparison, each step in a subprocess of its own."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from segnet_tf.comparison import measurements
from segnet_tf.comparison.configuration import Comparison, run_folder
from segnet_tf.comparison.measurements import Job
from segnet_tf.comparison.rivals import Rival
from segnet_tf.comparison.run_state import run_state
from segnet_tf.comparison.speed import SpeedJob
from segnet_tf.comparison.worker import REFUSED
from segnet_tf.errors import UserError
from segnet_tf.runs.splits import open_split, reading_of, seen_in_training
from segnet_tf.system import places, subprocesses
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import make_folder
from segnet_tf.system.subprocesses import Finished

# Starts a program and shows what it says; tests put another one in its place.
Launch = Callable[[list[str]], Finished]
# Row -> what failed, in words.
Failures = dict[str, list[str]]
_DOING = {
    "train": "training",
    "measure": "scoring and exporting",
    "training_step": "timing a training step",
}


def make_jobs(
    comparison: Comparison,
    seeds: Sequence[int],
    data: str | None,
    output: str | Path,
    size: tuple[int, int] | None,
) -> list[Job]:
    """The runs of a comparison, all rows of the first seed first.

    Args:
        comparison: the rows and the splits.
        seeds: a run each.
        data: the images; `None` for those that the file names.
        output: the folder of all runs.
        size: `(height, width)` in pixels at which models see images; `None` for the size of the
            first validation image.

    Raises:
        UserError: the data or a split of it cannot be opened, or a run there has another
            configuration.
    """
    jobs = []
    for seed in seeds:
        for row in comparison.rows:
            config = row.config(seed, data)
            folder = run_folder(output, row.name, seed)
            run_state(folder, config)
            if size is None:
                reading = reading_of(vars(config))
                val = open_split(config.data, config.val_split, config.size, **reading)
                height, width = val.read(0)[1].shape
                size = height, width
            jobs.append(Job(row.name, folder, config, size, comparison.splits))
    _check_splits(jobs[: len(comparison.rows)])
    return jobs


def _check_splits(jobs: Sequence[Job]) -> None:
    """Opens what is scored, before hours of training; says if some of it is trained on."""
    warnings = []
    for job in jobs:
        config, reading = job.config, reading_of(vars(job.config))
        train = open_split(
            config.data, config.train_split, config.size, config.limit_train, **reading
        )
        for split in job.splits:
            scored = open_split(config.data, split, config.size, **reading)
            warnings.append(seen_in_training(train, scored))
    for warning in dict.fromkeys(filter(None, warnings)):
        say(warning)


def follow_here(command: list[str], *, shown: bool = True) -> Finished:
    """`subprocesses.follow` for modules of this copy of the package, wherever the user stands."""
    path = os.pathsep.join(filter(None, [str(places.IMPORT_ROOT), os.environ.get("PYTHONPATH")]))
    return subprocesses.follow(command, env=os.environ | {"PYTHONPATH": path}, shown=shown)


_QUIETLY: Launch = functools.partial(follow_here, shown=False)


def check_networks(jobs: Sequence[Job], launch: Launch = _QUIETLY) -> None:
    """Builds each network that is to be trained from the start, before hours of the first rows.

    Raises:
        UserError: one cannot be built, starts from weights of another, or is too deep for `size`.
    """
    seed = jobs[0].config.seed
    new = [
        job for job in jobs if job.config.seed == seed and run_state(job.run, job.config) == "new"
    ]
    if not new:
        return
    say(f"checking {len(new)} networks")
    finished = launch(
        _python("segnet_tf.comparison.worker", "check", json.dumps([job.to_json() for job in new]))
    )
    # A crash is left to the row's own training: it loses that row only.
    if finished.code == REFUSED:
        raise UserError(_reason(finished))


def run_all(jobs: Sequence[Job], launch: Launch = follow_here) -> Failures:
    """Does what is left to do of each run. A step that fails costs what comes after it, of its row.

    Returns:
        Row -> what failed; empty if all is well.
    """
    failures: Failures = {}
    first = jobs[0].config.seed
    for number, job in enumerate(jobs, start=1):
        for step in _DOING:
            # It does not depend on the weights: the first seed's serves all.
            again = step == "training_step" and job.config.seed != first
            if again or not _is_left(step, job):
                continue
            name = f"{job.row}, seed {job.config.seed}"
            say(f"{name}: {_DOING[step]} ({number} of {len(jobs)} runs)")
            finished = launch(_command(step, job))
            if finished.code:
                reason = f"seed {job.config.seed}: {_DOING[step]}: {_reason(finished)}"
                failures.setdefault(job.row, []).append(reason)
                say(f"{job.row}: {reason}")
            if finished.code and step == "train":
                break
    return failures


def time_files(
    jobs: Sequence[Job],
    rivals: Sequence[Rival],
    output: str | Path,
    seconds: float,
    launch: Launch = follow_here,
) -> tuple[SpeedJob, str | None]:
    """Times the first seed's exported files and those of the rivals.

    Returns:
        `(job, failure)`: what was measured, and what went wrong, if anything did.
    """
    first = [job for job in jobs if job.config.seed == jobs[0].config.seed]
    files = [
        (job.row, form, job.file(form))
        for job in first
        for form, measured in measurements.exports(job).items()
        if measured.result() is not None
    ]
    files += [(rival.name, rival.form, rival.path.resolve()) for rival in rivals]
    job = SpeedJob(Path(output).resolve(), tuple(files), seconds)
    if not files or job.measurement().result() is not None:
        return job, None
    say(f"timing {len(files)} files in turn for {seconds:g} s")
    finished = launch(_python("segnet_tf.comparison.speed", json.dumps(job.to_json())))
    return job, _reason(finished) if finished.code else None


def say(text: str) -> None:
    """Shows a line on how far the comparison is."""
    print(f"compare: {text}", file=sys.stderr, flush=True)


def _is_left(step: str, job: Job) -> bool:
    if step == "train":
        return run_state(job.run, job.config) != "finished"
    if step == "training_step":
        return measurements.training_step(job).result() is None
    found = [measurements.cost(job), *measurements.exports(job).values()]
    found += measurements.scores(job).values()
    return any(measured.result() is None for measured in found)


def _command(step: str, job: Job) -> list[str]:
    if step != "train":
        return _python("segnet_tf.comparison.worker", step, json.dumps(job.to_json()))
    if run_state(job.run, job.config) == "unfinished":
        return _python("segnet_tf", "train", "--resume", str(job.run), "--data", job.config.data)
    make_folder(job.run.parent)
    file = job.run.with_suffix(".json")
    write_json(file, job.config.to_json())
    return _python("segnet_tf", "train", "--config", str(file), "--output", str(job.run))


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _reason(finished: Finished) -> str:
    if finished.code == REFUSED:
        return finished.last_line.removeprefix("segnet-tf: ")
    if finished.code < 0:
        return f"the process was killed by signal {-finished.code}: {finished.last_line}"
    return f"the process crashed with code {finished.code}: {finished.last_line}"
