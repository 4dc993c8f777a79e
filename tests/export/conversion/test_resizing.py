"""Resizing layers in files, judged by bilinear interpolation written out in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.layers import BilinearResizing2D

# The image itself is resized: its int8 range is 0..255, a step of 1.
WHOLE = (0.0, 255.0)


def reference(image, size, places="half-pixel"):
    """Bilinear interpolation by matrices, in float64; `places` as runtimes may have them wrong."""
    for axis, count in zip((1, 2), size, strict=True):
        have = image.shape[axis]
        at = {
            "half-pixel": (np.arange(count) + 0.5) * have / count - 0.5,
            "asymmetric": np.arange(count) * have / count,
            "aligned corners": np.arange(count) * (have - 1) / max(count - 1, 1),
        }[places].clip(0, have - 1)
        weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(have)))
        image = np.moveaxis(np.tensordot(weights, image, (1, axis)), 0, axis)
    return image


def resized_to_image(image, given):
    """From a part of the image to the size of all of it."""
    height, width = given
    part = keras.layers.Cropping2D(((0, image.shape[1] - height), (0, image.shape[2] - width)))
    return BilinearResizing2D(name="up")(part(image), image)


# name -> (size of the image, what is resized, size of the result, layers)
CASES = {
    "to another map's odd size": ((45, 61), (22, 30), (45, 61), resized_to_image),
    "eight times": ((48, 64), (6, 8), (48, 64), resized_to_image),
    "from one pixel": ((12, 16), (1, 1), (12, 16), resized_to_image),
    "UpSampling2D": (
        (9, 13),
        (9, 13),
        (18, 39),
        lambda x, _: keras.layers.UpSampling2D((2, 3), interpolation="bilinear")(x),
    ),
    "Resizing": ((22, 30), (22, 30), (17, 41), lambda x, _: keras.layers.Resizing(17, 41)(x)),
}


@pytest.mark.parametrize("name", CASES)
def test_pixel_centers_are_halves(name):
    size, given, made, build = CASES[name]
    image = keras.Input((*size, 3))
    model = keras.Model(image, build(image, given))
    pixels = np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype(np.float32)
    part = pixels[:, : given[0], : given[1]].astype(np.float64)
    wanted = reference(part, made)
    np.testing.assert_allclose(model(pixels).numpy(), wanted, atol=1e-3)
    ranges = dict.fromkeys((layer.name for layer in model.layers), WHOLE)
    for form, close in (("float32", 1e-3), ("int8", 1.0)):
        content = convert.convert(model, size, form, ranges=ranges if form == "int8" else None)
        graph = flatbuffer.read(content)
        assert rules.partition_failures(cpu.partitions(content)) == []
        assert "RESIZE_BILINEAR" in [op.name for op in graph.ops]
        if form == "int8":
            assert rules.int8_failures(graph) == []
        (got,) = cpu.run(cpu.open_interpreter(content), pixels)
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= close
        if given != (1, 1):
            for wrong in ("asymmetric", "aligned corners"):
                far = np.abs(got - reference(part, made, wrong)).max()
                assert far > 20, f"{wrong} would pass"


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos3"])
@pytest.mark.parametrize("kind", ["UpSampling2D", "Resizing"])
def test_an_interpolation_that_tflite_lacks_is_one_line(kind, interpolation):
    layer = {
        "UpSampling2D": keras.layers.UpSampling2D(2, interpolation=interpolation, name="odd"),
        "Resizing": keras.layers.Resizing(6, 6, interpolation=interpolation, name="odd"),
    }[kind]
    image = keras.Input((4, 4, 3))
    with pytest.raises(UserError, match=f"Received: '{interpolation}' at odd") as caught:
        convert.convert(keras.Model(image, layer(image)), (4, 4))
    assert "\n" not in str(caught.value)
