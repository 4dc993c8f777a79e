"""Several steps an execution: the same run, fewer returns to Python."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_run

from segnet_tf import models
from segnet_tf.training import progress
from segnet_tf.training.callbacks import LastExecution
from segnet_tf.training.epoch_log import read_log
from segnet_tf.training.run_training import train


class Calls(keras.callbacks.Callback):
    """Keeps which batches Keras says an execution began and ended with, and the loss."""

    def __init__(self):
        super().__init__()
        self.batches, self.losses = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.batches.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])


@pytest.mark.parametrize("steps", [4, 9])
def test_an_epoch_ends_at_its_last_step(steps):
    """One weight, w, and SGD with rate 1 on (w - x)**2 / 2 gives w = x: each step shows its batch.

    The x are 1, 2, 3...: 7 steps an epoch. The loss of the step at x is (x - 1 - x)**2 / 2.
    """
    image = keras.Input((1,))
    model = keras.Model(
        image, keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(image)
    )
    model.compile(
        keras.optimizers.SGD(1.0),
        loss=lambda y, prediction: (prediction - y) ** 2 / 2,
        steps_per_execution=steps,
    )
    one = tf.ones((1, 1))
    numbers = tf.data.Dataset.range(1, 1000).map(lambda n: (one, tf.cast(n, tf.float32) * one))
    seen = []
    kept = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(float(model.get_weights()[0][0, 0]))
    )
    calls = Calls()
    model.fit(
        numbers.repeat(),
        shuffle=False,
        epochs=3,
        steps_per_epoch=7,
        callbacks=[LastExecution(), kept, calls],
        verbose=0,
    )
    assert seen == [7.0, 14.0, 21.0]
    assert int(model.optimizer.iterations.numpy()) == 21
    assert calls.batches == [*range(0, 7, steps)] * 3
    np.testing.assert_allclose(calls.losses, [0.5, 0.5, 0.5])
    assert model.steps_per_execution == steps


@pytest.mark.slow
def test_it_changes_neither_weights_nor_log(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)
    monkeypatch.setattr(progress.ProgressLine, "__call__", say)
    said, logs = {}, {}
    for steps in (1, 2):
        run = tmp_path / str(steps)
        config = tiny_run.config(data="synthetic:7", steps_per_execution=steps, ema=0.7)
        train(config, run)
        said[steps] = [line for line in capsys.readouterr().err.splitlines() if "steps" in line]
        logs[steps] = [
            {name: value for name, value in row.items() if name != "seconds"}
            for row in read_log(run / "log.csv")
        ]
    for name in ("last.keras", "best.keras"):
        one, several = (tiny_run.saved_arrays(tmp_path / str(steps) / name) for steps in (1, 2))
        assert tiny_run.same(one, several), name
    assert logs[1] == logs[2]
    assert said[1][:3] == ["1 of 3 steps", "2 of 3 steps", "3 of 3 steps"]
    assert said[2] == ["2 of 3 steps", "3 of 3 steps"] * tiny_run.EPOCHS
    record = json.loads((tmp_path / "2" / "config.json").read_text())
    assert record["config"]["steps_per_execution"] == 2


def say(line, done, total, note=""):
    """Takes the place of a progress line, which says something now and then only."""
    if line.unit == "steps":
        progress.sys.stderr.write(f"{done} of {total} steps\n")
