"""What `segnet-tf train` passes to `fit` as callbacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from segnet_tf.config import TrainConfig
from segnet_tf.data import Samples
from segnet_tf.errors import UserError
from segnet_tf.training.checkpoint_files import Checkpoints
from segnet_tf.training.epoch_log import EpochLog, Logs, best_score
from segnet_tf.training.moving_average import ValidateAverage
from segnet_tf.training.replicas import AverageStatistics
from segnet_tf.training.trackers import Track, Tracker


def training_callbacks(
    folder: Path,
    inference: keras.Model,
    rows: list[dict[str, float]],
    trackers: list[Tracker],
    samples: Samples,
) -> list[keras.callbacks.Callback]:
    """The callbacks that write the run folder, in the order in which Keras calls them.

    Args:
        folder: the run folder, with its config.json.
        inference: see `Checkpoints`.
        rows: of the epochs before, on a resumed run.
        trackers: open ones, on a run that wants some.
        samples: of validation.
    """
    log = EpochLog(folder / "log.csv", rows)
    hooks: list[keras.callbacks.Callback] = [log]
    if trackers:
        # Before the checkpoint: after a kill between the two an epoch is there twice, and not
        # never; it has the same numbers.
        hooks.append(Track(trackers, log, inference, folder, samples))
        hooks += [hook for tracker in trackers for hook in tracker.hooks]
    return [*hooks, Checkpoints(folder, inference, best_score(rows))]


def step_callbacks(config: TrainConfig, replicas: int) -> list[keras.callbacks.Callback]:
    """The callbacks that every worker of a run has; they come before those that write.

    Args:
        config: the configuration of the run.
        replicas: devices that train it together.
    """
    hooks: list[keras.callbacks.Callback] = [ValidateAverage()] if config.ema else []
    if replicas > 1 and config.batch_norm == "local":
        hooks.append(AverageStatistics())
    # Before the log and the checkpoints, so that neither keeps a loss that is not finite.
    hooks += [SeedEpoch(config.seed), StopOnNaN()]
    if config.steps_per_execution > 1:
        hooks.append(LastExecution())
    return hooks


class StopOnNaN(keras.callbacks.Callback):
    """Raises UserError as soon as the loss is not a finite number.

    Unlike `keras.callbacks.TerminateOnNaN` it stops the callbacks after it too, so the last
    checkpoint keeps finite weights.
    """

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        # "by": an execution may have several steps.
        self._check((logs or {}).get("loss"), f"by step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._check((logs or {}).get("val_loss"), f"on validation after epoch {epoch + 1}")

    def _check(self, loss: float | None, where: str) -> None:
        if loss is not None and not math.isfinite(float(loss)):
            raise UserError(
                f"`loss` must stay finite. Received: {float(loss)} {where}. The last good "
                "checkpoint is kept; start again with a lower `--learning-rate`, "
                "`--clip-norm 1` or without `--mixed-precision`."
            )


class LastExecution(keras.callbacks.Callback):
    """Ends an epoch at its last step also where `steps_per_execution` does not divide its steps.

    Keras runs a whole execution there: the stream of batches is endless, so the epoch would take
    its last steps from the next one, and a resumed run would see other batches.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shorter: Callable[..., object] | None = None
        self._kept: tuple[int, Callable[..., object]] | None = None

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        left = self.params["steps"] - batch
        if left >= self.model.steps_per_execution:
            return
        self._kept = self.model.steps_per_execution, self.model.train_function
        # Read when the function is traced, in its first call.
        self.model.steps_per_execution = left
        if self._shorter is None:
            self.model.make_train_function(force=True)
            self._shorter = self.model.train_function
        self.model.train_function = self._shorter

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._kept is not None:
            self.model.steps_per_execution, self.model.train_function = self._kept
            self._kept = None


class SeedEpoch(keras.callbacks.Callback):
    """Makes dropout depend on (seed, epoch) only, so that a resumed run drops the same values.

    Keras doesn't save the state of its seed generators in a `.keras` file. On several replicas each
    drops other values; Keras starts them alike.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]

        def start() -> None:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            for position, state in enumerate(states):
                seed = self.seed + 7919 * position + 104729 * tf.cast(replica, tf.int64)
                state.assign(tf.cast(tf.stack([seed, epoch]), tf.uint32))

        if states:
            tf.function(lambda: self.model.distribute_strategy.run(start))()
