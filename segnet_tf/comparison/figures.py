"""The figures of a comparison's table, gathered from what was measured of each run."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segnet_tf.comparison import measurements
from segnet_tf.comparison.measurements import Job
from segnet_tf.comparison.rivals import Rival
from segnet_tf.comparison.runner import Failures
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import read_json

_LEAST_ARENA = "its arena is the least that its tensors need: the reference kernels cannot run it"


@dataclasses.dataclass(frozen=True)
class Spread:
    """A figure of several seeds.

    Attributes:
        mean: over the seeds.
        deviation: standard deviation of the seeds (n - 1); `None` of one seed.
        seeds: how many there are.
    """

    mean: float
    deviation: float | None
    seeds: int


@dataclasses.dataclass(frozen=True)
class FileFigures:
    """What a row's .tflite file of one format takes.

    Attributes:
        ms: median time of an inference with one thread, in milliseconds.
        ratio: time against the first row's file of the same format, median of the rounds' ratios.
        arena_bytes: memory of all its tensors.
        file_bytes: its size.
    """

    ms: float
    ratio: float | None = None
    arena_bytes: int | None = None
    file_bytes: int | None = None


@dataclasses.dataclass(frozen=True)
class SplitScores:
    """Scores of a row on one split, as fractions; `int8_drop` is the mIoU that the file loses."""

    mean_iou: Spread
    class_average_accuracy: Spread
    boundary_f1: Spread
    int8_mean_iou: Spread | None
    int8_drop: Spread | None


@dataclasses.dataclass(frozen=True)
class Figures:
    """A row of the table; `None` is what was not measured.

    Attributes:
        name: of the row.
        parameters: of the network, those that are trained.
        macs: multiply-adds for an image.
        size: `(height, width)` of a rival's image in pixels, if it is another one than ours.
        files: "float32" and "int8" -> what the file takes.
        step_seconds: median time of a training step.
        step_bytes: peak resident memory of a process that trains.
        scores: split -> scores.
        notes: lines to be read beside the table: failures, where a figure comes from.
    """

    name: str
    parameters: int | None = None
    macs: int | None = None
    size: tuple[int, int] | None = None
    files: dict[str, FileFigures] = dataclasses.field(default_factory=dict)
    step_seconds: float | None = None
    step_bytes: int | None = None
    scores: dict[str, SplitScores] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return dataclasses.asdict(self)


def gather(
    jobs: Sequence[Job],
    rivals: Sequence[Rival],
    speed: dict[str, Any] | None,
    failures: Failures,
) -> list[Figures]:
    """A row for each network and rival.

    Args:
        jobs: the runs.
        rivals: the files that were timed beside.
        speed: the result of `speed.measure`; `None` if it failed.
        failures: what failed, by row.
    """
    speed = speed or {}
    names = list(dict.fromkeys(job.row for job in jobs))
    rows = []
    for name in names:
        runs = [job for job in jobs if job.row == name]
        cost = measurements.cost(runs[0]).result() or {}
        step = measurements.training_step(runs[0]).result() or {}
        found = {split: _split_scores(runs, split) for split in runs[0].splits}
        rows.append(
            Figures(
                name,
                cost.get("parameters"),
                cost.get("macs"),
                None,
                _files(speed.get(name)),
                step.get("seconds"),
                step.get("peak_bytes"),
                {split: scores for split, scores in found.items() if scores is not None},
                tuple(failures.get(name, ())),
            )
        )
    own_size = jobs[0].size
    for rival in rivals:
        size = None if rival.size == own_size else rival.size
        files = _files(speed.get(rival.name))
        found = speed.get(rival.name, {}).values()
        notes = (_LEAST_ARENA,) if any(file["arena_bytes"] is None for file in found) else ()
        rows.append(Figures(rival.name, rival.parameters, rival.macs, size, files, notes=notes))
    return rows


def extra_rows(path: str | Path, taken: Sequence[str] = ()) -> list[Figures]:
    """Rows that another program measured: `extra_rows` of a JSON file, fields as in `Figures`.

    Args:
        path: of the file. Its rows have no `scores`, which are of this comparison's splits.
        taken: names of the table's other rows.

    Raises:
        UserError: no such file, no such rows, a field that the table does not have or a value of
            another type, or two rows of one name.
    """
    rows = read_json(path).get("extra_rows")
    try:
        found = []
        for row in rows or ():
            files = {form: FileFigures(**file) for form, file in row.get("files", {}).items()}
            notes = tuple(row.get("notes", ()))
            found.append(_checked(Figures(**row | {"files": files, "notes": notes})))
    except (TypeError, AttributeError) as error:
        raise UserError(
            f"`extra_rows` must have the fields of the table. Received: {path}: {error}."
        ) from error
    if not found:
        raise UserError(
            f"`extra_rows` must be a JSON file with extra_rows in it. Received: {path} without. "
            "Write it with benchmarks/export_bench.py --mask-rcnn --json FILE, for example."
        )
    names = [*taken, *(row.name for row in found)]
    for row in found:
        if names.count(row.name) > 1:
            raise UserError(
                "`extra_rows` must have other names than the table's other rows. "
                f"Received: {path}, and {row.name} twice. Rename the row."
            )
    return found


def _checked(row: Figures) -> Figures:
    """The row; TypeError if the table could not show it, which is hours of training later."""
    if row.scores:
        raise TypeError("scores, which are of a comparison's own splits")
    if not isinstance(row.name, str) or (row.size is not None and len(row.size) != 2):
        raise TypeError(f"name={row.name!r}, size={row.size!r}")
    numbers = [row.parameters, row.macs, row.step_seconds, row.step_bytes]
    for file in row.files.values():
        numbers += dataclasses.astuple(file)
    for number in numbers:
        if number is not None and not isinstance(number, (int, float)):
            raise TypeError(f"{number!r} for a number in the row {row.name}")
    return row


def _files(found: dict[str, Any] | None) -> dict[str, FileFigures]:
    return {
        form: FileFigures(
            file["ms"],
            file["ratio"],
            file["live_bytes"] if file["arena_bytes"] is None else file["arena_bytes"],
            file["file_bytes"],
        )
        for form, file in (found or {}).items()
    }


def _split_scores(runs: Sequence[Job], split: str) -> SplitScores | None:
    """The scores of those seeds that have some."""
    keras, int8, drops = [], [], []
    for job in runs:
        measured = measurements.scores(job)
        own, file = (measured[split, what].result() for what in measurements.SCORED)
        if own is not None:
            keras.append(own)
        if own is not None and file is not None:
            int8.append(file["mean_iou"])
            drops.append(own["mean_iou"] - file["mean_iou"])
    if not keras:
        return None
    iou, accuracy, boundary = (
        _spread([scores[name] for scores in keras])
        for name in ("mean_iou", "class_average_accuracy", "boundary_f1")
    )
    return SplitScores(
        iou,
        accuracy,
        boundary,
        _spread(int8) if int8 else None,
        _spread(drops) if drops else None,
    )


def _spread(values: Sequence[float]) -> Spread:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation, len(values))
