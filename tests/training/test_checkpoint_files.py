"""Checkpoints: what a NaN and a full disk leave of them."""

from __future__ import annotations

import errno
import math

import numpy as np
import pytest
import tiny_run

from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import replacing
from segnet_tf.training import checkpoint_files


def test_weights_that_are_not_finite_keep_the_checkpoint(tmp_path):
    model = tiny_run.build("x", 3)
    hook = checkpoint_files.Checkpoints(tmp_path, tiny_run.build("x", 3))
    hook.set_model(model)
    model.compile(loss="mse")
    hook.on_epoch_end(0, {"val_mean_iou": 0.5})
    before = (tmp_path / "last.keras").read_bytes()
    model.get_layer("logits").kernel.assign(np.full((1, 1, 4, 3), math.nan))
    with pytest.raises(UserError, match="`weights` must stay finite"):
        hook.on_epoch_end(1, {"val_mean_iou": 0.6})
    assert (tmp_path / "last.keras").read_bytes() == before
    assert checkpoint_files.read_progress(tmp_path / "last.keras") == 1


def test_full_disk_keeps_the_checkpoint(tmp_path, monkeypatch):
    model = tiny_run.build("x", 3)
    model.compile(loss="mse")
    hook = checkpoint_files.Checkpoints(tmp_path, tiny_run.build("x", 3))
    hook.set_model(model)
    hook.on_epoch_end(0, {})
    before = (tmp_path / "last.keras").read_bytes()

    def save(path):
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model, "save", save)
    with pytest.raises(UserError, match="last.keras.*No space left.*previous file is intact"):
        hook.on_epoch_end(1, {})
    assert (tmp_path / "last.keras").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["last.keras"]


def test_replacing_leaves_nothing_on_any_error(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with replacing(tmp_path / "a.json") as aside:
            aside.write_text("half")
            raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
