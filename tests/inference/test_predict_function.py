"""`segnet_tf.predict`: the class of every pixel, from every form of model and image."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import segnet_tf
from segnet_tf.errors import UserError


def by_color(size=(None, None), channels=3):
    """A model whose logits are the image itself: the class is the brightest channel."""
    image = keras.Input((*size, 3))
    kernel = np.eye(3, dtype=np.float32)[:, :channels].reshape(1, 1, 3, channels)
    convolution = keras.layers.Conv2D(channels, 1, name="logits")
    model = keras.Model(image, convolution(image))
    # One channel is foreground where red is above 100.
    convolution.set_weights([kernel, np.full(channels, -100.0, np.float32)])
    return model


def picture(seed=0, size=(12, 17)):
    return (
        np.random.default_rng(seed)
        .permuted(np.arange(size[0] * size[1] * 3) % 256)
        .astype(np.uint8)
        .reshape(*size, 3)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_an_image_and_a_batch_of_any_dtype(dtype):
    images = np.stack([picture(0), picture(1)])
    wanted = images.argmax(-1)
    found = segnet_tf.predict(by_color(), images.astype(dtype))
    assert found.dtype == np.int32 and found.shape == (2, 12, 17)
    np.testing.assert_array_equal(found, wanted)
    one = segnet_tf.predict(by_color(), images[1].astype(dtype))
    assert one.shape == (12, 17)
    np.testing.assert_array_equal(one, wanted[1])


def test_one_logit_is_foreground_above_zero():
    found = segnet_tf.predict(by_color(channels=1), picture())
    np.testing.assert_array_equal(found, picture()[..., 0] > 100)


def test_a_model_of_a_fixed_size_gives_the_images_size():
    image = np.zeros((12, 17, 3), np.uint8)
    image[..., 2] = 200
    found = segnet_tf.predict(by_color((24, 40)), image)
    np.testing.assert_array_equal(found, np.full((12, 17), 2))


def test_files_and_folders_are_loaded(tmp_path):
    by_color().save(tmp_path / "best.keras")
    for model in (tmp_path, str(tmp_path / "best.keras")):
        np.testing.assert_array_equal(segnet_tf.predict(model, picture()), picture().argmax(-1))


def test_a_tflite_file_is_run(tmp_path):
    path = tmp_path / "m.tflite"
    by_color((12, 17)).export(path, format="litert", verbose=False)
    np.testing.assert_array_equal(segnet_tf.predict(path, picture()), picture().argmax(-1))


def test_flip_averages_with_the_mirrored_image():
    # Pixel by pixel the model sees no neighbours: the mirror changes nothing.
    found = segnet_tf.predict(by_color(), picture(), flip=True)
    np.testing.assert_array_equal(found, picture().argmax(-1))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((12, 17)),
        np.zeros((12, 17, 4)),
        np.zeros((0, 17, 3)),
        np.zeros((1, 1, 12, 17, 3)),
        np.zeros((12, 17, 3), bool),
        [["a picture"]],
        None,
    ],
)
def test_what_is_no_image_is_one_line(image):
    with pytest.raises(UserError, match="`image` must be RGB 0..255.*Received: shape ") as error:
        segnet_tf.predict(by_color(), image)
    assert "\n" not in str(error.value)


def test_what_is_no_model_is_one_line():
    with pytest.raises(UserError, match="`model` must be a run folder"):
        segnet_tf.predict("nowhere.keras", picture())
