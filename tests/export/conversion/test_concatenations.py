"""Concatenations in int8: which maps share a range, and how many go into one op."""

from __future__ import annotations

import keras
import numpy as np
import tiny_models

from segnet_tf.export.checks import layer_errors, rules
from segnet_tf.export.conversion import calibration, concatenations, convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.layers import BilinearResizing2D

SIZE = tiny_models.SIZE
LAYERS = keras.layers


def joined():
    """A U-Net of one stage whose bottom is joined with another concatenation."""
    keras.utils.set_random_seed(1)
    image = keras.Input((*SIZE, 3))
    skip = LAYERS.Conv2D(4, 3, padding="same", activation="relu", name="skip")(image)
    x = LAYERS.MaxPooling2D(name="pool")(skip)
    parts = [LAYERS.Conv2D(4, 3, padding="same", name=f"part{index}")(x) for index in range(2)]
    inner = LAYERS.Concatenate(name="inner")(parts)
    up = BilinearResizing2D(name="up")(inner, skip)
    outer = LAYERS.Concatenate(name="outer")([skip, up])
    return keras.Model(image, LAYERS.Conv2D(5, 1, name="classifier")(outer))


def file(model, images):
    ranges = calibration.measure_ranges(model, images)
    content = convert.convert(model, SIZE, "int8", ranges=ranges)
    graph = flatbuffer.read(content)
    assert rules.int8_failures(graph) == []
    assert rules.partition_failures(cpu.partitions(content)) == []
    return content, graph, ranges


def test_maps_that_nothing_else_reads_share_the_range():
    model = joined()
    found = concatenations.followers(model)
    assert found == dict.fromkeys(("part0", "part1", "inner", "up"), "outer")
    images = tiny_models.images()
    content, graph, ranges = file(model, images)
    # One for the image, one for the skip, which is pooled in its own range.
    assert [op.name for op in graph.ops].count("QUANTIZE") == 2
    (got,) = cpu.run(cpu.open_interpreter(content), images[0])
    wanted = model(images[0]).numpy()
    assert np.corrcoef(got.ravel(), wanted.ravel())[0, 1] > 0.999
    # A table of errors finds the layers whose scale is the concatenation's.
    rows = {row["layer"]: row for row in layer_errors.measure(content, model, ranges, images)}
    assert {"part0", "part1", "skip", "classifier"} <= set(rows)


def test_a_layer_that_is_called_twice_keeps_its_range():
    image = keras.Input((*SIZE, 3))
    twice = LAYERS.Conv2D(4, 1, name="twice")
    first = twice(image)
    second = twice(LAYERS.Conv2D(3, 1, name="other")(first))
    model = keras.Model(image, LAYERS.Concatenate(name="join")([first, second]))
    assert concatenations.followers(model) == {}


def test_more_than_five_maps_are_joined_step_by_step():
    keras.utils.set_random_seed(1)
    image = keras.Input((*SIZE, 3))
    parts = [LAYERS.Conv2D(2 + index, 1, name=f"part{index}")(image) for index in range(7)]
    model = keras.Model(image, LAYERS.Concatenate(name="join")(parts))
    images = tiny_models.images()
    content, graph, _ = file(model, images)
    assert max(len(op.inputs) for op in graph.ops if op.name == "CONCATENATION") == 5
    content = convert.convert(model, SIZE)
    assert rules.partition_failures(cpu.partitions(content)) == []
    (got,) = cpu.run(cpu.open_interpreter(content), images[0])
    np.testing.assert_allclose(got, model(images[0]).numpy(), rtol=1e-5, atol=1e-3)
