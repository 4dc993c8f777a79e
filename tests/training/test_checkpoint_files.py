"""Checkpoints: what a NaN and a full disk leave of them."""

from __future__ import annotations

import errno
import math
import time
import zipfile

import numpy as np
import pytest
import tiny_run

from segnet_tf.errors import UserError
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


@pytest.mark.parametrize(
    "content",
    ['{"epochs": -5}', '{"epochs": 0}', '{"epochs": 4}', '{"epochs": true}', '{"epochs": 1.5}',
     '{"epochs": "1"}', '{"epochs": NaN}', "[]", "3", "{}", "{"],
)  # fmt: skip
def test_progress_is_a_number_of_epochs_of_the_run(content, tmp_path):
    with zipfile.ZipFile(tmp_path / "last.keras", "w") as archive:
        archive.writestr("progress.json", content)
    with pytest.raises(UserError, match="`resume` needs a whole last.keras"):
        checkpoint_files.finished_epochs(tmp_path / "last.keras", 3)
    with zipfile.ZipFile(tmp_path / "last.keras", "w") as archive:
        archive.writestr("progress.json", '{"epochs": 3}')
    assert checkpoint_files.finished_epochs(tmp_path / "last.keras", 3) == 3


@pytest.mark.parametrize("year", [1970, 2150])
def test_a_clock_beyond_the_years_of_zip_files_loses_no_checkpoint(year, tmp_path, monkeypatch):
    model = tiny_run.build("x", 3)
    model.compile(loss="mse")
    hook = checkpoint_files.Checkpoints(tmp_path, tiny_run.build("x", 3))
    hook.set_model(model)
    now = time.struct_time((year, 1, 1, 0, 0, 0, 3, 1, 0))
    monkeypatch.setattr(time, "localtime", lambda *seconds: now)
    hook.on_epoch_end(0, {"val_mean_iou": 0.5})
    assert checkpoint_files.finished_epochs(tmp_path / "last.keras", 3) == 1
    weights = tiny_run.saved_arrays(tmp_path / "best.keras")
    assert any(np.array_equal(model.weights[0], found) for found in weights.values())
