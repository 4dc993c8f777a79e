"""How far a run is and when it ends, in one line an epoch."""

from __future__ import annotations

import math
import sys
import time
from typing import TextIO

import keras

from segnet_tf.system.progress import clock
from segnet_tf.training.callbacks import MONITOR


class Progress(keras.callbacks.Callback):
    """One line an epoch with the scores and the time left of the whole run.

    Args:
        epochs: of the run.
        best: the best validation mean IoU so far.
        stream: where to print, standard output by default.
    """

    def __init__(self, epochs: int, best: float = -math.inf, stream: TextIO | None = None):
        super().__init__()
        self.epochs = epochs
        self.best = best
        self.stream = stream
        self._began = self._done = 0.0

    def on_train_begin(self, logs=None):
        self._began = time.monotonic()
        self._done = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        now = time.monotonic()
        self._done += 1
        left = (now - self._began) / self._done * (self.epochs - epoch - 1)
        parts = [
            f"epoch {epoch + 1}/{self.epochs}",
            f"loss {float(logs.get('loss', math.nan)):.4f}",
        ]
        if "mean_iou" in logs:
            parts.append(f"mIoU {100 * float(logs['mean_iou']):.2f} %")
        if MONITOR in logs:
            score = float(logs[MONITOR])
            parts.append(f"val loss {float(logs.get('val_loss', math.nan)):.4f}")
            parts.append(f"val mIoU {100 * score:.2f} %" + (" (best)" if score > self.best else ""))
            self.best = max(self.best, score)
        parts.append(f"{now - self._epoch_began:.0f} s")
        parts.append(f"ETA {clock(left)}" if left else f"total {clock(now - self._began)}")
        print("  ".join(parts), file=self.stream or sys.stdout, flush=True)
