"""What cameras do to a picture, judged by NumPy and Pillow."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from segnet_tf import config
from segnet_tf.data.augment import PRESETS, STANDARD, augment
from segnet_tf.data.photometric import Camera, photograph
from segnet_tf.errors import UserError

SHAPE = (24, 32, 3)
IMAGE = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.float32)


def seeds(count=40):
    return [tf.constant([5, number], tf.int64) for number in range(count)]


def photo(camera, seed, image=IMAGE):
    return photograph(tf.constant(image), seed, camera).numpy()


def test_white_balance_is_a_gain_for_each_channel():
    gains = []
    for seed in seeds():
        found = photo(Camera(white_balance=0.2), seed, np.full(SHAPE, 100, np.float32))
        assert np.ptp(found, axis=(0, 1)).max() < 1e-3
        gains.append(found[0, 0] / 100)
    gains = np.array(gains)
    assert gains.min() < 0.85 and gains.max() > 1.15 and np.abs(gains - 1).max() <= 0.2001
    assert np.abs(np.corrcoef(gains.T)[np.triu_indices(3, 1)]).max() < 0.5


def test_gamma_keeps_black_and_white_and_has_its_exponent():
    image = np.stack([np.zeros((4, 4)), np.full((4, 4), 64), np.full((4, 4), 255)], -1)
    exponents = []
    for seed in seeds():
        found = photo(Camera(gamma=0.5), seed, image.astype(np.float32))[0, 0]
        assert found[0] == 0 and found[2] == pytest.approx(255)
        exponents.append(np.log(found[1] / 255) / np.log(64 / 255))
    exponents = np.log(exponents)
    assert exponents.min() < -0.35 and exponents.max() > 0.35 and np.abs(exponents).max() <= 0.5001


def test_that_share_of_the_images_is_grey():
    found = [photo(Camera(grey=0.5), seed) for seed in seeds(80)]
    grey = [np.ptp(image, axis=-1).max() < 1e-3 for image in found]
    assert 0.3 < np.mean(grey) < 0.7
    luma = np.repeat((IMAGE @ np.float32([0.299, 0.587, 0.114]))[..., None], 3, axis=-1)
    for image, is_grey in zip(found, grey, strict=True):
        np.testing.assert_allclose(image, luma if is_grey else IMAGE, atol=0.05)


def test_blur_is_a_gaussian_mean_of_the_mirrored_image():
    camera = Camera(blur=1.5)
    strengths = []
    for seed in seeds(12):
        found = photo(camera, seed)
        fits = []
        for sigma in np.linspace(0.02, 1.5, 400):
            offsets = np.arange(-5, 6)
            weights = np.exp(-0.5 * (offsets / sigma) ** 2)
            weights /= weights.sum()
            padded = np.pad(IMAGE, ((5, 5), (5, 5), (0, 0)), mode="symmetric")
            rows = sum(w * padded[k : k + SHAPE[0]] for k, w in enumerate(weights))
            wanted = sum(w * rows[:, k : k + SHAPE[1]] for k, w in enumerate(weights))
            fits.append((np.abs(found - wanted).mean(), sigma))
        error, sigma = min(fits)
        assert error < 1.0
        strengths.append(sigma)
    assert min(strengths) < 0.5 and max(strengths) > 1.0


def test_noise_has_no_mean_and_differs_from_pixel_to_pixel():
    grey = np.full((64, 64, 3), 128, np.float32)
    spreads = []
    for seed in seeds(12):
        noise = photo(Camera(noise=10.0), seed, grey) - 128
        spreads.append(noise.std())
        assert abs(noise.mean()) < 0.5
        assert abs((noise[1:] * noise[:-1]).mean()) < 0.1 * noise.var() + 1e-6
    assert min(spreads) < 4 and 7 < max(spreads) <= 10.5


def test_noise_is_independent_of_the_other_draws():
    grey = np.full((8, 8, 3), 128, np.float32)
    first, gains = [], []
    for seed in seeds(100):
        noise = photo(Camera(noise=20.0), seed, grey) - 128
        first.append(abs(noise[0, 0, 0]) / noise.std())
        gains.append(photo(Camera(white_balance=0.2), seed, grey)[0, 0, 0] / 128 - 1)
    assert abs(np.corrcoef(first, gains)[0, 1]) < 0.3


def test_jpeg_is_libjpegs_for_half_of_the_images():
    smooth = np.linspace(0, 255, 24 * 32 * 3).reshape(SHAPE).astype(np.float32)
    found = [photo(Camera(jpeg=10), seed, smooth) for seed in seeds()]
    changed = [image for image in found if np.abs(image - smooth).max() > 0]
    assert 0.3 < len(changed) / len(found) < 0.7
    worst = max(np.abs(image - smooth).mean() for image in changed)
    file = io.BytesIO()
    Image.fromarray(smooth.round().astype(np.uint8)).save(file, "JPEG", quality=12)
    theirs = np.abs(np.asarray(Image.open(file), np.float32) - smooth).mean()
    assert 0.5 * theirs < worst < 2 * theirs


def test_strong_changes_colors_only_and_standard_is_what_it_was():
    labels = np.arange(24 * 32, dtype=np.uint8).reshape(SHAPE[:2])
    for seed in seeds(5):
        pairs = {}
        for name in ("standard", "strong"):
            # The same colors before the camera.
            preset = dataclasses.replace(STANDARD, camera=PRESETS[name].camera)
            found = augment(tf.constant(IMAGE), tf.constant(labels), seed, (20, 20), preset)
            pairs[name] = [part.numpy() for part in found]
        np.testing.assert_array_equal(pairs["standard"][1], pairs["strong"][1])
        assert np.abs(pairs["standard"][0] - pairs["strong"][0]).mean() > 1
        assert pairs["strong"][0].min() >= 0 and pairs["strong"][0].max() <= 255
        again = augment(tf.constant(IMAGE), tf.constant(labels), seed, (20, 20), preset)[0]
        np.testing.assert_array_equal(again, pairs["strong"][0])


def test_configuration_names_the_presets():
    assert set(config.AUGMENTATIONS) == set(PRESETS)


@pytest.mark.parametrize(
    ("name", "value"), [("grey", 1.5), ("blur", -1.0), ("jpeg", 0), ("gamma", float("nan"))]
)
def test_value_out_of_range_is_one_line(name, value):
    with pytest.raises(UserError, match=f"`{name}` must be .*Received: {value}"):
        Camera(**{name: value})
