"""What `segnet-tf train` passes to `fit` as callbacks."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np

from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.training.checkpoint_files import Checkpoints
from segnet_tf.training.epoch_log import EpochLog, Logs, best_score
from segnet_tf.training.moving_average import ValidateAverage


def training_callbacks(
    config: TrainConfig, folder: Path, inference: keras.Model, rows: list[dict[str, float]]
) -> list[keras.callbacks.Callback]:
    """The callbacks of a run but for its `Progress`, in the order in which Keras calls them.

    Args:
        config: the configuration of the run.
        folder: the run folder.
        inference: see `Checkpoints`.
        rows: of the epochs before, on a resumed run.
    """
    hooks: list[keras.callbacks.Callback] = [ValidateAverage()] if config.ema else []
    hooks += [
        SeedEpoch(config.seed),
        # Before the log and the checkpoints, so that neither keeps a loss that is not finite.
        StopOnNaN(),
        EpochLog(folder / "log.csv", rows),
        Checkpoints(folder, inference, best_score(rows)),
    ]
    if config.tensorboard:
        hooks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
    return hooks


class StopOnNaN(keras.callbacks.Callback):
    """Raises UserError as soon as the loss is not a finite number.

    Unlike `keras.callbacks.TerminateOnNaN` it stops the callbacks after it too, so the last
    checkpoint keeps finite weights.
    """

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._check((logs or {}).get("loss"), f"in step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._check((logs or {}).get("val_loss"), f"on validation after epoch {epoch + 1}")

    def _check(self, loss: float | None, where: str) -> None:
        if loss is not None and not math.isfinite(float(loss)):
            raise UserError(
                f"`loss` must stay finite. Received: {float(loss)} {where}. The last good "
                "checkpoint is kept; start again with a lower `--learning-rate`, "
                "`--clip-norm 1` or without `--mixed-precision`."
            )


class SeedEpoch(keras.callbacks.Callback):
    """Makes dropout depend on (seed, epoch) only, so that a resumed run drops the same values.

    Keras doesn't save the state of its seed generators in a `.keras` file.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        for position, state in enumerate(states):
            state.assign(np.array([self.seed + 7919 * position, epoch], dtype="uint32"))
