"""`compute_output_shape` and symbolic outputs, judged by the outputs of real tensors."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import layers
from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

SIDES = [(1, 1), (5, 7), (6, 9), (45, 60), (13, 2)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("window", "step"), [(2, 2), (3, 2), (2, 3), ((1, 3), (2, 1))])
def test_output_shapes_of_pooling_are_the_real_ones(padding, window, step):
    layer = MaxPoolingWithArgmax2D(window, step, padding)
    for size in SIDES:
        if padding == "valid" and min(np.subtract(size, layer.pool_size)) < 0:
            continue
        real = [tuple(output.shape) for output in layer(np.zeros((2, *size, 3), np.float32))]
        assert list(layer.compute_output_shape((2, *size, 3))) == real
        # Unknown sides stay unknown, beside known ones too.
        for unknown in ((None, None), (None, size[1]), (size[0], None)):
            wanted = tuple(
                None if side is None else known
                for side, known in zip(unknown, real[0][1:3], strict=True)
            )
            found = layer.compute_output_shape((None, *unknown, 3))
            assert found == ((None, *wanted, 3),) * 2


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_output_shapes_of_unpooling_are_the_real_ones(padding, groups):
    pool = MaxPoolingWithArgmax2D(padding=padding)
    for size in SIDES:
        if padding == "valid" and min(size) < 2:
            continue
        x = np.zeros((2, *size, 4), np.float32)
        pooled, argmax = pool(x)
        values = np.repeat(pooled, groups, axis=-1)
        fixed = MaxUnpooling2D(output_size=size)
        real = tuple(fixed(values, argmax).shape)
        assert real == (2, *size, 4 * groups)
        assert fixed.compute_output_shape(values.shape, argmax.shape) == real
        free = MaxUnpooling2D()
        assert free.compute_output_shape(values.shape, argmax.shape, x.shape) == real
        unknown = (None, None, None, 4 * groups), (None, None, None, 4)
        assert fixed.compute_output_shape(*unknown) == (None, *real[1:])
        found = free.compute_output_shape(*unknown, (None, size[0], None, 4))
        assert found == (None, size[0], None, 4 * groups)
    with pytest.raises(UserError, match="`output_size` must be given"):
        MaxUnpooling2D().compute_output_shape((2, 2, 2, 4), (2, 2, 2, 4))
    with pytest.raises(UserError, match="a whole fraction"):
        MaxUnpooling2D(4).compute_output_shape((2, 2, 2, 4), (2, 2, 2, 3))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("size", [(45, 7), (None, None), (None, 7)])
def test_symbolic_outputs_have_the_shapes_and_dtypes_of_real_ones(size, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        image = keras.Input((*size, 3))
        pooled, argmax = MaxPoolingWithArgmax2D(padding="same")(image)
        fixed = MaxUnpooling2D()(pooled, argmax, output_size=(46, 8))
        free = MaxUnpooling2D()(pooled, argmax, output_size=image)
        outputs = (pooled, argmax, fixed, free)
        real = keras.Model(image, outputs)(np.zeros((2, 45, 7, 3), np.float32))
    finally:
        keras.config.set_dtype_policy(before)
    assert argmax.dtype == "int64"
    for symbol, value in zip(outputs, real, strict=True):
        assert symbol.dtype == value.dtype.name
        known = [side for side in symbol.shape if side is not None]
        assert len(symbol.shape) == 4 and known == [
            side for side, named in zip(value.shape, symbol.shape, strict=True) if named is not None
        ]
    assert fixed.shape == (None, 46, 8, 3) and free.shape == (None, *size, 3)


def test_every_layer_says_its_output_shape():
    classes = [kind for kind in vars(layers).values() if isinstance(kind, type)]
    assert len(classes) == len(layers.__all__) == 10
    for kind in classes:
        assert kind.compute_output_shape is not keras.layers.Layer.compute_output_shape
    for layer in (
        layers.LocalResponseNormalization(),
        layers.FusedBatchNormalization(),
        layers.TrainingDepthwiseConv2D(5, padding="same"),
    ):
        shape = (2, 5, 7, 3)
        assert layer.compute_output_shape(shape) == layer(np.zeros(shape, np.float32)).shape
        assert layer.compute_output_shape((None, None, 7, 3)) == (None, None, 7, 3)


@pytest.mark.parametrize("size", [(45, 7), (12, 20)])
def test_layers_that_take_a_reference_have_its_size(size):
    x, reference = np.zeros((2, 23, 9, 3), np.float32), np.zeros((2, *size, 5), np.float32)
    for layer in (layers.BilinearResizing2D(), layers.CropOrPad2D()):
        shape = layer.compute_output_shape(x.shape, reference.shape)
        assert shape == layer(x, reference).shape == (2, *size, 3)
        unknown = layer.compute_output_shape((None, 23, 9, 3), (None, None, size[1], 5))
        assert unknown == (None, None, size[1], 3)
    pooled = layers.AdaptiveAveragePooling2D(2)
    assert pooled.compute_output_shape(x.shape) == pooled(x).shape == (2, 2, 2, 3)
    padded = layers.ChannelPadding(8)
    assert padded.compute_output_shape(x.shape) == padded(x).shape == (2, 23, 9, 8)
    even = layers.EvenPadding2D()
    assert even.compute_output_shape(x.shape) == even(x).shape == (2, 24, 10, 3)
    assert even.compute_output_shape((None, None, 4, 3)) == (None, None, 4, 3)
