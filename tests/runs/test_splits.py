"""The images that a run calls its own are found again, whatever their splits are called."""

from __future__ import annotations

import dataclasses
import json
import re

import data_trees
import pytest
import tiny_models

from segnet_tf import models
from segnet_tf.cli.main import main
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.export.sources import Source
from segnet_tf.runs import records
from segnet_tf.runs.splits import open_split, run_split, seen_in_training


def make(root, *splits):
    """A data set of three classes; the images of a split are named after it."""
    for split in splits:
        for number in range(2):
            data_trees.image(root / "images" / split / f"{split}{number}.png")
            data_trees.mask(root / "masks" / split / f"{split}{number}.png")
    data_trees.names(root)
    return root


def record_of(root, **config):
    config = TrainConfig(data=str(root), **config)
    train = open_split(str(root), config.train_split)
    return records.describe(config, train, train, 3, None, ((2, 2), (2, 2)))


@pytest.mark.parametrize(
    ("train", "val"), [("training", "valid"), ("train", "night"), ("train+test", "validation")]
)
def test_a_run_s_own_names(train, val, tmp_path):
    root = make(tmp_path, *train.split("+"), val)
    record = record_of(root, train_split=train, val_split=val)
    assert run_split(record, "val").stems == (f"{val}0", f"{val}1")
    # The same data at another place is said by --data.
    assert run_split(record, "val", str(root)).split == val
    wanted = tuple(f"{name}{number}" for name in train.split("+") for number in range(2))
    assert run_split(record, "train").stems == wanted


def test_other_data_has_names_of_its_own(tmp_path):
    record = record_of(make(tmp_path / "own", "day", "train"), train_split="day", val_split="day")
    for val in ("val", "validation"):
        other = make(tmp_path / val, "train", val)
        assert run_split(record, "val", str(other)).stems[0] == f"{val}0"
        assert run_split(record, "train", str(other)).stems[0] == "train0"
        assert run_split(None, "val", str(other)).stems[0] == f"{val}0"
        assert run_split(record, "val", str(other), split="train").stems[0] == "train0"
        with pytest.raises(UserError, match="Received: 'night'"):
            run_split(record, "val", str(other), split="night")


def test_a_run_s_way_of_reading(tmp_path):
    """A val that was drawn from train is drawn alike again, in the same folder or a copy of it."""
    for name in ("own", "copy"):
        for number in range(30):
            data_trees.image(tmp_path / name / "images" / "train" / f"{number}.png")
            data_trees.mask(tmp_path / name / "masks" / "train" / f"{number}.png")
        data_trees.names(tmp_path / name)
    where = str(tmp_path / "own")
    val = open_split(where, "val", val_share=0.4, split_seed=7).stems
    assert val != open_split(where, "val", val_share=0.4).stems
    record = record_of(where, val_share=0.4, split_seed=7)
    assert run_split(record, "val").stems == val
    assert run_split(record, "val", str(tmp_path / "copy")).stems == val
    assert run_split(record, "val", where, split_seed=1).stems != val
    # Data with a val of its own has no use for a share.
    assert (
        run_split(record, "val", str(make(tmp_path / "split", "train", "val"))).stems[0] == "val0"
    )


def test_the_exporter_takes_them(network, tmp_path):
    root = make(tmp_path, "training", "valid")
    record = record_of(root, train_split="training", val_split="valid")
    source = Source("net", tiny_models.two_stages(3), record)
    assert source.samples(None, "val").split == "valid"
    assert source.samples(None, "train").split == "training"
    assert source.samples(str(root), "val", split="training").split == "training"
    bare = dataclasses.replace(source, record=None)
    assert bare.samples(None, "val") is None
    assert bare.samples(str(root), "val").split == "valid"


def make_drives(root, *drives):
    for drive in drives:
        for number in range(2):
            data_trees.image(root / "train" / f"{drive}_{number}.png", (4 + number, 4))
            data_trees.mask(root / "trainannot" / f"{drive}_{number}.png", [[0] * (4 + number)] * 4)
    return root


