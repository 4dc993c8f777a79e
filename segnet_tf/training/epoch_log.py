"""`log.csv`: the numbers of each finished epoch."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping
from pathlib import Path

import keras

from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import replacing

# What Keras passes to a callback at the end of an epoch: name -> value.
Logs = Mapping[str, float] | None

# The score that decides which epoch is the best.
MONITOR = "val_mean_iou"
_FIRST, _LAST = ("epoch", "loss"), ("learning_rate", "seconds")


def read_log(path: str | Path) -> list[dict[str, float]]:
    """The rows of a `log.csv` without their empty cells; a missing file has no rows."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return []
    return [
        {key: int(value) if key == "epoch" else float(value) for key, value in row.items() if value}
        for row in rows
    ]


def read_finished(path: Path, epochs: int) -> list[dict[str, float]]:
    """The rows of the finished epochs of a run that goes on; later ones are left out.

    Args:
        path: the file.
        epochs: how many are finished.

    Raises:
        UserError: a row is missing, or holds something else than numbers. Without its best score
            the run would replace `best.keras` by a worse one.
    """
    try:
        rows = [row for row in read_log(path) if row["epoch"] <= epochs]
        is_whole = [row["epoch"] for row in rows] == list(range(1, epochs + 1))
        if is_whole and all(0 <= row.get(MONITOR, 0) <= 1 for row in rows):
            return rows
        reason = "other rows"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
    raise UserError(
        f"`resume` needs a log.csv with a row for each of the {epochs} finished epochs. Received: "
        f"{path}: {reason}. Put it back, or remove last.keras to start the run from its beginning."
    )


def best_score(rows: list[dict[str, float]]) -> float:
    """The best validation mean IoU of a log, -inf if no epoch was validated."""
    return max((row[MONITOR] for row in rows if MONITOR in row), default=-math.inf)


class EpochLog(keras.callbacks.Callback):
    """Writes `log.csv`, one row an epoch. The whole file is replaced, so no row is ever half there.

    Args:
        path: the file.
        rows: the rows of the epochs before, on a resumed run.
    """

    def __init__(self, path: str | Path, rows: list[dict[str, float]] | None = None) -> None:
        super().__init__()
        self.path = Path(path)
        self.rows = list(rows or [])
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()}}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = round(time.monotonic() - self._began, 3)
        self.rows.append(row)
        # Sorted, because the first epoch may have no validation: "val_..." come after the rest.
        names = sorted({name for row in self.rows for name in row} - {*_FIRST, *_LAST})
        names = [*_FIRST, *names, *_LAST]
        with replacing(self.path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
