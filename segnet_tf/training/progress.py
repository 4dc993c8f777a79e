"""How far a run is and when it ends, in one line an epoch."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from typing import TextIO

import keras

from segnet_tf.system.progress import ProgressLine, clock
from segnet_tf.training.epoch_log import MONITOR, Logs


class Progress(keras.callbacks.Callback):
    """One line an epoch with the scores and the time left of the whole run.

    Within an epoch a `ProgressLine` counts the steps. A line of an epoch fits 80 columns.

    Args:
        epochs: of the run.
        best: the best validation mean IoU so far.
        stream: where to print, standard output by default.
    """

    def __init__(self, epochs: int, best: float = -math.inf, stream: TextIO | None = None) -> None:
        super().__init__()
        self.epochs = epochs
        self.best = best
        self.stream = stream
        self._began = self._done = 0.0
        self._steps = ProgressLine("training", "steps")

    def on_train_begin(self, logs: Logs = None) -> None:
        self._began = time.monotonic()
        self._done = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._steps = ProgressLine(f"epoch {epoch + 1}/{self.epochs}", "steps")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        steps = self.params.get("steps")
        # Keras counts the last of several steps an execution as if it were whole.
        done = batch + 1 if steps is None else min(batch + 1, steps)
        self._steps(done, steps, "" if loss is None else f"loss {float(loss):.4f}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.close()
        logs = logs or {}
        now = time.monotonic()
        self._done += 1
        left = (now - self._began) / self._done * (self.epochs - epoch - 1)
        loss = f"loss {_number(logs, 'loss'):.3f}"
        iou = f"mIoU {100 * float(logs['mean_iou']):.2f}" if "mean_iou" in logs else "mIoU"
        best = ""
        if MONITOR in logs:
            score = float(logs[MONITOR])
            loss += f", val {_number(logs, 'val_loss'):.3f}"
            iou += f", val {100 * score:.2f} %"
            best = " best" if score > self.best else ""
            self.best = max(self.best, score)
        time_left = f"ETA {clock(left)}" if left else f"total {clock(now - self._began)}"
        print(
            f"epoch {epoch + 1}/{self.epochs}  {loss}  {iou}{best}  {time_left}",
            file=self.stream or sys.stdout,
            flush=True,
        )

    def close(self) -> None:
        """Removes the line of the steps, also that of an epoch that was interrupted."""
        self._steps.close()


def _number(logs: Mapping[str, float], name: str) -> float:
    return float(logs.get(name, math.nan))
