"""Finds the CRF's parameters for a model: which of them give the best mean IoU on a split.

The network runs once an image. Its probabilities wait on disk, beside the result, together with the
scores of all tries so far: after an interruption, also by `kill -9`, the same call goes on there.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import tensorflow as tf

from segnet_tf.data import VOID, Samples
from segnet_tf.data.fingerprint import fingerprint
from segnet_tf.errors import UserError
from segnet_tf.inference.crf import CRFParameters
from segnet_tf.inference.crf_search import search
from segnet_tf.inference.crf_state import TuningState
from segnet_tf.inference.crf_worker import Refine, workers
from segnet_tf.inference.evaluation import TOLERANCE
from segnet_tf.inference.uncertainty import Source
from segnet_tf.metrics import scores
from segnet_tf.metrics.boundary import BoundaryF1
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json

# Images done, images in all, what is done with them.
Progress = Callable[[int, int, str], None]


class Scored(TypedDict):
    """Scores as fractions, and the CRF's time an image, 0 without one."""

    mean_iou: float
    boundary_f1: float
    milliseconds: float


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What `tune_crf` found.

    Attributes:
        parameters: the best ones, with the names of the classes.
        before: without a CRF.
        defaults: with the parameters that the search began at.
        after: with `parameters`.
        tries: how many parameters were scored, those on a part of the images included.
    """

    parameters: CRFParameters
    before: Scored
    defaults: Scored
    after: Scored
    tries: int

    def to_json(self) -> dict[str, Any]:
        """As JSON types, the parameters where `CRFParameters.from_json` looks for them."""
        return self.parameters.to_json() | {
            "before": self.before,
            "defaults": self.defaults,
            "after": self.after,
            "tries": self.tries,
        }


def tune_crf(
    source: Source,
    samples: Samples,
    output: str | Path,
    *,
    identity: dict[str, Any],
    start: CRFParameters | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Tuned:
    """Finds the CRF's parameters for what `source` says of `samples`.

    Args:
        source: gives the probabilities, as `uncertainty.one_pass` does.
        samples: the images and labels to score on, images as the model takes them.
        output: the JSON file to write, which `crf_files.read_parameters` reads. Until it is there,
            a folder beside it holds 4 bytes a pixel and class, 7.6 MB for 11 classes at 360x480.
        identity: JSON of what the scores depend on beside `samples`, such as the model's hash.
            A state of another identity is thrown away.
        start: what is tried first, the defaults if None.
        processes: that run the CRF, one image each.
        progress: called with (done, total, note) of the image at hand.

    Raises:
        UserError: the disk has no room, or anything that reading the samples raises.
    """
    output = Path(output)
    folder = output.with_name(f"{output.stem}.tuning")
    start = dataclasses.replace(start or CRFParameters(), classes=samples.classes.names)
    # In a fixed order that mixes the neighbors of a video: the first tries see few images.
    samples = samples.subset(np.random.default_rng(0).permutation(len(samples)))
    known = {"images": fingerprint(samples), "start": start.to_json()}
    with TuningState(folder, identity | known) as state, workers(processes) as refined:
        files = _stored(source, samples, folder, progress)
        run = _Run(refined, files, len(samples.classes), progress)

        def score(parameters: CRFParameters, count: int) -> float:
            return state.score(
                parameters, count, lambda note: run.mean_iou(parameters, count, note)
            )

        best = search(score, len(files), start)
        before, defaults, after = (run.scores(each) for each in (None, start, best))
        tuned = Tuned(best, before, defaults, after, len(state.tries))
        write_json(output, tuned.to_json() | {"images": len(samples)} | identity)
        state.remove()
    return tuned


@dataclasses.dataclass(frozen=True)
class _Run:
    """Scores parameters on stored images.

    Attributes:
        refined: runs the CRF.
        files: of the images.
        classes: how many there are.
        progress: as `tune_crf` takes it.
    """

    refined: Refine
    files: Sequence[Path]
    classes: int
    progress: Progress | None

    def mean_iou(self, parameters: CRFParameters, count: int, note: str) -> float:
        """On the first `count` images."""
        matrix = np.zeros((self.classes, self.classes), np.int64)
        files = self.files[:count]
        for done, (file, (predicted, _)) in enumerate(
            zip(files, self.refined(files, parameters), strict=True), start=1
        ):
            matrix += _confusion(_labels(file), predicted, self.classes)
            if self.progress:
                self.progress(done, count, note)
        return float(scores(matrix)["mean_iou"])

    def scores(self, parameters: CRFParameters | None) -> Scored:
        """On all images; boundary F1 takes its time and decides nothing before the end."""
        matrix = np.zeros((self.classes, self.classes), np.int64)
        boundary, spent = BoundaryF1(self.classes, tolerance=TOLERANCE), 0.0
        for done, (file, (predicted, seconds)) in enumerate(
            zip(self.files, self.refined(self.files, parameters), strict=True), start=1
        ):
            labels = _labels(file)
            matrix += _confusion(labels, predicted, self.classes)
            # It takes the argmax of logits: one-hot vectors give the labels back.
            boundary.update_state(labels[None], tf.one_hot(predicted[None], self.classes))
            spent += seconds
            if self.progress:
                self.progress(done, len(self.files), "boundaries")
        return {
            "mean_iou": float(scores(matrix)["mean_iou"]),
            "boundary_f1": float(boundary.result()),
            "milliseconds": 1000 * spent / len(self.files),
        }


def _stored(
    source: Source, samples: Samples, folder: Path, progress: Progress | None
) -> list[Path]:
    """Files of probabilities, image and labels, those that are not there yet written now."""
    files = [folder / f"{index}.npz" for index in range(len(samples))]
    missing = [index for index, file in enumerate(files) if not file.exists()]
    for done, index in enumerate(missing, start=1):
        image, labels = samples.read(index)
        probabilities = source(image[None].astype(np.float32)).probabilities[0]
        if done == 1:
            _check_room(folder, len(missing) * probabilities.nbytes)
        with replacing(files[index]) as aside:
            np.savez(aside, probabilities=probabilities, image=image, labels=labels)
        if progress:
            progress(done, len(missing), "predicting")
    return files


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > 0.9 * free:
        raise UserError(
            "`limit` must be so low that the probabilities of all images fit on the disk. "
            f"Received: {needed / 2**30:.1f} GB to write, {free / 2**30:.1f} GB free in {folder}. "
            "Give fewer images (--limit) or a folder on another disk (--output)."
        )


def _labels(file: Path) -> np.ndarray:
    with np.load(file) as stored:
        return np.asarray(stored["labels"])


def _confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """int64 `(classes, classes)`, rows the truth, void left out."""
    seen = labels != VOID
    cells = labels[seen].astype(np.int64) * classes + predicted[seen]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)
