"""Files of other tools: what their metadata wants done to the pixels is done."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import metadata, metadata_tables
from segnet_tf.inference.tflite_model import TFLiteModel

MEAN, STD = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)  # ImageNet's, of each channel
SIZE = (4, 6)
KERNEL = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
IMAGES = np.random.default_rng(1).integers(0, 256, (2, *SIZE, 3)).astype(np.float32)


def network() -> keras.Model:
    image = keras.Input((*SIZE, 3), batch_size=1)
    model = keras.Model(image, keras.layers.Conv2D(5, 1, use_bias=False)(image))
    model.set_weights([KERNEL[None, None]])
    return model


def saying(content: bytes, mean, std) -> bytes:
    """The file with the metadata that TFLite's own tools write."""
    unit = {0: np.int8(1), 1: {0: list(mean), 1: list(std)}}
    root = {0: "other", 3: [{2: [{0: "image", 4: [unit]}]}]}
    data = metadata_tables.write(root, metadata.IDENTIFIER)
    return metadata_tables.with_buffer(content, metadata.BUFFER, data)


@pytest.fixture(scope="module")
def float_network() -> bytes:
    return tf.lite.TFLiteConverter.from_keras_model(network()).convert()


def test_real_numbers_are_normalized_by_channel(float_network, tmp_path):
    path = tmp_path / "f.tflite"
    path.write_bytes(saying(float_network, MEAN, STD))
    expected = (IMAGES - np.float32(MEAN)) / np.float32(STD) @ KERNEL
    np.testing.assert_allclose(TFLiteModel(path).on_batch(IMAGES), expected, atol=1e-5)
    path.write_bytes(saying(float_network, [127.5], [127.5]))
    expected = (IMAGES / np.float32(127.5) - 1) @ KERNEL
    np.testing.assert_allclose(TFLiteModel(path).on_batch(IMAGES), expected, atol=1e-5)


def quantized(model: keras.Model, images: np.ndarray, dtype: tf.DType) -> bytes:
    """Full int8, its ranges those of the images."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = dtype
    return converter.convert()


@pytest.mark.parametrize("brightest", [255, 150])
@pytest.mark.parametrize("dtype", [tf.uint8, tf.int8])
def test_codes_are_those_of_the_numbers_that_the_file_was_made_with(dtype, brightest, tmp_path):
    """Of dark images the codes are not the bytes."""
    path = tmp_path / "q.tflite"
    images = np.rint(IMAGES * (brightest / IMAGES.max()))
    normalized = images / np.float32(127.5) - 1
    expected = normalized @ KERNEL
    content = quantized(network(), normalized, dtype)
    # If the file says nothing, only bytes can be meant, which is right for the whole range.
    silent = [content] if brightest == 255 else []
    for file in [saying(content, [127.5], [127.5]), *silent]:
        path.write_bytes(file)
        found = TFLiteModel(path).on_batch(images)
        assert np.abs(found - expected).max() < 0.02 * np.ptp(expected)
    # One that takes pixels says so by its scale.
    path.write_bytes(quantized(network(), images, dtype))
    found = TFLiteModel(path).on_batch(images)
    assert np.abs(found - images @ KERNEL).max() < 0.02 * np.ptp(images @ KERNEL)


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0, 0], [1, 1]), ([0], [0]), ([np.nan], [1]), ([0], [1, np.inf, 1]), ([0], [1e-45])],
)
def test_a_normalization_that_is_none_is_one_line(float_network, tmp_path, mean, std):
    path = tmp_path / "f.tflite"
    path.write_bytes(saying(float_network, mean, std))
    with pytest.raises(UserError) as refused:
        TFLiteModel(path)
    said = str(refused.value)
    assert "one mean and one standard deviation above 0" in said and "f.tflite" in said
    assert "\n" not in said
