"""Labels, samples and the reading of files, with files drawn here."""

from __future__ import annotations

import numpy as np
import pytest

from segnet_tf.data import VOID, Classes, Samples, colorize, open_samples
from segnet_tf.data.classes import default_colors
from segnet_tf.errors import UserError

CLASSES = Classes(("road", "car"), ((10, 20, 30), (200, 0, 0)))


def one_line(info) -> str:
    """The message, held to the form of an error: one line, what came is in it."""
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


def test_colorize_paints_classes_and_leaves_void_black():
    painted = colorize(np.array([[0, 1], [VOID, 1]], np.uint8), CLASSES)
    assert painted.dtype == np.uint8
    assert painted.tolist() == [[[10, 20, 30], [200, 0, 0]], [[0, 0, 0], [200, 0, 0]]]


@pytest.mark.parametrize(
    ("names", "colors", "word"),
    [
        ((), (), "0 names"),
        (("a", "a"), ((0, 0, 1), (0, 0, 2)), "'a'"),
        (("a", "b"), ((0, 0, 1),), "1 colors"),
        (("a",), ((0, 0, 256),), "256"),
    ],
)
def test_wrong_classes_are_refused(names, colors, word):
    with pytest.raises(UserError) as info:
        Classes(names, colors)
    assert word in one_line(info)


@pytest.mark.parametrize("count", [1, 11, 40])
def test_default_colors_differ_and_are_never_voids_black(count):
    colors = default_colors(count)
    assert len(set(colors)) == count
    assert min(sum(color) for color in colors) > 60


def numbered(count: int) -> Samples:
    def read(index):
        return np.full((2, 2, 3), index, np.uint8), np.zeros((2, 2), np.uint8)

    return Samples("made", "train", CLASSES, tuple(f"n{i}" for i in range(count)), read)


def test_subset_takes_the_first_or_the_named_ones_in_order():
    samples = numbered(5)
    assert samples.subset(3).stems == ("n0", "n1", "n2")
    assert len(samples.subset(99)) == 5
    chosen = samples.subset([4, 1]).subset([1, 0])
    assert chosen.stems == ("n1", "n4")
    assert [int(chosen.read(i)[0][0, 0, 0]) for i in range(2)] == [1, 4]


def test_subset_of_none_is_refused():
    with pytest.raises(UserError) as info:
        numbered(5).subset(0)
    assert "limit" in one_line(info)


def test_open_samples_says_what_it_knows(tmp_path):
    for data in ("synthetic:", "synthetic:0", "synthetic:-3", "synthetic:many"):
        with pytest.raises(UserError) as info:
            open_samples(data, "train")
        assert data in one_line(info)
    with pytest.raises(UserError) as info:
        open_samples(str(tmp_path / "gone"), "train")
    assert "gone" in one_line(info)
    with pytest.raises(UserError) as info:
        open_samples(tmp_path, "train")
    assert "trainannot" in one_line(info)
    with pytest.raises(UserError) as info:
        open_samples("synthetic", "holiday")
    assert "holiday" in one_line(info)


def test_open_samples_counts_limits_and_sizes_drawn_scenes():
    assert len(open_samples("synthetic:12", "train")) == 12
    assert len(open_samples("synthetic:12", "val")) == 3
    assert len(open_samples("synthetic:1", "test")) == 1
    few = open_samples("synthetic", "train", size=(40, 64), limit=2)
    assert len(few) == 2
    assert few.read(1)[0].shape == (40, 64, 3)
