"""Augmentation, judged by pictures that say where each of their pixels came from."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.data import VOID
from segnet_tf.data.augment import NONE, STANDARD, Augmentation, augment
from segnet_tf.errors import UserError

HEIGHT, WIDTH = 120, 200
GEOMETRY = Augmentation(flip=True, rotation=25, scale=(0.6, 1.7))


def run(image, labels, seed, crop=None, augmentation=STANDARD):
    seed = tf.constant([7, seed], tf.int64)
    moved, moved_labels = augment(tf.constant(image), tf.constant(labels), seed, crop, augmentation)
    assert moved.dtype == tf.float32
    assert moved_labels.dtype == tf.uint8
    return moved.numpy(), moved_labels.numpy()


def coordinates():
    """An image whose red is the column and green the row; and both as label maps."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.uint8)
    return np.dstack([x, y, np.zeros_like(x)]), x, y


def patches():
    """Labels in patches of 20 pixels, and an image whose color is a code of the label."""
    ids = np.random.default_rng(1).integers(0, 11, (HEIGHT // 20, WIDTH // 20))
    labels = np.kron(ids, np.ones((20, 20), np.int64)).astype(np.uint8)
    return np.dstack([labels * 20, 255 - labels * 20, labels * 7]).astype(np.uint8), labels


def inner(known: np.ndarray, margin: int) -> np.ndarray:
    """Pixels whose whole neighbourhood is `known`."""
    padded = np.pad(known, margin, constant_values=False)
    size = 2 * margin + 1
    return np.lib.stride_tricks.sliding_window_view(padded, (size, size)).all((2, 3))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("crop", [None, (96, 130), (160, 90), (240, 320)])
def test_image_and_labels_come_from_the_same_place(seed, crop):
    """Red and green are the source's coordinates: labels must round to the same ones."""
    image, columns, rows = coordinates()
    for channel, source in ((0, columns), (1, rows)):
        moved, labels = run(image, source, seed, crop, GEOMETRY)
        assert moved.shape == (*(crop or (HEIGHT, WIDTH)), 3)
        known = labels != VOID
        assert known.mean() > 0.1
        sure = inner(known, 1)
        distance = np.abs(moved[..., channel] - labels.astype(np.float32))[sure]
        assert distance.max() <= 0.51  # Nearest is at most half a pixel away.


@pytest.mark.parametrize("seed", range(10))
def test_the_map_is_a_flip_turn_and_zoom_within_the_limits(seed):
    """A straight-line fit to the coordinates read back gives the transform that was made."""
    image, columns, _ = coordinates()
    moved, labels = run(image, columns, seed, None, GEOMETRY)
    y, x = np.nonzero(inner(labels != VOID, 1))
    design = np.stack([x, y, np.ones_like(x)], 1).astype(np.float64)
    fit, residual, *_ = np.linalg.lstsq(design, moved[y, x, :2].astype(np.float64), rcond=None)
    assert residual.max() / len(x) < 1e-3
    matrix = fit[:2].T
    zoom = 1 / np.sqrt(abs(np.linalg.det(matrix)))
    assert 0.6 <= zoom <= 1.7
    unflipped = matrix * zoom * [[np.sign(np.linalg.det(matrix))], [1]]
    angle = np.degrees(np.arctan2(unflipped[1, 0], unflipped[1, 1]))
    np.testing.assert_allclose(unflipped @ unflipped.T, np.eye(2), atol=1e-3)
    assert abs(angle) <= 25.001


def test_the_draws_fill_their_ranges():
    image, columns, _ = coordinates()
    flips, zooms = [], []
    for seed in range(1000, 1120):
        moved, _ = run(image, columns, seed, (20, 20), Augmentation(flip=True, scale=(0.5, 2)))
        steps = np.diff(moved[10, :, 0])
        step = np.median(steps)
        flips.append(step < 0)
        zooms.append(1 / abs(step))
    assert 0.3 < np.mean(flips) < 0.7
    assert min(zooms) < 0.6
    assert max(zooms) > 1.7
    assert 0.3 < np.mean(np.array(zooms) < 1) < 0.7  # As often smaller as larger.


@pytest.mark.parametrize("seed", range(6))
def test_colors_that_encode_labels_still_do_and_no_label_is_invented(seed):
    image, labels = patches()
    geometry = Augmentation(flip=True, rotation=20, scale=(0.7, 1.6))
    moved, moved_labels = run(image, labels, seed, (100, 140), geometry)
    assert set(np.unique(moved_labels)) <= {*np.unique(labels).tolist(), VOID}
    # Away from edges of patches no two labels mix in the bilinear color.
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(moved_labels, 2), (5, 5))
    same = (windows == moved_labels[..., None, None]).all((2, 3)) & (moved_labels != VOID)
    assert same.mean() > 0.2
    np.testing.assert_allclose(moved[same, 0], moved_labels[same] * 20.0, atol=0.01)
    np.testing.assert_allclose(moved[same, 2], moved_labels[same] * 7.0, atol=0.01)


def test_rotation_uncovers_void_and_only_the_corners():
    labels = np.full((100, 100), 4, np.uint8)
    image = np.full((100, 100, 3), 80, np.uint8)
    seen = []
    for seed in range(30):
        moved, turned = run(image, labels, seed, None, Augmentation(rotation=45))
        void = turned == VOID
        seen.append(void.mean())
        y, x = np.mgrid[:100, :100] - 49.5
        assert not void[np.hypot(x, y) < 49].any()
        assert np.abs(moved - 80).max() < 1e-3  # Mirrored: no black corners to learn.
    # At 45 degrees a square covers 2 sqrt(2) - 2 = 82.8 % of its own place.
    assert 0.15 < max(seen) <= 0.1716 + 0.005
    assert min(seen) < 0.06


def test_zooming_out_and_large_crops_uncover_void():
    image, labels = patches()
    for augmentation, crop, share in (
        (Augmentation(scale=(0.5, 0.5)), None, 0.25),
        (NONE, (2 * HEIGHT, 2 * WIDTH), 0.25),
        (NONE, (HEIGHT, WIDTH), 1.0),
        (Augmentation(scale=(1.5, 1.5)), None, 1.0),
    ):
        for seed in range(5):
            _, moved = run(image, labels, seed, crop, augmentation)
            assert (moved != VOID).mean() == pytest.approx(share, abs=0.02)


def test_nothing_asked_changes_nothing():
    image, labels = patches()
    moved, moved_labels = run(image, labels, 0, None, NONE)
    assert np.array_equal(moved, image)
    assert np.array_equal(moved_labels, labels)


def test_a_plain_crop_is_a_window_of_the_image_bit_for_bit():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    _, columns, rows = coordinates()
    corners = set()
    for seed in range(40):
        moved, x = run(image, columns, seed, (30, 51), NONE)
        _, y = run(image, rows, seed, (30, 51), NONE)
        top, left = int(y[0, 0]), int(x[0, 0])
        assert np.array_equal(moved, image[top : top + 30, left : left + 51])
        corners.add((top, left))
    assert len(corners) > 35
    tops, lefts = zip(*corners, strict=True)
    assert min(tops) < 15 and max(tops) > HEIGHT - 30 - 15
    assert min(lefts) < 20 and max(lefts) > WIDTH - 51 - 20


def test_flip_alone_mirrors_bit_for_bit():
    image, labels = patches()
    kinds = set()
    for seed in range(12):
        moved, moved_labels = run(image, labels, seed, None, Augmentation(flip=True))
        flipped = not np.array_equal(moved, image)
        expected = (image[:, ::-1], labels[:, ::-1]) if flipped else (image, labels)
        assert np.array_equal(moved, expected[0])
        assert np.array_equal(moved_labels, expected[1])
        kinds.add(flipped)
    assert kinds == {True, False}


def colorful():
    rng = np.random.default_rng(3)
    return rng.integers(70, 150, (40, 50, 3), np.uint8), np.zeros((40, 50), np.uint8)


LUMA = np.array([0.299, 0.587, 0.114])


def test_brightness_multiplies_contrast_keeps_the_mean_saturation_keeps_the_grey():
    image, labels = colorful()
    plain = image.astype(np.float64)
    for seed in range(10):
        bright, _ = run(image, labels, seed, None, Augmentation(brightness=0.3))
        ratio = bright / plain
        assert 0.7 <= ratio.min() and ratio.max() <= 1.3
        assert np.ptp(ratio) < 1e-4

        contrast, _ = run(image, labels, seed, None, Augmentation(contrast=0.3))
        grey = (plain.mean((0, 1)) * LUMA).sum()
        ratio = (contrast - grey) / (plain - grey)
        assert 0.7 <= np.median(ratio) <= 1.3
        np.testing.assert_allclose(contrast, grey + np.median(ratio) * (plain - grey), atol=0.01)

        vivid, _ = run(image, labels, seed, None, Augmentation(saturation=0.9))
        own = (plain @ LUMA)[..., None]
        amount = np.median((vivid - own) / (plain - own))
        assert 0.1 <= amount <= 1.9
        np.testing.assert_allclose(vivid, own + amount * (plain - own), atol=0.01)
        np.testing.assert_allclose(vivid @ LUMA, own[..., 0], atol=0.01)


def test_colors_stay_in_range_and_leave_labels_alone():
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
    labels = np.random.default_rng(1).integers(0, 5, (30, 30)).astype(np.uint8)
    wild = Augmentation(brightness=1, contrast=1, saturation=1)
    for seed in range(10):
        moved, moved_labels = run(image, labels, seed, None, wild)
        assert 0 <= moved.min() and moved.max() <= 255
        assert np.array_equal(moved_labels, labels)


def test_the_seed_decides():
    image, labels = patches()
    first, again, other = (run(image, labels, seed, (64, 64)) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    "arguments",
    [
        {"scale": (0.0, 1.0)},
        {"scale": (1.5, 1.0)},
        {"scale": (1.0, float("inf"))},
        {"scale": (float("nan"), 1.0)},
        {"rotation": -1},
        {"rotation": 181},
        {"brightness": 1.5},
        {"contrast": -0.1},
        {"saturation": float("nan")},
    ],
)
def test_values_out_of_range_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(UserError, match=f"`{name}` must be .* Received: "):
        Augmentation(**arguments)
