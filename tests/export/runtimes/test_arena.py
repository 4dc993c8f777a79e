"""Memory of a file's tensors, against sums of their sizes."""

from __future__ import annotations

import keras
import numpy as np
import tiny_models
from rivals import networks

from segnet_tf.export.runtimes import arena
from segnet_tf.export.tflite_file import flatbuffer


def test_the_arena_is_at_least_what_lives_at_one_time():
    content = networks.exported(tiny_models.two_stages(padding="same"), tiny_models.SIZE, "float32")
    graph = flatbuffer.read(content)
    sizes = [
        4 * np.prod(graph.tensors[op.outputs[0]].shape)
        + sum(4 * np.prod(graph.tensors[i].shape) for i in op.inputs if graph.maker(i))
        for op in graph.ops
        if op.name == "CONV_2D"
    ]
    everything = sum(4 * np.prod(graph.tensors[i].shape) for op in graph.ops for i in op.outputs)
    assert max(sizes) <= arena.peak_live(content) <= arena.peak_arena(content) < everything


def test_live_tensors_are_counted_from_maker_to_last_reader():
    image = keras.Input((4, 4, 3))
    x = keras.layers.MaxPooling2D(2)(image)  # 2x2x3
    y = keras.layers.Conv2D(5, 1)(x)  # 2x2x5, while x lives on
    z = keras.layers.Concatenate()([keras.layers.Conv2D(2, 1)(x), y])  # 2x2x2 and 2x2x7
    content = networks.exported(keras.Model(image, z), (4, 4), "float32")
    # The input all along, the three that the concatenation touches.
    assert arena.peak_live(content) == 4 * (48 + 4 * (5 + 2 + 7))


def test_a_file_that_the_kernels_refuse_has_no_arena(tmp_path):
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.Conv2D(5, 1)(image))
    path = tmp_path / "a.tflite"
    path.write_bytes(networks.exported(model, (4, 4), "float32"))
    assert arena.arena_apart(path) == arena.peak_arena(path.read_bytes())
    path.write_bytes(b"nothing at all")
    assert arena.arena_apart(path) is None
