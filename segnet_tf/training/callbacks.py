"""What `segnet-tf train` hangs into `fit`: checkpoints, log, NaN guard, EMA."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import replacing

MONITOR = "val_mean_iou"
_PROGRESS = "progress.json"
_FIRST, _LAST = ("epoch", "loss"), ("learning_rate", "seconds")


def read_progress(path: str | Path) -> int:
    """The number of finished epochs that `Checkpoints` noted inside `last.keras`."""
    with zipfile.ZipFile(path) as archive:
        return int(json.loads(archive.read(_PROGRESS))["epochs"])


def read_log(path: str | Path) -> list[dict[str, float]]:
    """The rows of a `log.csv`, cells without a number left out; no file is no rows."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return []
    return [
        {key: int(value) if key == "epoch" else float(value) for key, value in row.items() if value}
        for row in rows
    ]


def best_score(rows: list[dict[str, float]]) -> float:
    """The best validation mean IoU of a log, -inf where nothing was validated."""
    return max((row[MONITOR] for row in rows if MONITOR in row), default=-math.inf)


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Puts the optimizer's moving average into the model for the block, if it keeps one.

    The weights come back bit for bit, which adding and subtracting in place would not give.
    """
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not inner.use_ema:
        yield
        return
    raw = [variable.numpy().copy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, raw, strict=True):
            variable.assign(value)


class ValidateAverage(keras.callbacks.Callback):
    """Validation sees the moving average of the weights, training goes on with the raw ones."""

    def __init__(self):
        super().__init__()
        self._swap = None

    def on_test_begin(self, logs=None):
        self._swap = averaged_weights(self.model)
        self._swap.__enter__()

    def on_test_end(self, logs=None):
        if self._swap is not None:
            self._swap.__exit__(None, None, None)
            self._swap = None


class StopOnNaN(keras.callbacks.Callback):
    """Raises UserError as soon as the loss is no finite number.

    Unlike `keras.callbacks.TerminateOnNaN` it lets nothing after it run, so the last
    checkpoint stays one of finite weights.
    """

    def on_train_batch_end(self, batch, logs=None):
        self._check((logs or {}).get("loss"), f"in step {batch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        self._check((logs or {}).get("val_loss"), f"on validation after epoch {epoch + 1}")

    def _check(self, loss, where):
        if loss is not None and not math.isfinite(float(loss)):
            raise UserError(
                f"`loss` must stay finite. Received: {float(loss)} {where}. The last good "
                "checkpoint is kept; start again with a lower `--learning-rate`, "
                "`--clip-norm 1` or without `--mixed-precision`."
            )


class SeedEpoch(keras.callbacks.Callback):
    """Makes dropout a function of (seed, epoch), so that a resumed run draws the same.

    Keras doesn't save the state of its seed generators in a `.keras` file.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        for position, state in enumerate(states):
            state.assign(np.array([self.seed + 7919 * position, epoch], dtype="uint32"))


class EpochLog(keras.callbacks.Callback):
    """`log.csv`: one row an epoch, replaced as a whole, so it is never cut in a row.

    Args:
        path: the file.
        rows: those of the epochs before, on a resumed run.
    """

    def __init__(self, path: str | Path, rows: list[dict[str, float]] | None = None):
        super().__init__()
        self.path = Path(path)
        self.rows = list(rows or [])
        self._began = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()}}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = round(time.monotonic() - self._began, 3)
        self.rows.append(row)
        # Sorted, since the first epoch may not be validated: "val_..." come after the rest.
        names = sorted({name for row in self.rows for name in row} - {*_FIRST, *_LAST})
        names = [*_FIRST, *names, *_LAST]
        with replacing(self.path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


class Checkpoints(keras.callbacks.Callback):
    """`last.keras` (with optimizer state) each epoch, `best.keras` (weights only) on a new best.

    Both are written aside and renamed: `kill -9` leaves the old or the new one.

    Args:
        folder: of the run.
        inference: a model with the weights of the trained one, to save as `best.keras`; never
            compiled, so the file is a third in size and loads anywhere.
        best: the best validation mean IoU so far.
    """

    def __init__(self, folder: str | Path, inference: keras.Model, best: float = -math.inf):
        super().__init__()
        self.folder = Path(folder)
        self.best = best
        self.inference = inference

    def on_epoch_end(self, epoch, logs=None):
        for variable in self.model.weights:
            if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
                raise UserError(
                    f"`weights` must stay finite. Received: NaN or infinity in {variable.path} "
                    f"after epoch {epoch + 1}. The last good checkpoint is kept; start again "
                    "with a lower `--learning-rate` or `--clip-norm 1`."
                )
        score = (logs or {}).get(MONITOR)
        if score is not None and float(score) > self.best:
            self.best = float(score)
            with averaged_weights(self.model), replacing(self.folder / "best.keras") as aside:
                self.inference.set_weights(self.model.get_weights())
                self.inference.save(aside)
        # Last: a kill before this line costs this epoch, and its second run writes the same
        # log row and the same best.
        with replacing(self.folder / "last.keras") as aside:
            self.model.save(aside)
            with zipfile.ZipFile(aside, "a") as archive:
                archive.writestr(_PROGRESS, json.dumps({"epochs": epoch + 1}))
