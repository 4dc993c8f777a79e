"""What a run says before its first step, judged by data that was counted by hand."""

from __future__ import annotations

import os

import data_trees
import pytest
import tiny_run

from segnet_tf import models
from segnet_tf.data.camvid import CLASSES
from segnet_tf.system import processor
from segnet_tf.training import precision
from segnet_tf.training.run_training import resume, train


@pytest.fixture
def data(tmp_path):
    """Three pairs of 8x4 pixels to train on: a quarter sky, three quarters grass, no cow."""
    root = tmp_path / "mydata"
    for split, count in (("train", 3), ("val", 2)):
        for number in range(count):
            data_trees.image(root / "images" / split / f"{number}.png", (8, 4))
            data_trees.mask(root / "masks" / split / f"{number}.png", [[0, 0, *[1] * 6]] * 4)
    data_trees.names(root)
    return root


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)
    monkeypatch.setattr(precision, "gpu_capability", lambda: None)
    monkeypatch.setattr(processor, "has_bfloat16", lambda: False)


def test_a_run_says_what_it_will_do(data, tmp_path, capsys):
    run = tmp_path / "run"
    config = tiny_run.config(
        data=str(data), size=None, crop=(4, 6), epochs=2, mixed_precision="auto", val_every=2
    )
    train(config, run)
    printed = capsys.readouterr()
    before = printed.out.split("epoch 1/2")[0].splitlines()
    rows = {line.split("  ")[0]: " ".join(line.split()[1:]) for line in before if line[:1] > " "}
    # 112 weights and biases, 16 of the batch normalization, and 5 for each class: 143.
    assert rows["layout"].startswith("folder: images/train/ with masks/train/")
    assert {name: rows[name] for name in ("data", "train", "val", "classes", "model")} == {
        "data": str(data),
        "train": "train, 3 pairs of 8x4 (width x height)",
        "val": "val, 2 pairs",
        "classes": "3: sky 25.0 %, grass 75.0 %, cow 0.0 %; void 0.0 %",
        "model": "segnet_mini, 143 parameters",
    }
    assert rows["images"] == "crops of 6x4 (width x height), 2 a step"
    assert rows["steps"] == "2 epochs of 1 steps, validated every 2 epochs"
    assert rows["precision"] == f"float32, {len(os.sched_getaffinity(0))} threads"
    assert rows["folder"] == str(run)
    assert all(len(line) <= 80 for line in before if str(tmp_path) not in line)
    # In 3 masks no cow: said before the first step, and what to do.
    warning = next(line for line in printed.err.splitlines() if "cow" in line)
    assert warning.startswith("segnet-tf: no pixel of cow in the 3 masks of train")
    # A resumed run says the same but for what needs a pass over the images.
    resume(run)
    again = capsys.readouterr().out
    assert "segnet_mini, 143 parameters" in again and "sky 25.0 %" not in again


@pytest.mark.slow
def test_much_void_is_a_warning(data, tmp_path, capsys):
    for path in (data / "masks" / "train").iterdir():
        data_trees.mask(path, [[0, 1, 2, 255] + [255] * 4] * 4)
    train(tiny_run.config(data=str(data), size=None, epochs=1), tmp_path / "run")
    assert "62.5 % of the pixels of train are void" in capsys.readouterr().err


@pytest.mark.slow
def test_a_score_on_images_that_are_trained_on_is_a_warning(data, tmp_path, capsys):
    config = {"data": str(data), "size": None, "epochs": 1}
    # Train and val have files of the same names.
    train(tiny_run.config(**config), tmp_path / "own")
    assert "trained on" not in capsys.readouterr().err
    train(tiny_run.config(**config, val_split="train", limit_val=1), tmp_path / "same")
    warned = capsys.readouterr().err
    assert warned.count("segnet-tf: 1 of the 1 images of train are trained on: a score") == 1


@pytest.mark.slow
def test_a_long_list_of_classes_is_wrapped(tmp_path, capsys):
    train(tiny_run.config(epochs=1), tmp_path / "run")
    lines = capsys.readouterr().out.split("epoch 1/1")[0].splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("folder"))
    start = next(index for index, line in enumerate(lines) if line.startswith("classes"))
    assert lines[start + 1].startswith(" " * 11)
    assert lines[start + 1].split()[0] in CLASSES.names  # not the share of the line above
    assert lines[0].split() == ["data", "synthetic:5"]
