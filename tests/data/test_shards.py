"""Shards hold what the folder holds, whatever happens while they are written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from data_trees import (
    COLORS,
    image,
    make_flat,
    make_folder,
    make_kaggle,
    mask,
    names,
    refusal,
    splits_of,
)

from segnet_tf.cli.main import main
from segnet_tf.data import open_samples, open_source
from segnet_tf.data.check import check_data
from segnet_tf.data.shards.writer import write_shards


def assert_same(shards, folder):
    assert shards.stems == folder.stems and shards.classes == folder.classes
    assert (shards.source, shards.split) == (folder.source, folder.split)
    for index in range(len(folder)):
        for ours, theirs in zip(shards.read(index), folder.read(index), strict=True):
            assert ours.dtype == theirs.dtype == np.uint8
            np.testing.assert_array_equal(ours, theirs)


def test_every_pair_of_every_split(flat):
    for split in ("train", "val"):
        found = open_samples(flat / "shards", split)
        assert_same(found, open_samples(flat / "data", split))
        assert_same(found.subset([2, 0]), open_samples(flat / "data", split).subset([2, 0]))
    train, val = (open_samples(flat / "shards", split) for split in ("train", "val"))
    assert train.shared(val) == 0 and train.shared(train) == len(train)


@pytest.mark.parametrize("make", [make_folder, make_kaggle])
def test_layouts_and_names_of_splits(make, tmp_path):
    make(tmp_path / "data")
    write_shards(splits_of(tmp_path / "data"), tmp_path / "shards", {})
    assert_same(open_samples(tmp_path / "shards", "val"), open_samples(tmp_path / "data", "val"))


def test_a_prefix_chooses_as_in_the_folder(flat):
    assert_same(open_samples(flat / "shards", "train/p0"), open_samples(flat / "data", "train/p0"))
    assert "beginning of the name" in refusal(lambda: open_samples(flat / "shards", "train/q"))


def test_grey_images_and_synthetic_scenes(flat, tmp_path):
    scenes = splits_of("synthetic:4", size=(32, 48))
    write_shards(scenes, tmp_path / "shards", {})
    assert_same(open_samples(tmp_path / "shards", "train"), scenes["train"])
    train = open_samples(flat / "shards", "train").in_channels(1)
    assert "1 channel" in refusal(lambda: train.read(0))  # they are colored


def test_on_a_file_system_of_tensorflows(flat):
    where = "ram://bucket/shards"
    write_shards(splits_of(flat / "data"), where, {}, shard_bytes=4000)
    assert_same(open_samples(where, "val"), open_samples(flat / "data", "val"))
    message = refusal(lambda: open_samples("ram://bucket/nothing", "val"))
    assert "ram://bucket/nothing" in message and "segnet-tf shard" in message
    report = check_data(where)
    assert not report.problems and str(report.directory) == where


def test_the_files_are_tfrecords_with_the_checksums_of_the_manifest(flat):
    manifest = json.loads((flat / "shards" / "manifest.json").read_text())
    assert [row["name"] for row in manifest["classes"]] == list(COLORS)
    split = manifest["splits"]["train"]
    assert len(split["shards"]) > 2 and split["sizes"] == {"2x2": split["images"]}
    assert split["pixels"] == [split["images"], 2 * split["images"], split["images"]]
    paths = [flat / "shards" / shard["file"] for shard in split["shards"]]
    for path, shard in zip(paths, split["shards"], strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == shard["sha256"]
        assert path.stat().st_size == shard["bytes"]
    # TensorFlow's own reader, in order.
    key = "image/filename"
    spec = {key: tf.io.FixedLenFeature((), tf.string)}
    records = tf.data.TFRecordDataset([str(path) for path in paths])
    found = [tf.io.parse_single_example(record, spec)[key].numpy().decode() for record in records]
    assert tuple(found) == open_samples(flat / "data", "train").stems
    assert not list((flat / "shards").glob("*.finished.json"))


class Cut(Exception):
    pass


def test_cut_off_it_goes_on_and_ends_with_the_same_files(flat, tmp_path, monkeypatch):
    out = tmp_path / "shards"

    def cut(done, total):
        if done == 20:
            raise Cut

    with pytest.raises(Cut):
        write_shards(splits_of(flat / "data"), out, {}, shard_bytes=4000, progress=cut)
    assert not (out / "manifest.json").exists()
    assert "must be a folder" in refusal(lambda: open_samples(out, "train"))
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tfrecord")}
    assert finished
    write_shards(splits_of(flat / "data"), out, {}, shard_bytes=4000)
    for name, time in finished.items():
        assert (out / name).stat().st_mtime_ns == time
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert files == {path.name: path.read_bytes() for path in (flat / "shards").iterdir()}


def test_a_shard_of_files_that_have_changed_is_written_again(tmp_path, monkeypatch):
    make_flat(tmp_path / "data")
    out = tmp_path / "shards"

    def cut(done, total):
        if done == total:
            raise Cut

    with pytest.raises(Cut):
        write_shards(splits_of(tmp_path / "data"), out, {}, shard_bytes=4000, progress=cut)
    samples = open_samples(tmp_path / "data", "train")
    mask(tmp_path / "data" / "masks" / f"{samples.stems[0]}.png", [[2, 2], [2, 2]])
    write_shards(splits_of(tmp_path / "data"), out, {}, shard_bytes=4000)
    assert open_samples(out, "train").read(0)[1].tolist() == [[2, 2], [2, 2]]


def test_a_damaged_pair_stops_the_writing_and_is_named(tmp_path):
    make_flat(tmp_path / "data")
    broken = tmp_path / "data" / "images" / "p20.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    splits = splits_of(tmp_path / "data")
    assert str(broken) in refusal(lambda: write_shards(splits, tmp_path / "shards", {}))
    assert not (tmp_path / "shards" / "manifest.json").exists()


def test_a_finished_data_set_is_replaced_when_asked_only(copied, flat):
    splits = {"val": open_samples(flat / "data", "val")}
    assert "--overwrite" in refusal(lambda: write_shards(splits, copied, {}))
    write_shards(splits, copied, {}, overwrite=True)
    assert open_source(copied).splits == ("val",)
    assert not list(copied.glob("train*.tfrecord"))


def test_a_missing_or_damaged_shard_is_named(copied):
    train = open_samples(copied, "train")
    path = sorted(copied.glob("train*.tfrecord"))[1]
    content = path.read_bytes()
    path.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])

    def read_all():
        for index in range(len(train)):
            train.read(index)

    assert str(path) in refusal(read_all)
    found = check_data(copied)
    assert len(found.problems) == 2 and all(str(path) in text for text in found.problems)
    path.write_bytes(content[:50])
    assert str(path) in refusal(read_all)
    path.unlink()
    assert f"{path} (it is missing)" in refusal(lambda: open_samples(copied, "train"))
    assert any(str(path) in text for text in check_data(copied).problems)
    (copied / "val.index.json").write_text("{}")
    assert "val.index.json" in refusal(lambda: open_samples(copied, "val"))


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what is read")
def test_reading_a_pair_reads_its_record_only(tmp_path):
    # TensorFlow's reader, which checks TFRecord's own checksums, reads 16 MB for each.
    write_shards(splits_of("synthetic:40", size=(256, 256)), tmp_path, {})
    train = open_samples(tmp_path, "train")
    (shard,) = tmp_path.glob("train-*.tfrecord")

    def read_so_far():
        return int(Path("/proc/self/io").read_text("ascii").split()[1])

    train.read(0)  # imports what it needs
    before = read_so_far()
    train.read(1)
    assert read_so_far() - before < 3 * shard.stat().st_size / len(train)


def test_shards_are_read_as_they_were_written(copied, flat):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["reading"] = {"layout": "flat", "val_share": 0.2, "split_seed": 3}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    open_samples(copied, "val", layout="flat", val_share=0.2, split_seed=3)
    message = refusal(lambda: open_samples(copied, "val", val_share=0.4))
    assert "`val_share` must be left out" in message and "0.2" in message
    (copied / "manifest.json").write_text('{"format": "segnet_tf shards 9"}')
    assert "shards 9" in refusal(lambda: open_samples(copied, "val"))


def test_the_command(tmp_path, capsys):
    make_flat(tmp_path / "data")
    shards = tmp_path / "shards"
    arguments = ["shard", "--data", str(tmp_path / "data"), "--output", str(shards)]
    assert main([*arguments, "--val-share", "0.3"]) == 0
    output = capsys.readouterr().out
    assert "pairs in 1 shards" in output and f"--data {shards}" in output
    assert json.loads((shards / "manifest.json").read_text())["reading"] == {
        "layout": "flat", "val_share": 0.3, "split_seed": 0, "image_range": None,
    }  # fmt: skip
    assert main(["check-data", str(shards)]) == 0
    assert "shards" in capsys.readouterr().out
    for wrong in (
        arguments,
        ["shard", "--data", str(shards), "--output", str(tmp_path / "other")],
        [*arguments[:3], "--output", str(tmp_path / "other"), "--split", "train/p0"],
        [*arguments[:3], "--output", str(tmp_path / "data" / "classes.txt")],
    ):
        assert main(wrong) == 2
        error = capsys.readouterr().err
        assert error.startswith("segnet-tf: ") and error.count("\n") == 1


def test_16_bits_keep_their_range(tmp_path):
    for stem in ("a", "b"):
        path = tmp_path / "data" / "train" / "images" / f"{stem}.png"
        image(path)
        tf.io.write_file(
            str(path), tf.io.encode_png(tf.fill((2, 2, 3), tf.constant(2000, tf.uint16)))
        )
        mask(tmp_path / "data" / "train" / "masks" / f"{stem}.png")
    names(tmp_path / "data")
    folder = open_source(tmp_path / "data", image_range=4095)
    write_shards({"train": folder.samples("train")}, tmp_path / "out", {"image_range": 4095})
    assert_same(open_samples(tmp_path / "out", "train"), folder.samples("train"))
