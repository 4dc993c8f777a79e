"""A packed model: half the size, the same answers, nothing of the machine it was trained on."""

from __future__ import annotations

import json
import zipfile

import keras
import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.cli.main import main
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.runs.checkpoints import load_model
from segnet_tf.runs.packing import pack

WIDTHS = (8, 12, 16, 24, 32)


@pytest.fixture
def run(tmp_path):
    """A run folder as training leaves it, with a batch variance that float16 would lose."""
    folder = tmp_path / "run"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    model = models.build("segnet_mini", 3, (None, None, 3), widths=WIDTHS)
    norm = model.get_layer("encoder1_bn1")
    norm.moving_variance.assign(np.full(WIDTHS[0], 1e-9, np.float32))
    model.save(folder / "best.keras")
    others = {name: str(tmp_path / f"{name}.keras") for name in ("initial_weights", "teacher")}
    config = TrainConfig(data=str(tmp_path), **others)
    record = {"config": config.to_json(), "training_images": 5, "num_classes": 3}
    record |= {"classes": [], "class_weights": None}
    (folder / "config.json").write_text(json.dumps(record))
    return folder


def test_kernels_are_rounded_once_and_vectors_are_kept(run, tmp_path):
    packed = tmp_path / "handed_on.keras"
    assert main(["pack", "--model", str(run), "--output", str(packed)]) == 0
    before, after = load_model(run), load_model(packed)
    for old, new in zip(before.get_weights(), after.get_weights(), strict=True):
        assert new.dtype == old.dtype
        np.testing.assert_array_equal(new, old.astype(np.float16) if old.ndim > 1 else old)

    def size(path):
        with zipfile.ZipFile(path) as archive:
            return archive.getinfo("model.weights.h5").file_size

    assert size(packed) < 0.75 * size(run / "best.keras")  # so narrow a net is half overhead


def test_record_has_the_run_but_no_path(run, tmp_path):
    pack(run, tmp_path / "handed_on.keras")
    text = (tmp_path / "handed_on.json").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["training_images"] == 5
    assert TrainConfig.from_json(json.loads(text)["config"] | {"data": "x"})


def test_nothing_is_overwritten_or_clipped_unasked(run, tmp_path):
    packed = tmp_path / "handed_on.keras"
    pack(run, packed)
    with pytest.raises(UserError, match="`output` must be a new file"):
        pack(run, packed)
    model = load_model(run)
    model.get_layer("classifier").kernel.assign(np.full((1, 1, WIDTHS[0], 3), 7e4))
    model.save(run / "best.keras")
    before = packed.read_bytes()
    with pytest.raises(UserError, match="Received: 70000 in .*conv2d"):
        pack(run, packed, overwrite=True)
    assert packed.read_bytes() == before
