"""What a run says while it trains: on a terminal, and in a log."""

from __future__ import annotations

import io
import re

import pytest
import tiny_run
from fake_terminal import Terminal, screen

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.system import progress
from segnet_tf.training.progress import Progress
from segnet_tf.training.run_training import train


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(models, "build", tiny_run.build)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_UPDATES", 0.0)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    tiny_run.without_pictures(monkeypatch)


def test_a_line_of_an_epoch_fits_80_columns(monkeypatch):
    stream = io.StringIO()
    lines = Progress(300, stream=stream)
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lines.on_train_begin()
    lines.on_epoch_begin(99)
    now += 60
    logs = {"loss": 1.234567, "mean_iou": 0.98765, "val_loss": 1.234567, "val_mean_iou": 0.98765}
    lines.on_epoch_end(99, logs)
    line = stream.getvalue()
    assert len(line) <= 80
    assert line == (
        "epoch 100/300  loss 1.235, val 1.235  mIoU 98.77, val 98.77 % best  ETA 3:20:00\n"
    )
    lines.on_epoch_end(100, {"loss": 1.0, "mean_iou": 0.5})
    assert "loss 1.000  mIoU 50.00  ETA" in stream.getvalue()


@pytest.mark.slow
def test_a_terminal_sees_the_steps_and_keeps_the_epochs(tmp_path, tiny, monkeypatch):
    out, err = Terminal(), Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    train(tiny_run.config(epochs=2), tmp_path / "run")
    shown = [part.rstrip() for part in err.getvalue().split("\r") if part.strip()]
    steps = [line for line in shown if line.startswith("epoch")]
    assert len(steps) == 2 * tiny_run.STEPS
    assert re.match(r"epoch 1/2: 1 of 2 steps, loss \d+\.\d{4}, ", steps[0])
    assert re.match(r"epoch 2/2: 2 of 2 steps, loss \d+\.\d{4}, ", steps[-1])
    assert all(len(line) < 80 for line in shown)
    assert screen(err.getvalue())[-1] == ""
    # Keras's own bar would be here, in lines that begin so too.
    assert "\r" not in out.getvalue() and "\b" not in out.getvalue()
    epochs = [line for line in out.getvalue().splitlines() if line.lower().startswith("epoch")]
    assert [line.partition("  ")[0] for line in epochs] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.slow
def test_a_log_says_something_before_the_first_epoch_ends(tmp_path, tiny, capsys):
    train(tiny_run.config(epochs=1), tmp_path / "run")
    said = capsys.readouterr().err
    assert "epoch 1/1: 1 of 2 steps, loss" in said and "\r" not in said


@pytest.mark.slow
def test_an_error_starts_a_line_of_its_own(tmp_path, tiny, monkeypatch):
    err = Terminal()
    monkeypatch.setattr("sys.stderr", err)
    with pytest.raises(UserError, match="must stay finite"):
        train(tiny_run.config(epochs=1, learning_rate=1e30, clip_norm=0), tmp_path / "run")
    assert "epoch 1/1: 1 of 2 steps" in err.getvalue()
    assert screen(err.getvalue())[-1] == ""