def test_a_run_on_some_drives_never_sees_the_others(network, tmp_path):
    root = make_drives(tmp_path / "own", "0001TP", "0006R0", "0016E5")
    own = ("0001TP_0", "0001TP_1", "0016E5_0", "0016E5_1")
    record = record_of(root, train_split="train/0001TP+train/0016E5", val_split="train/0006R0")
    assert record["training_images"] == 4
    assert run_split(record, "train").stems == own
    assert run_split(record, "val").stems == ("0006R0_0", "0006R0_1")
    assert run_split(record, "train", limit=3).stems == own[:3]
    # What int8 is calibrated on, also where the data was copied to.
    source = Source("net", tiny_models.two_stages(11), record)
    assert source.samples(None, "train").stems == own
    copied = make_drives(tmp_path / "copy", "0001TP", "0006R0", "0016E5")
    assert source.samples(str(copied), "train").stems == own
    assert source.samples(str(copied), "val").stems == ("0006R0_0", "0006R0_1")
    assert source.samples(None, "val", split="train/0001TP").stems == own[:2]
    # Data without these drives is other data, of which all of train serves.
    other = make_drives(tmp_path / "other", "Seq05VD")
    assert source.samples(str(other), "train").stems == ("Seq05VD_0", "Seq05VD_1")


def test_a_copy_that_lost_a_drive_is_no_other_data(tmp_path):
    root = make_drives(tmp_path / "own", "0001TP", "0006R0", "0016E5")
    record = record_of(root, train_split="train/0001TP+train/0016E5", val_split="train/0006R0")
    lost = make_drives(tmp_path / "lost", "0001TP", "0006R0")
    with pytest.raises(UserError, match="0016E5"):
        run_split(record, "train", str(lost))


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("train+train", "2 of the 2 images of train are in train too"),
        ("train+training", "2 of the 2 images of training are in train too"),
        ("val+train+train/a", "1 of the 1 images of train/a are in val+train too"),
        ("train/b+train", "1 of the 2 images of train are in train/b too"),
    ],
)
def test_an_image_is_not_joined_twice(split, said, tmp_path):
    for folder in ("train", "val"):
        for name in ("a", "b"):  # the same names in both: other images
            data_trees.image(tmp_path / "images" / folder / f"{name}.png")
            data_trees.mask(tmp_path / "masks" / folder / f"{name}.png")
    data_trees.names(tmp_path)
    assert open_split(str(tmp_path), "train+val").stems == ("a", "b", "a", "b")
    with pytest.raises(UserError, match=f"must have each image once.*, where {re.escape(said)}"):
        open_split(str(tmp_path), split)


def test_scenes_are_not_joined_twice():
    assert len(open_split("synthetic:8", "train+val", (32, 32))) == 10
    with pytest.raises(UserError, match="where 8 of the 8 images of train are in train too"):
        open_split("synthetic:8", "train+train", (32, 32))


def test_scored_images_that_are_trained_on_are_said(tmp_path):
    root = str(make_drives(tmp_path, "0001TP", "0006R0"))
    drive, other, both = (open_split(root, f"train{end}") for end in ("/0001TP", "/0006R0", ""))
    assert seen_in_training(drive, other) is None
    assert seen_in_training(drive.subset([1]), both).startswith("1 of the 4 images of train are")
    assert seen_in_training(both, drive).startswith("2 of the 2 images of train/0001TP are trained")
    scenes = [open_split("synthetic", split, (32, 32)) for split in ("train", "val", "train+val")]
    assert seen_in_training(*scenes[:2]) is None
    assert seen_in_training(scenes[2], scenes[1]).startswith("100 of the 100 images of val are")


def test_drives_of_camvid_are_joined(camvid_dir):
    assert len(open_split(str(camvid_dir), "train/0001TP+train/0016E5")) == 266


@pytest.mark.slow
def test_a_run_with_another_val_split_is_scored_and_exported(tmp_path, monkeypatch, fast):
    root = tmp_path / "data"
    for split in ("training", "night"):
        for number in range(2):
            data_trees.image(root / "images" / split / f"{number}.png", (64, 64))
            data_trees.mask(root / "masks" / split / f"{number}.png", [[0] * 64, [1] * 64] * 32)
    data_trees.names(root, "sky\ngrass\n")
    monkeypatch.setattr(
        models,
        "build",
        lambda name, classes, input_shape: tiny_models.two_stages(classes, input_shape[:2]),
    )
    run = tmp_path / "run"
    command = ["train", "--data", str(root), "--output", str(run), "--epochs", "1"]
    assert main([*command, "--batch-size", "2", "--val-split", "night"]) == 0
    assert main(["export", "--int8", "--model", str(run), "--json", str(tmp_path / "e.json")]) == 0
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["scores"]["data"] == "data night"
    assert report["calibration"]["data"] == "data training"
    command = ["evaluate", "--model", str(run), "--data", str(root)]
    assert main([*command, "--json", str(tmp_path / "scores.json")]) == 0
    assert json.loads((tmp_path / "scores.json").read_text())["protocol"]["split"] == "night"
