"""Drawn scenes: the same from the same seed, all classes, learnable, disjoint splits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segnet_tf.data import VOID, camvid, open_samples
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError

COUNT = len(camvid.CLASSES)
ROOT = Path(__file__).resolve().parents[2]


def test_a_scene_is_a_function_of_index_size_and_seed():
    image, labels = synthetic.scene(5, seed=3)
    again = synthetic.scene(5, seed=3)
    assert image.shape == (192, 256, 3)
    assert labels.shape == (192, 256)
    assert image.dtype == labels.dtype == np.uint8
    assert np.array_equal(image, again[0])
    assert np.array_equal(labels, again[1])
    assert not np.array_equal(labels, synthetic.scene(6, seed=3)[1])
    assert not np.array_equal(labels, synthetic.scene(5, seed=4)[1])


@pytest.mark.parametrize("size", [(32, 32), (45, 61), (360, 480), (200, 64)])
def test_any_size_is_drawn_with_known_labels(size):
    for index in (0, 10**9):
        image, labels = synthetic.scene(index, size=size)
        assert image.shape == (*size, 3)
        assert set(np.unique(labels)) <= {*range(COUNT), VOID}


def test_the_splits_never_share_a_scene():
    seen = {}
    for split in ("train", "val", "test"):
        samples = synthetic.samples(split, size=(32, 40), count=30)
        assert len(samples) == 30
        for index, stem in enumerate(samples.stems):
            seen[stem] = samples.read(index)[0].tobytes()
    assert len(seen) == len(set(seen.values())) == 90


def test_every_class_and_void_is_there_often_and_none_takes_over():
    scenes = [open_samples("synthetic", "train").read(i)[1] for i in range(48)]
    pixels = np.array([np.bincount(labels.ravel(), minlength=256) for labels in scenes])
    share, present = pixels.sum(0) / pixels.sum(), (pixels > 20).mean(0)
    for label in range(COUNT):
        name = camvid.CLASSES.names[label]
        assert share[label] > 0.003, name
        assert present[label] > 0.4, name
    assert share.max() < 0.5
    assert 0.002 < share[VOID] < 0.05


def test_colors_tell_the_large_classes_apart():
    """The judge: guess each pixel's class from its color and row by nearest class mean."""

    def features(index):
        image, labels = synthetic.scene(index, size=(96, 128))
        rows = np.repeat(np.linspace(0, 255, 96)[:, None], 128, axis=1)
        return np.dstack([image, rows]).reshape(-1, 4), labels.ravel()

    pairs = [features(index) for index in range(24)]
    x = np.concatenate([pair[0] for pair in pairs])
    y = np.concatenate([pair[1] for pair in pairs])
    means = np.array([x[y == label].mean(0) for label in range(COUNT)])
    test, truth = (np.concatenate(part) for part in zip(*map(features, range(30, 38)), strict=True))
    guess = ((test[:, None] - means) ** 2).sum(2).argmin(1)
    sky_and_road = np.isin(truth, (0, 3))
    assert (guess == truth)[sky_and_road].mean() > 0.5
    # But a color must not give the answer away: something is left to learn.
    assert (guess == truth)[~sky_and_road].mean() < 0.7


def test_wrong_sizes_and_splits_are_refused():
    with pytest.raises(UserError, match="Received: 31x64"):
        synthetic.samples("train", size=(31, 64))
    with pytest.raises(UserError, match="Received: 'trainval'"):
        synthetic.samples("trainval")


def test_reading_data_does_not_import_tensorflow():
    code = "import sys, segnet_tf.data as d; d.open_samples('synthetic', 'val').read(0); "
    code += "sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
