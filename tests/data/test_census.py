"""Counting labels, and the warnings that a count gives before the first step."""

from __future__ import annotations

import numpy as np
import pytest

from segnet_tf.data import Classes, Samples
from segnet_tf.data.census import take_census
from segnet_tf.errors import UserError

CLASSES = Classes(("road", "car", "sky"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))


def census(*maps, ids=None):
    maps = [np.array(labels, np.uint8) for labels in maps]
    stems = tuple(f"image{i}" for i in range(len(maps)))

    def read(index):
        return np.zeros((*maps[index].shape, 3), np.uint8), maps[index]

    return take_census(Samples("made", "train", CLASSES, stems, read), ids)


def test_counts_by_hand():
    found = census([[0, 0, 1], [0, 255, 255]], [[2, 2], [0, 2]], [[255, 255]])
    assert found.pixels.tolist() == [4, 1, 3]
    assert found.image_pixels.tolist() == [8, 4, 4]
    assert (found.void, found.images, found.split) == (4, 3, "train")
    assert found.void_share == pytest.approx(4 / 12)
    assert found.shares.tolist() == [0.5, 0.125, 0.375]


def test_all_well_gives_no_warning():
    assert census([[0, 1, 2, 255]]).warnings == ()
    assert census([[0, 0, 1, 1, 2, 2, 2, 255, 255, 255]]).warnings == ()  # 30 % is allowed


def test_a_class_without_a_pixel_is_a_warning():
    (warning,) = census([[0, 0, 2]]).warnings
    assert "no pixel of car" in warning and "class file" in warning and "4 car" in warning


def test_much_void_is_a_warning():
    (warning,) = census([[0, 1, 2, 255, 255]]).warnings
    assert warning.startswith("40.0 % ") and "void" in warning and "class file" in warning


def test_void_alone_is_counted():
    found = census([[255, 255]])
    assert found.void_share == 1 and len(found.warnings) == 2
    assert found.shares.tolist() == [0, 0, 0]


def test_a_stray_label_names_its_image():
    with pytest.raises(UserError, match="Received: 2 in image1"):
        census([[0, 1]], [[0, 2]], ids=2)
