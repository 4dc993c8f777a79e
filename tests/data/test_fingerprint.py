"""What tells the data of a run from other data: names, classes, labels, sizes of files."""

from __future__ import annotations

import dataclasses
import shutil

import pytest
from data_trees import make_flat, mask

from segnet_tf.data import Classes, open_samples
from segnet_tf.data.fingerprint import difference, fingerprint


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    make_flat(root)
    return root


@pytest.fixture
def copied(data, tmp_path):
    shutil.copytree(data, tmp_path / "moved")
    return tmp_path / "moved"


def of(folder):
    return fingerprint(open_samples(folder, "train"))


def test_moved_data_is_the_same(data, copied):
    assert of(data) == of(copied)
    assert difference(of(data), of(copied)) is None


def test_each_change_is_named(data, copied):
    samples = open_samples(copied, "train")
    mask(copied / "masks" / f"{samples.stems[0]}.png", [[2, 2], [2, 2]])
    assert difference(of(data), of(copied)) == "labels"
    other = dataclasses.replace(samples, stems=("x", *samples.stems[1:]))
    assert difference(of(data), fingerprint(other)) == "names of the images"
    fewer = samples.subset(3)
    assert difference(of(data), fingerprint(fewer)) == "number of images"
    names = samples.classes.names
    swapped = Classes((names[1], names[0], *names[2:]), samples.classes.colors)
    renamed = fingerprint(dataclasses.replace(samples, classes=swapped))
    assert difference(of(data), renamed) == "names of the classes"


def test_images_that_are_all_replaced_are_other_data(data, copied):
    # Of the same names and sizes in pixels, with the same masks.
    for path in (copied / "images").iterdir():
        path.write_bytes(path.read_bytes() + b"\0")
    assert difference(of(data), of(copied)) == "sizes of the image files"


def test_a_damaged_pair_tells_nothing(data, copied):
    path = open_samples(copied, "train").files[0]
    content = path.read_bytes()
    path.write_bytes(content[:20] + bytes(len(content) - 20))
    damaged = of(copied)
    assert None in damaged["labels"] and difference(damaged, of(data)) is None
    path.write_bytes(content)
    assert difference(damaged, of(copied)) is None
    damaged["labels"][-1] = "0"
    assert difference(damaged, of(copied)) == "labels"


def test_images_in_no_files_are_compared_by_the_rest(data):
    then = of(data)
    now = then | {"sizes of the image files": [None] * len(then["sizes of the image files"])}
    assert difference(then, now) is None and difference(now, then) is None
    scenes = fingerprint(open_samples("synthetic:5", "train", size=(32, 32)))
    assert scenes["sizes of the image files"] == [None] * 5
    assert difference(scenes, fingerprint(open_samples("synthetic:5", "train", size=(32, 48))))


def test_a_damaged_fingerprint_is_a_difference(data):
    assert difference({"labels": 3}, of(data)) == "number of images"
    assert difference([], of(data)) == "number of images"
    assert difference(of(data) | {"labels": 3}, of(data)) == "labels"
    assert difference(of(data) | {"sizes of the image files": [1]}, of(data))


def test_a_few_images_may_be_put_right(copied):
    before = of(copied)
    files = open_samples(copied, "train").files
    few = len(files) // 10
    for number, path in enumerate(files, start=1):
        path.write_bytes(path.read_bytes() + b"\0")
        expected = "sizes of the image files" if number > few else None
        assert difference(before, of(copied)) == expected
