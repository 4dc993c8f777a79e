"""Writing shards: one process a folder, whole files, and none of anybody else's."""

from __future__ import annotations

import errno
import json
import os

import pytest
from data_trees import refusal, splits_of

from segnet_tf.data import open_samples
from segnet_tf.data.shards.writer import write_shards
from segnet_tf.errors import UserError
from segnet_tf.system import atomic_files, locks


class Cut(Exception):
    pass


def test_a_full_disk_is_one_line(flat, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        write_shards(splits_of(flat / "data"), tmp_path / "shards", {})
    assert not list((tmp_path / "shards").iterdir())


def test_files_of_others_stay(flat, tmp_path):
    out = tmp_path / "shards"
    out.mkdir()
    theirs = ("mine.tfrecord", "val-00000-of-00099.tfrecord", "x.finished.json", "notes.partial")
    for name in theirs:
        (out / name).write_text("theirs")
    for _ in range(2):
        write_shards(splits_of(flat / "data"), out, {}, shard_bytes=4000, overwrite=True)
    assert {(out / name).read_text() for name in theirs} == {"theirs"}
    ours = {path.name for path in (flat / "shards").iterdir()}
    assert {path.name for path in out.iterdir()} == {*ours, *theirs}


@pytest.mark.parametrize("name", ["val-00000-of-00001.tfrecord", "train.index.json"])
def test_a_file_of_another_under_a_name_to_write_is_refused(name, flat, tmp_path):
    (tmp_path / name).write_text("theirs")
    message = refusal(lambda: write_shards(splits_of(flat / "data"), tmp_path, {}, overwrite=True))
    assert name in message and "another" in message
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_manifest_of_another_program_is_refused(flat, tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "an app"}')
    refusal(lambda: write_shards(splits_of(flat / "data"), tmp_path, {}, overwrite=True))
    assert (tmp_path / "manifest.json").read_text() == '{"name": "an app"}'


def test_cut_off_with_other_shards_it_ends_with_those_of_the_last_call(flat, tmp_path):
    def cut(done, total):
        if done == total - 1:
            raise Cut

    splits = splits_of(flat / "data")
    with pytest.raises(Cut):
        write_shards(splits, tmp_path, {}, shard_bytes=2000, progress=cut)
    assert (tmp_path / "unfinished.json").exists()
    write_shards(splits, tmp_path, {}, shard_bytes=4000)
    with pytest.raises(Cut):
        write_shards(splits, tmp_path, {}, shard_bytes=2000, progress=cut, overwrite=True)
    write_shards(splits, tmp_path, {}, shard_bytes=4000)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files == {path.name: path.read_bytes() for path in (flat / "shards").iterdir()}


def test_a_second_writer_is_refused(flat, tmp_path):
    with locks.only_writer(tmp_path, "output"):
        message = refusal(lambda: write_shards(splits_of(flat / "data"), tmp_path, {}))
    assert f"process {os.getpid()} " in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", 3])
@pytest.mark.parametrize("where", ["index", "file"])
def test_names_in_a_manifest_are_files_beside_it(where, name, copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    split = manifest["splits"]["val"]
    (split if where == "index" else split["shards"][0])[where] = name
    (copied / "manifest.json").write_text(json.dumps(manifest))
    rule = "must be a plain name" if isinstance(name, str) else "must be a text"
    assert rule in refusal(lambda: open_samples(copied, "val"))


@pytest.mark.parametrize("name", ["a/b", "..", "a\nb"])
def test_a_split_names_files_of_the_output(name, flat, tmp_path):
    splits = {name: open_samples(flat / "data", "val")}
    assert "must be a plain name" in refusal(lambda: write_shards(splits, tmp_path / "out", {}))
    assert not (tmp_path / "out").exists()
