"""Decoded pairs on a disk: kept whole, replaced when their files change."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from data_trees import make_flat, mask

from segnet_tf.data import open_samples
from segnet_tf.data.disk_cache import DiskCache
from segnet_tf.errors import UserError
from segnet_tf.system import atomic_files


@pytest.fixture
def samples(tmp_path):
    make_flat(tmp_path / "data")
    return open_samples(tmp_path / "data", "train").subset(3)


def never(index):
    raise AssertionError(f"{index} is read")


def filled(folder, samples):
    cache = DiskCache(folder, samples)
    for index in range(len(samples)):
        cache.pair(index, samples.read)
    return cache


def entries(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_kept_is_not_read_again(samples, tmp_path):
    filled(tmp_path / "kept", samples)
    again = DiskCache(tmp_path / "kept", samples)
    for index in range(3):
        image, labels = again.pair(index, never)
        expected = samples.read(index)
        assert image.dtype == labels.dtype == np.uint8
        np.testing.assert_array_equal(image, expected[0])
        np.testing.assert_array_equal(labels, expected[1])
    # Other images in the same order of the same folder are other entries.
    other = open_samples(tmp_path / "data", "val").subset(3)
    assert len(entries(filled(tmp_path / "kept", other)._folder)) == 6


def test_a_mask_that_has_changed_is_told_of_and_kept_anew(samples, tmp_path, capsys):
    cache = filled(tmp_path / "kept", samples)
    mask(tmp_path / "data" / "masks" / f"{samples.stems[1]}.png", [[2, 2], [2, 2]])
    assert cache.pair(1, samples.read)[1].tolist() == [[2, 2], [2, 2]]
    cache.pair(0, never)
    cache.pair(1, never)
    said = capsys.readouterr().err
    assert "is stale, first for" in said and str(samples.files[1]) in said
    assert said.count("\n") == 1


def test_another_meaning_of_the_masks_is_another_state(samples, tmp_path, capsys):
    filled(tmp_path / "kept", samples)
    (tmp_path / "data" / "classes.txt").write_text("2 sky\n1 grass\n0 cow\n")
    other = open_samples(tmp_path / "data", "train").subset(3)
    labels = DiskCache(tmp_path / "kept", other).pair(0, other.read)[1]
    assert labels.tolist() == [[2, 1], [0, 1]] != samples.read(0)[1].tolist()
    assert "is stale" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:-1] + b"\7"])
def test_a_damaged_entry_is_replaced(damage, samples, tmp_path, capsys):
    cache = filled(tmp_path / "kept", samples)
    for path in entries(tmp_path / "kept"):
        path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(cache.pair(2, samples.read)[1], samples.read(2)[1])
    cache.pair(2, never)
    assert "holds a damaged file" in capsys.readouterr().err


def test_a_full_disk_stops_nothing(samples, tmp_path, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "replace", full)
    cache = filled(tmp_path / "kept", samples)
    np.testing.assert_array_equal(cache.pair(0, samples.read)[0], samples.read(0)[0])
    assert entries(tmp_path / "kept") == []
    said = capsys.readouterr().err
    assert "takes no more (No space left on device)" in said and said.count("\n") == 1


def test_a_folder_that_cannot_be_made(samples, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="`cache` must be a folder that can be written"):
        DiskCache(tmp_path / "file" / "kept", samples)


def test_kill_minus_nine_leaves_whole_entries(tmp_path):
    code = """
import sys, numpy as np
from segnet_tf.data import Classes, Samples
from segnet_tf.data.disk_cache import DiskCache
pair = np.zeros((500, 500, 3), np.uint8), np.zeros((500, 500), np.uint8)
names = tuple(map(str, range(10**6)))
samples = Samples("made", "train", Classes(("a",), ((0, 0, 0),)), names, lambda i: pair)
cache = DiskCache(sys.argv[1], samples)
print("ready", flush=True)
for index in range(len(names)): cache.pair(index, samples.read)
"""
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        time.sleep(0.3)
        os.kill(child.pid, signal.SIGKILL)
    found = [path for path in entries(tmp_path) if not atomic_files.is_leftover(path.name)]
    assert found and {path.stat().st_size for path in found} == {500 * 500 * 4 + 40}


def test_what_a_killed_process_left_is_removed(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_files, "_cleaned", set())
    folder = next(iter(entries(filled(tmp_path / "kept", samples)._folder))).parent
    left, theirs = folder / f".segnet_tf-{'0' * 16}.partial", folder / "notes.partial"
    for path in (left, theirs):
        path.write_bytes(b"half")
    for path in entries(folder):
        if not path.name.endswith("partial"):
            path.unlink()
    monkeypatch.setattr(atomic_files, "_cleaned", set())
    filled(tmp_path / "kept", samples)
    assert theirs.exists() and not left.exists()
