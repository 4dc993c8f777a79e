"""Averages in files, judged by windows that are cut out and averaged one by one."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import convert, masks
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.layers import AdaptiveAveragePooling2D

SIZE = (45, 61)


def adaptive(bins):
    """PyTorch's windows: from floor(i * size / bins) to ceil((i + 1) * size / bins)."""
    return [
        [(i * side // bins, math.ceil((i + 1) * side / bins)) for i in range(bins)] for side in SIZE
    ]


def strided(windows, strides, before=(0, 0), counts=(None, None)):
    """Windows of a pooling, of which what lies outside the map is cut off."""
    found = []
    for side, window, stride, first, count in zip(
        SIZE, windows, strides, before, counts, strict=True
    ):
        count = count or (side - window) // stride + 1
        starts = [i * stride - first for i in range(count)]
        found.append([(max(start, 0), min(start + window, side)) for start in starts])
    return found


POOL = keras.layers.AveragePooling2D
# name -> (layer, its windows of rows and of columns)
CASES = {
    "whole map, 1 bin": (AdaptiveAveragePooling2D(1, name="a"), adaptive(1)),
    "whole map, global": (
        keras.layers.GlobalAveragePooling2D(keepdims=True, name="a"),
        adaptive(1),
    ),
    "2 bins": (AdaptiveAveragePooling2D(2, name="a"), adaptive(2)),
    "6 bins": (AdaptiveAveragePooling2D(6, name="a"), adaptive(6)),
    "valid": (POOL(3, 2, name="a"), strided((3, 3), (2, 2))),
    # Would be taken for an argmax mask as a depthwise convolution.
    "1x2": (POOL((1, 2), name="a"), strided((1, 2), (1, 2))),
    "same, half windows at the end": (
        POOL(2, padding="same", name="a"),
        strided((2, 2), (2, 2), counts=(23, 31)),
    ),
    "same, cut at both ends": (
        POOL(3, 1, padding="same", name="a"),
        strided((3, 3), (1, 1), (1, 1), SIZE),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_averages_are_those_of_the_windows(name):
    layer, (rows, columns) = CASES[name]
    image = keras.Input((*SIZE, 3))
    model = keras.Model(image, layer(image))
    pixels = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3)).astype(np.float32)
    wanted = np.array(
        [
            [pixels[0, top:bottom, left:right].mean((0, 1)) for left, right in columns]
            for top, bottom in rows
        ]
    )
    for form, close in (("float32", 1e-3), ("int8", 1.0)):
        ranges = {"a": (0.0, 255.0)} if form == "int8" else None  # a step of 1
        content = convert.convert(model, SIZE, form, ranges=ranges)
        graph = flatbuffer.read(content)
        assert rules.partition_failures(cpu.partitions(content)) == []
        assert masks.find(graph) == []
        if form == "int8":
            assert rules.int8_failures(graph) == []
        for kernels in cpu.KERNELS:
            (got,) = cpu.run(cpu.open_interpreter(content, kernels), pixels)
            assert got[0].shape == wanted.shape
            assert np.abs(got[0] - wanted).max() <= close, kernels


def test_a_mean_of_maps():
    image = keras.Input((8, 8, 3))
    heads = [keras.layers.Conv2D(4, 1, name=f"head{index}")(image) for index in range(4)]
    model = keras.Model(image, keras.layers.Average(name="mean")(heads))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    parts = keras.Model(image, heads)(pixels)
    wanted = np.mean([part.numpy() for part in parts], axis=0)
    largest = max(float(np.abs(part.numpy()).max()) for part in parts)
    ranges = dict.fromkeys(("mean", *(f"head{i}" for i in range(4))), (-largest, largest))
    content = convert.convert(model, (8, 8), "int8", ranges=ranges)
    assert rules.int8_failures(flatbuffer.read(content)) == []
    assert rules.partition_failures(cpu.partitions(content)) == []
    (got,) = cpu.run(cpu.open_interpreter(content), pixels)
    # Each of three sums is rounded to steps of up to four times a head's, and divided by 4.
    assert np.abs(got - wanted).max() <= 2.5 * 2 * largest / 255
